"""A municipality's programmes as they hold on a day: what its administrator has written since, else the file it came with."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from services.chassis.store import Tx
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.repository import plans

FILE = "programmes.yaml"


async def programmes(tx: Tx, municipality: str, on: date) -> Programmes:
    """In force on a day. A file is read once per process: it never changes."""
    row = await _in_force(tx, municipality, on)
    if row is None:
        return plans.programmes(municipality, tx.store.settings.plans_folder)
    return _read(row["id"], row["content"], municipality)


async def text(tx: Tx, municipality: str, on: date) -> str:
    """The same as it is written."""
    row = await _in_force(tx, municipality, on)
    return str(row["content"]) if row else plans.text_of(municipality, FILE, tx.store.settings.plans_folder)


async def _in_force(tx: Tx, municipality: str, on: date) -> Any:
    return await tx.fetchrow(
        "select id, content from programme_file where municipality = $1 and from_on <= $2 and withdrawn_at is null"
        " order by from_on desc, id desc limit 1",
        municipality,
        on,
    )


@lru_cache(maxsize=256)
def _read(_: UUID, content: str, municipality: str) -> Programmes:
    return plans.read_text(content, Programmes, f"{municipality}/{FILE}")


async def coming(tx: Tx, municipality: str, on: date) -> Any:
    """The file that does not hold yet on that day, locked against another; None where there is none."""
    await tx.execute("select pg_advisory_xact_lock(hashtext('programme_file'), hashtext($1))", municipality)
    return await tx.fetchrow(
        "select * from programme_file where municipality = $1 and from_on > $2 and withdrawn_at is null", municipality, on
    )


async def keep(tx: Tx, number: UUID, municipality: str, content: str, from_on: date, by: UUID, at: datetime) -> None:
    await tx.execute(
        "insert into programme_file (id, municipality, content, from_on, uploaded_by, uploaded_at)"
        " values ($1, $2, $3, $4, $5, $6)",
        *(number, municipality, content, from_on, by, at),
    )


async def withdraw(tx: Tx, number: UUID, by: UUID, at: datetime) -> None:
    await tx.execute("update programme_file set withdrawn_by = $2, withdrawn_at = $3 where id = $1", number, by, at)


async def all_of(tx: Tx, municipality: str) -> list[Any]:
    """The newest first, without their content."""
    return await tx.fetch(
        "select id, from_on, uploaded_by, uploaded_at, withdrawn_by, withdrawn_at from programme_file"
        " where municipality = $1 order by id desc limit 100",
        municipality,
    )
