"""Underretninger in PostgreSQL: what was given stands as it was; its clocks' answers are written beside it."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.chassis.sealed import seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.sundhedspleje.domain.underretning import Underretning

_PLACE = "underretning.sealed"
_UNDERRETNING = (
    "select id, child, municipality, notifier, notifier_unit, to_unit, given_at, assess_by, receipt_by, assessed_at, assessment,"
    " receipt_at, said from underretning"
)


def underretning_in(row: asyncpg.Record) -> Underretning:
    return Underretning(**{**row, "said": tuple(row["said"])})


async def save(tx: Tx, secrets: Secrets, given: Underretning, text: str | None) -> None:
    """The text is sealed under a key of the underretning's own: it does not follow the child's file."""
    seal = await seal_of(tx, secrets, given.municipality, given.id) if text else None
    await tx.execute(
        "insert into underretning (id, child, municipality, notifier, notifier_unit, to_unit, given_at, assess_by, receipt_by,"
        " sealed) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        given.id, given.child, given.municipality, given.notifier, given.notifier_unit, given.to_unit, given.given_at,
        given.assess_by, given.receipt_by, seal.close(text, f"{_PLACE}/{given.id}") if seal and text else None,
    )  # fmt: skip


async def text_of(tx: Tx, secrets: Secrets, given: Underretning) -> str | None:
    """TextWasErased where its key is destroyed."""
    sealed = await tx.fetchval("select sealed from underretning where id = $1", given.id)
    if sealed is None:
        return None
    return (await seal_of(tx, secrets, given.municipality, given.id)).open(sealed, f"{_PLACE}/{given.id}")


async def underretning(tx: Tx, number: UUID, for_change: bool = False) -> Underretning | None:
    row = await tx.fetchrow(f"{_UNDERRETNING} where id = $1{' for update' if for_change else ''}", number)
    return underretning_in(row) if row else None


async def record(tx: Tx, stands: Underretning, by: UUID) -> None:
    """The answers of the two clocks, as far as there are any."""
    await tx.execute(
        "update underretning set assessed_at = $2, assessment = $3, assessed_by = case when $2::timestamptz is null then null"
        " else coalesce(assessed_by, $5) end, receipt_at = $4, receipt_recorded_by = case when $4::timestamptz is null then null"
        " else coalesce(receipt_recorded_by, $5) end where id = $1",
        stands.id, stands.assessed_at, stands.assessment, stands.receipt_at, by,
    )  # fmt: skip


async def listed(
    tx: Tx,
    notifier: UUID | None,
    unit: UUID | None,
    child: UUID | None,
    open_until: datetime | None,
    after: UUID | None,
    limit: int,
) -> list[Underretning]:
    """Those one has given, a unit has received, or about a child.

    `open_until`: with a clock that runs out by then and has no answer yet.
    """
    rows = await tx.fetch(
        f"{_UNDERRETNING} where ($1::uuid is null or notifier = $1) and ($2::uuid is null or to_unit = $2)"  # noqa: S608 - our own text
        " and ($6::uuid is null or child = $6)"
        " and ($3::timestamptz is null or (assessed_at is null and assess_by <= $3) or (receipt_at is null and receipt_by <= $3))"
        " and ($4::uuid is null or (given_at, id) > (select a.given_at, a.id from underretning a where a.id = $4))"
        " order by given_at, id limit $5",
        notifier, unit, open_until, after, limit, child,
    )  # fmt: skip
    return [underretning_in(row) for row in rows]
