"""SQL of a family's own log-in: passes, and what of its children stands here; row-level security lets it see no others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from services.chassis.store import Store, Tx
from services.persons.repository.consents import Custody


@dataclass(frozen=True)
class Family:
    """Whose pass it is, and the children it names."""

    person: UUID
    children: tuple[UUID, ...]


def digest(secret: str) -> bytes:
    """What is kept of a pass: its secret is random, so that no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


async def give_pass(
    store: Store, who: dict[str, str], blinds: Sequence[bytes], secret: str, seconds: int
) -> dict[str, Any] | None:
    """`{person, children}`, or None for a log-in that is nobody's, or of somebody without children."""
    found: dict[str, Any] | None = await store.call(
        "give_pass", who.get("issuer", ""), who.get("login", ""), list(blinds), digest(secret), seconds
    )
    return found


async def family_of(tx: Tx) -> Family:
    """Who asks, as the transaction was opened for their pass."""
    row = await tx.fetchrow(
        "select current_setting('tovholder.person') as person, current_setting('tovholder.children') as children"
    )
    assert row is not None, "one row always"
    return Family(UUID(row["person"]), tuple(map(UUID, orjson.loads(row["children"]))))


async def child_of(tx: Tx, child: UUID) -> Custody | None:
    """One of the family's children; what is sealed of it stays closed."""
    row = await tx.fetchrow(
        "select id, municipality, (select lives_on_as(m.mother) from person m where m.id in (select stands_for($1))"
        "   and m.mother is not null order by m.id limit 1) as mother,"
        " exists (select from person m where m.id in (select stands_for($1)) and m.custody_registered) as registered"
        " from person where id = $1 and merged_into is null and kind = 'child'",
        child,
    )
    return Custody(**row) if row else None


async def giver_of(tx: Tx, consent: UUID) -> UUID | None:
    """Who gave a consent about one of the family's children; None where there is none that the family may see."""
    found: UUID | None = await tx.fetchval("select lives_on_as(given_by) from consent where id = $1", consent)
    return found


async def stands_for(tx: Tx, child: UUID) -> list[UUID]:
    """The child and the records merged into it."""
    return [row["reference"] for row in await tx.fetch("select stands_for($1) as reference", child)]


async def own_references(tx: Tx) -> frozenset[UUID]:
    """Who asks, under every reference that lives on as theirs."""
    own = await tx.fetchval("select current_setting('tovholder.own')")
    return frozenset(map(UUID, orjson.loads(own)))


async def surveyed_on(tx: Tx, person: UUID) -> date | None:
    """The day on which a link to the survey was last given to this person."""
    found: date | None = await tx.fetchval("select given_on from surveyed where person = $1", person)
    return found


async def survey_given(tx: Tx, person: UUID, today: date, last_before: date) -> date:
    """Notes that a link is given today, unless one was given after `last_before`; the day of the newest one."""
    given_on: date = await tx.fetchval(
        "insert into surveyed (person, municipality, given_on)"
        " values ($1, current_setting('tovholder.municipality'), $2)"
        " on conflict (person) do update set given_on ="
        "   case when surveyed.given_on <= $3 then excluded.given_on else surveyed.given_on end returning given_on",
        *(person, today, last_before),
    )
    return given_on
