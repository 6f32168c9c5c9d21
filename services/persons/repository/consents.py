"""SQL of what may be disclosed: who holds custody, consents given and withdrawn, and each decision with its basis."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import asyncpg

from services.chassis.calendar import date_of
from services.chassis.store import Tx
from services.persons.domain import disclosure
from services.persons.repository import Person, custody_of

_KIND_OF_UNIT = {
    **dict.fromkeys(("sundhedspleje", "maternity", "intake"), "health"),
    **dict.fromkeys(("institution", "dagpleje", "placement"), "daycare"),
    "social": "social",
}


async def register_custody(tx: Tx, child: Person, holders: Sequence[UUID], from_on: date) -> None:
    """Replaces what stood from that date on; what was before it stays as history."""
    await tx.execute("update person set custody_registered = true where id = $1", child.id)
    await tx.execute("delete from custody where child = $1 and from_on >= $2", child.id, from_on)
    await tx.execute(
        "update custody set until_on = $2::date - 1 where child = $1 and coalesce(until_on, 'infinity') >= $2", child.id, from_on
    )
    for holder in dict.fromkeys(holders):
        await tx.execute(
            "insert into custody (child, holder, municipality, from_on) values ($1, $2, $3, $4)",
            child.id,
            holder,
            child.municipality,
            from_on,
        )


async def consents_of(tx: Tx, child: UUID) -> tuple[disclosure.Consent, ...]:
    """Those that have not been withdrawn and were given to the municipality that the child belongs to now."""
    rows = await tx.fetch(
        "select c.*, lives_on_as(c.given_by) as giver from consent c"
        " join person p on p.id = $1 and p.municipality = c.municipality"
        " where c.child in (select stands_for($1)) and c.withdrawn_at is null",
        child,
    )
    return tuple(
        disclosure.Consent(
            row["giver"],
            row["about"],
            row["recipient_kind"],
            row["purpose"],
            frozenset(row["categories"]),
            row["from_on"],
            row["until_on"],
        )
        for row in rows
    )


async def add_consent(tx: Tx, consent: disclosure.Consent, number: UUID, child: Person, by: UUID | None, at: datetime) -> None:
    await tx.execute(
        "insert into consent (id, child, municipality, about, given_by, recipient_kind, purpose, categories,"
        " from_on, until_on, recorded_by, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        number, child.id, child.municipality, consent.about, consent.given_by, consent.recipient_kind, consent.purpose,
        sorted(consent.categories),
        consent.from_on, consent.until_on, by, at,
    )  # fmt: skip


async def consent(tx: Tx, number: UUID) -> asyncpg.Record | None:
    """Locked, so that of two withdrawals one finds it withdrawn."""
    return await tx.fetchrow(
        "select lives_on_as(child) as child, withdrawn_at from consent where id = $1 for no key update", number
    )


async def withdraw_consent(tx: Tx, number: UUID, by: UUID | None, at: datetime) -> None:
    await tx.execute("update consent set withdrawn_by = $2, withdrawn_at = $3 where id = $1", number, by, at)


async def facts_for(
    tx: Tx,
    child: Person,
    recipient_kind: str,
    purpose: str,
    categories: Sequence[str],
    to_unit: UUID | None,
    invoked: str | None,
    at: datetime,
) -> disclosure.Facts:
    """What the rule looks at, as it stands now. What is known of the unit goes before what the asker calls it."""
    unit = await tx.fetchrow("select kind, private, municipality from unit where id = $1", to_unit) if to_unit else None
    kind = _KIND_OF_UNIT.get(unit["kind"], recipient_kind) if unit else recipient_kind
    recipient = disclosure.Recipient(
        kind, unit["private"] if unit else False, unit is None or unit["municipality"] in (None, child.municipality)
    )
    on = date_of(at)
    return disclosure.Facts(
        recipient,
        purpose,
        tuple(categories),
        on,
        child.mother,
        await custody_of(tx, child.id, on),
        child.custody_registered,
        await consents_of(tx, child.id),
        invoked,
    )


async def record_decision(
    tx: Tx,
    number: UUID,
    child: Person,
    facts: disclosure.Facts,
    decision: disclosure.Decision,
    to_unit: UUID | None,
    asked_by: str,
    at: datetime,
) -> None:
    await tx.execute(
        "insert into decision (id, child, municipality, recipient_kind, to_unit, purpose, invoked, basis,"
        " allowed, withheld, bases, asked_by, at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        number, child.id, child.municipality, facts.recipient.kind, to_unit, facts.purpose, facts.invoked, decision.basis,
        list(decision.allowed), list(decision.withheld), dict(decision.bases), asked_by, at,
    )  # fmt: skip


async def all_consents(tx: Tx, child: UUID) -> list[asyncpg.Record]:
    """Those given to the municipality the child belongs to now, withdrawn ones too, newest first."""
    return await tx.fetch(
        "select c.id, lives_on_as(c.given_by) as given_by, c.about, c.recipient_kind, c.purpose, c.categories, c.from_on,"
        " c.until_on, c.recorded_at, c.withdrawn_at from consent c join person p on p.id = $1 and p.municipality = c.municipality"
        " where c.child in (select stands_for($1)) order by c.recorded_at desc",
        child,
    )
