"""SQL of many people at once, as far as a list of names asks: no number and no address is opened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.party import Caller
from services.chassis.sealed import unwrap
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.persons import repository
from services.persons.domain.matching import Fact
from services.persons.repository import consents


@dataclass(frozen=True)
class Named:
    """What a person is called, read together with all that were merged into them. `facts`: empty where they were erased."""

    id: UUID
    municipality: str
    kind: str
    status: str | None
    mother: UUID | None
    protected: bool
    merged_into: UUID | None
    facts: Mapping[str, Fact]

    def value(self, name: str) -> Any:
        return self.facts[name].value if name in self.facts else None


async def named(tx: Tx, secrets: Secrets, people: Iterable[UUID]) -> list[Named]:
    """Those whom the asking party may see, by reference."""
    rows = await tx.fetch(
        "select a.asked, p.id, p.municipality, p.kind, p.status, p.protected, p.particulars, k.wrapped_by, k.wrapped,"
        " case when p.mother is not null then lives_on_as(p.mother) end as mother,"
        " case when p.merged_into is not null then lives_on_as(p.merged_into) end as survivor"
        " from unnest($1::uuid[]) a(asked) cross join lateral stands_for(a.asked) s(id) join person p on p.id = s.id"
        " left join sealing_key k on k.id = p.id order by a.asked, p.id",
        list(dict.fromkeys(people)),
    )
    each = [list(found) for _, found in groupby(rows, lambda row: row["asked"])]
    # The oldest is the one asked for; where only others live on as it, this party may not see it.
    return [_together(secrets, found) for found in each if found[0]["id"] == found[0]["asked"]]


def _together(secrets: Secrets, rows: Sequence[asyncpg.Record]) -> Named:
    own = rows[0]
    return Named(
        id=own["id"],
        municipality=own["municipality"],
        kind=own["kind"],
        status="born" if any(row["status"] == "born" for row in rows) else own["status"],
        mother=next((row["mother"] for row in rows if row["mother"]), None),
        protected=any(row["protected"] for row in rows),
        merged_into=own["survivor"],
        facts=repository.newest([_facts(secrets, row) for row in rows]),
    )


def _facts(secrets: Secrets, row: asyncpg.Record) -> dict[str, Fact]:
    if not row["particulars"] or row["wrapped"] is None:
        return {}
    return repository.facts_in(unwrap(secrets, row["wrapped_by"], row["wrapped"], row["id"]), row["particulars"])


async def relations(
    tx: Tx, secrets: Secrets, caller: Caller, people: Sequence[Named], at: datetime
) -> dict[UUID, frozenset[str]]:
    """How a caller stands to each. Adults, and children of a unit that may be private, are looked at one by one."""
    if caller.professional is None:
        return {one.id: repository.of_a_system(caller, one.municipality) for one in people}
    units, led = [seat.unit for seat in caller.seats], [seat.unit for seat in caller.seats if seat.leads]
    children = [(ref, one) for one in people if one.kind == "child" for ref in (one.id, one.merged_into) if ref]
    rows = await tx.fetch(
        "select a.id, relations(a.child, a.municipality, $4, $5, $6) as roles"
        " from unnest($1::uuid[], $2::uuid[], $3::text[]) a(id, child, municipality)",
        *([one.id for _, one in children], [ref for ref, _ in children], [one.municipality for _, one in children]),
        *(caller.professional, units, led),
    )
    found: dict[UUID, frozenset[str]] = {}
    for row in rows:
        found[row["id"]] = found.get(row["id"], frozenset()) | frozenset(row["roles"])
    for one in people:
        if one.kind != "child" or "daycare" in found[one.id]:
            person = await repository.person_of(tx, secrets, one.id)
            found[one.id] = await consents.relations(tx, caller, person, at) if person else frozenset()
    return found
