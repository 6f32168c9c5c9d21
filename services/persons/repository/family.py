"""SQL of a family's own log-in: passes, and what of its children stands here; row-level security lets it see no others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
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
