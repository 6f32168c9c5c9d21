"""A municipality's files as they hold on a day: what its administrator has written since, else those it came with."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar
from uuid import UUID

from services.chassis.store import Tx
from services.sundhedspleje.domain.configured import Configured
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.visits import VisitPlans
from services.sundhedspleje.repository import plans

Name = Literal["programmes.yaml", "visits.yaml"]
PROGRAMMES: Name = "programmes.yaml"
VISITS: Name = "visits.yaml"
F = TypeVar("F", bound=Configured)


async def programmes(tx: Tx, municipality: str, on: date) -> Programmes:
    return await file(tx, municipality, on, PROGRAMMES, Programmes)


async def visit_plans(tx: Tx, municipality: str, on: date) -> VisitPlans:
    return await file(tx, municipality, on, VISITS, VisitPlans)


async def file(tx: Tx, municipality: str, on: date, name: Name, model: type[F]) -> F:
    """In force on a day. A written file is read once per process: it never changes."""
    row = await _in_force(tx, municipality, on, name)
    if row is None:
        return plans.configured(municipality, name, model, tx.store.settings.plans_folder)
    found = _read(row["id"], row["content"], f"{municipality}/{name}", model)
    assert isinstance(found, model)
    return found


async def text(tx: Tx, municipality: str, on: date, name: Name) -> str:
    """The same as it is written."""
    row = await _in_force(tx, municipality, on, name)
    return str(row["content"]) if row else plans.text_of(municipality, name, tx.store.settings.plans_folder)


async def content(tx: Tx, number: UUID) -> str:
    """As it was uploaded."""
    return str(await tx.fetchval("select content from written_file where id = $1", number))


async def holds_since(tx: Tx, municipality: str, on: date, name: Name) -> date | None:
    """From which day the uploaded file holds that is in force on a day; None: the municipality's folder is."""
    row = await _in_force(tx, municipality, on, name)
    return row["from_on"] if row else None


async def _in_force(tx: Tx, municipality: str, on: date, name: Name) -> Any:
    return await tx.fetchrow(
        "select id, content, from_on from written_file where municipality = $1 and name = $3 and from_on <= $2"
        " and withdrawn_at is null order by from_on desc, id desc limit 1",
        *(municipality, on, name),
    )


@lru_cache(maxsize=256)
def _read(_: UUID, content: str, place: str, model: type[Configured]) -> Configured:
    return plans.read_text(content, model, place)


async def coming(tx: Tx, municipality: str, on: date, name: Name) -> Any:
    """The file that does not hold yet on that day, locked against another; None where there is none."""
    await tx.execute("select pg_advisory_xact_lock(hashtext('programme_file'), hashtext($1))", municipality)
    return await tx.fetchrow(
        "select * from written_file where municipality = $1 and name = $3 and from_on > $2 and withdrawn_at is null",
        *(municipality, on, name),
    )


async def keep(tx: Tx, number: UUID, municipality: str, name: Name, content: str, from_on: date, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into written_file (id, municipality, name, content, from_on, uploaded_by, uploaded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7)",
        *(number, municipality, name, content, from_on, by, at),
    )


async def withdraw(tx: Tx, number: UUID, by: UUID, at: datetime) -> None:
    await tx.execute("update written_file set withdrawn_by = $2, withdrawn_at = $3 where id = $1", number, by, at)


async def all_of(tx: Tx, municipality: str, name: Name) -> list[Any]:
    """The newest first, without their content."""
    return await tx.fetch(
        "select id, from_on, uploaded_by, uploaded_at, withdrawn_by, withdrawn_at from written_file"
        " where municipality = $1 and name = $2 order by id desc limit 100",
        *(municipality, name),
    )
