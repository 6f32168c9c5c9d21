"""Loads a child in one call and commits a decision in one call; where somebody else was first, says so."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg
from asyncpg.exceptions import PostgresError

from services.chassis import calendar
from services.chassis.envelope import envelope
from services.chassis.errors import Problem, TheChildHasMovedOn, TryAgainSoon
from services.chassis.ids import new_id, partition_of
from services.chassis.party import MACHINE, Bearer, Caller, Party
from services.chassis.sealed import Seal, TextWasErased, new_wrapped_key, unwrap
from services.chassis.service import Present
from services.chassis.settings import Secrets
from services.chassis.store import CONTENDED, Connection, Store, Tx, broken_rule
from services.events.current import TOPIC, CurrentTovholder
from services.events.envelope import Seat
from services.registry.domain import (
    Absence,
    AHandoverIsAlreadyOpen,
    Child,
    Decision,
    Handover,
    Life,
    Noted,
    Rules,
    Rung,
    Supporter,
    TheChildIsClosed,
    TheHandoverIsNoLongerOpen,
    TheReferenceIsMerged,
    TheSeatTakesNobody,
    Unseen,
)
from services.registry.domain.daycare import Daycare
from services.registry.domain.moving import Destination

TRIES = 5
_LOAD = "load_child"

# What PostgreSQL refuses by name, as the rule a person reads.
RULES: Mapping[str, type[Problem]] = {
    "TV001": TheHandoverIsNoLongerOpen,
    "TV002": TheSeatTakesNobody,
    "TV409": TheChildHasMovedOn,
    "holder_has_open_seat": TheSeatTakesNobody,
    "receiver_has_open_seat": TheSeatTakesNobody,
    "one_open_handover": AHandoverIsAlreadyOpen,
    "no_open_handover_on_closed_child": TheChildIsClosed,
    "no_open_link_on_closed_child": TheChildIsClosed,
    "link_follows_link": TheChildHasMovedOn,
    "no_fork": TheChildHasMovedOn,
    "child_pkey": TheChildHasMovedOn,
    "merged_into_only_on_closed": TheReferenceIsMerged,
}
# Somebody else was first, or the store saw a race: reload and decide again.
_RACES = frozenset({"TV001", "TV002", "TV409", "23503", "23505", "40001", "40P01", "55P03"})


class SomebodyWasFirst(Exception):
    """The decision was made on what no longer stands; `rule` says it to a person if deciding again does not help."""

    def __init__(self, rule: Problem) -> None:
        super().__init__(rule.slug())
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Place:
    """Which child: by its reference or by one of its handovers. `to`: the seat a proposal is aimed at; `class_`: what is read."""

    child: UUID | None = None
    handover: UUID | None = None
    to: Seat | None = None
    class_: str | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one call of load_child answers. `child`: None where there is none for who asks; `survivor`: of a merged one."""

    caller: Caller
    at: datetime
    answer: dict[str, Any] | None
    child: Child | None
    to: Rung | None
    found: dict[str, Any]
    survivor: Child | None = None

    def seal(self, secrets: Secrets) -> tuple[Seal, dict[str, Any] | None]:
        """The seal of the child's text, and the new key to store where it had none. TextWasErased after erasure."""
        assert self.child is not None
        key = self.found["key"]
        if key is None:
            name, wrapped, seal = new_wrapped_key(secrets, self.child.municipality, self.child.id)
            return seal, {"wrapped_by": name, "wrapped": wrapped.hex()}
        if key["destroyed"]:
            raise TextWasErased(str(self.child.id))
        return unwrap(secrets, key["wrapped_by"], bytes.fromhex(key["wrapped"]), self.child.id), None


async def load(
    store: Store, bearer: Bearer, who: dict[str, str], key: str | None, place: Place, on: Connection | None = None
) -> Loaded | None:
    """For an HTTP request; None where the directory knows nobody by the token. `on`: a connection held already."""
    to = place.to.model_dump(mode="json") if place.to else None
    found = await store.call(_LOAD, who, place.child, place.handover, bearer.client, key, place.class_, "care", to, False, on=on)
    if found is None:
        return None
    loaded = _loaded(found, Caller.of(bearer, found["caller"]), place.to)
    while (child := loaded.survivor or loaded.child) and child.life.merged_into:
        beyond = await store.call(
            _LOAD, who, child.life.merged_into, None, bearer.client, None, place.class_, "care", None, False, on=on
        )
        if not beyond or not beyond.get("child"):
            break
        loaded = replace(loaded, survivor=_child(beyond))
    return loaded


class Machine(Protocol):
    """Whoever acts without a person: the clock, or a handler in the consumer's transaction."""

    async def load(self, child: UUID) -> Loaded: ...
    async def commit(self, decisions: Sequence[Decision]) -> None: ...
    async def intake_ladder(self, municipality: str, district: UUID | None) -> tuple[Rung, ...]: ...
    async def destination(self, municipality: str) -> Destination: ...


MACHINE_CALLER = Caller(MACHINE, "machine")


class Clock:
    """The machine party on the store, each commit by itself."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, child: UUID) -> Loaded:
        found = await self._store.call(_LOAD, MACHINE.as_json(), child, None, None, None, None, None, None, True, role="machine")
        return _loaded(found, MACHINE_CALLER, None)

    async def commit(self, decisions: Sequence[Decision]) -> None:
        await commit(self._store, MACHINE, [as_json(decision, self._store.partitions) for decision in decisions], role="machine")

    async def intake_ladder(self, municipality: str, district: UUID | None) -> tuple[Rung, ...]:
        return _rungs(await self._store.call("intake_ladder", municipality, district, role="machine"))

    async def destination(self, municipality: str) -> Destination:
        return await destination(self._store, municipality, role="machine")


class InTransaction:
    """The machine in a transaction of its own, on behalf of a party; a lost race undoes its own savepoint only."""

    def __init__(self, tx: Tx, party: Party = MACHINE) -> None:
        self._tx, self._party = tx, party

    async def load(self, child: UUID) -> Loaded:
        found = await self._tx.fetchval(
            "select load_child($1, $2, null, null, null, null, null, null, true)", MACHINE.as_json(), child
        )
        return _loaded(found, MACHINE_CALLER, None)

    async def commit(self, decisions: Sequence[Decision]) -> None:
        await self.write([as_json(decision, self._tx.store.partitions) for decision in decisions])

    async def write(self, written: list[dict[str, Any]], function: str = "commit") -> None:
        """`function`: `commit`, or `commit_many` for a bulk."""
        async with _races(), self._tx.connection.transaction():
            versions = await self._tx.fetchval(f"select registry.{function}($1, $2)", self._party.as_json(), written)
        self._tx.published |= versions

    async def intake_ladder(self, municipality: str, district: UUID | None) -> tuple[Rung, ...]:
        return _rungs(await self._tx.fetchval("select intake_ladder($1, $2)", municipality, district))

    async def destination(self, municipality: str) -> Destination:
        return _destination(municipality, await self._tx.fetchval("select destination($1)", municipality))


async def destination(store: Store, municipality: str, role: str = "api") -> Destination:
    """A municipality a child may have moved to, and who takes in children there."""
    return _destination(municipality, await store.call("destination", municipality, role=role))


def _destination(municipality: str, found: dict[str, Any]) -> Destination:
    return Destination(municipality, found["inside"], _rungs(found["ladder"]))


async def standing(machine: Machine, child: UUID) -> Loaded:
    """A child; of a merged reference the one that survives: what is said of the one is true of the other."""
    loaded = await machine.load(child)
    while loaded.child and loaded.child.life.merged_into:
        loaded = await machine.load(loaded.child.life.merged_into)
    return loaded


async def load_each(
    tx: Tx, caller: Caller, who: dict[str, str], places: Sequence[tuple[UUID, UUID | None]], to: Seat, class_: str | None = None
) -> list[Loaded]:
    """Children with the handover named, or their open one, in one round trip, in this order. `class_`: what is read, logged."""
    rows = await tx.fetch(
        "select load_child($1, x.child, x.handover, $5, null, $6, 'care', $4) as found"
        " from unnest($2::uuid[], $3::uuid[]) with ordinality x(child, handover, place) order by x.place",
        who, [child for child, _ in places], [handover for _, handover in places], to.model_dump(mode="json"),
        caller.client, class_,
    )  # fmt: skip
    return [_loaded(row["found"], caller, to) for row in rows]


async def settle(machine: Machine, child: UUID, decide: Callable[[Child, datetime], Decision | None]) -> bool:
    """Load, decide, commit, again where somebody was first, at most five times. Whether anything was to be done.

    What is decided about a merged reference is decided about its survivor.
    """
    for tried in range(1, TRIES + 1):
        loaded = await standing(machine, child)
        decision = decide(loaded.child, loaded.at) if loaded.child else None
        if decision is None:
            return False
        try:
            await machine.commit([decision])
            return True
        except SomebodyWasFirst as lost:
            if tried == TRIES:
                raise lost.rule from lost
    raise AssertionError("unreachable")


async def commit(
    store: Store,
    party: Party,
    decisions: list[dict[str, Any]],
    answer: dict[str, Any] | None = None,
    role: str = "api",
    on: Connection | None = None,
) -> None:
    """One call, one round trip, one commit. SomebodyWasFirst where it was decided on what no longer stands."""
    async with _races():
        await store.call("commit", party.as_json(), decisions, answer, role=role, on=on)
    store.committed()


@asynccontextmanager
async def _races() -> AsyncIterator[None]:
    try:
        yield
    except PostgresError as error:
        if error.sqlstate in _RACES:
            raise SomebodyWasFirst(broken_rule(error, dict(RULES)) or TheChildHasMovedOn()) from error
        raise
    except TryAgainSoon as error:
        if isinstance(error.__cause__, CONTENDED):
            raise SomebodyWasFirst(error) from error
        raise


def as_json(decision: Decision, partitions: int, seal: Seal | None = None, key: dict[str, Any] | None = None) -> dict[str, Any]:
    """A decision as the SQL function commit() takes it; texts leave here sealed."""
    child = decision.child
    written: dict[str, Any] = {
        "child": child,
        "expected": decision.expected,
        "partition": partition_of(child, partitions),
        "events": [envelope(event, child, f"/registry/children/{child}") for event in decision.events],
    }
    if decision.registers:
        written["registers"] = decision.registers
    if decision.status:
        written["status"] = decision.status
    if decision.reopens:
        written["reopens"] = True
    if decision.life:
        written["life"] = decision.life
        if matter := decision.life.get("matter"):
            written["life"] = {**decision.life, "matter": {**matter, "id": new_id()}}
    if decision.municipality:
        written["municipality"] = decision.municipality
    if decision.shared_with is not None:
        written["shared_with"] = decision.shared_with
    if holder := decision.holder:
        written["holder"] = {
            **_seat(holder.seat),
            "why": holder.why,
            "by": holder.by,
            "handover": holder.handover,
            "reason": holder.reason,
        }
    if handover := decision.handover:
        written["handover"] = _handover_json(handover)
        written["new"] = decision.is_new
        if decision.offers:
            written["offer"] = _seat(handover.receiver)
    if decision.asks:
        written["asks"] = {"id": decision.asks, "by": decision.by}
    if decision.answers:
        written["answers"] = {"id": decision.answers, "by": decision.by}
    if decision.joins:
        written["joins"] = [
            {**_seat(it.seat), "municipality": it.municipality, "role": it.role, "until_on": it.until_on} for it in decision.joins
        ]
    if decision.leaves:
        written["leaves"] = [_seat(seat) for seat in decision.leaves]
    if decision.seen:
        written["seen"] = True
    if unseen := decision.unseen:
        written["unseen"] = {"due_at": unseen.due_at, "level": unseen.level, "next_at": unseen.next_at}
    if decision.texts:
        assert seal is not None
        written["texts"] = {column: seal.close(text, f"registry.{column}").hex() for column, text in decision.texts.items()}
        if key:
            written["key"] = key
    return written


def _seat(seat: Seat) -> dict[str, UUID]:
    return {"professional": seat.professional, "unit": seat.unit}


def _handover_json(handover: Handover) -> dict[str, Any]:
    return {
        "id": handover.id,
        "state": handover.state,
        "receiver_municipality": handover.receiver_municipality,
        "giver": handover.giver.professional,
        "giver_unit": handover.giver.unit,
        "receiver": handover.receiver.professional,
        "receiver_unit": handover.receiver.unit,
        "proposer": handover.proposer,
        "reason": handover.reason,
        "due_at": handover.due_at,
        "effective_on": handover.effective_on,
        "question": handover.question,
        "asked_at": handover.asked_at,
        "reminded_at": handover.reminded_at,
        "overdue_at": handover.overdue_at,
        "level": handover.level,
        "next_at": handover.next_at,
        "accepted_by": handover.accepted_by,
        "decline_reason": handover.decline_reason,
        "cause": handover.cause,
    }


def _loaded(found: dict[str, Any], caller: Caller, to: Seat | None) -> Loaded:
    target = found.get("to")
    rung = Rung(to, target["municipality"], target["taking"]) if to and target else None
    return Loaded(
        caller,
        datetime.fromisoformat(found["at"]),
        found.get("answer"),
        _child(found) if found.get("child") else None,
        rung,
        found,
    )


def _child(found: dict[str, Any]) -> Child:
    child, holder, handover = found["child"], found["holder"], found["handover"]
    return Child(
        id=UUID(child["id"]),
        municipality=child["municipality"],
        district=_id(child["district"]),
        status=child["status"],
        version=child["version"],
        birth_order=child["birth_order"],
        shared_with=tuple(child["shared_with"]),
        rules=rules_in(found["rules"]),
        holder=Seat(professional=UUID(holder["professional"]), unit=UUID(holder["unit"])) if holder else None,
        since=datetime.fromisoformat(holder["since"]) if holder else None,
        unseen=_unseen(holder["unseen"]) if holder and holder["unseen"] else None,
        handover=_handover(handover) if handover else None,
        supporters=tuple(
            Supporter(_at(it), it["municipality"], it["role"], _day(it["until_on"]), datetime.fromisoformat(it["since"]))
            for it in found["supporters"] or ()
        ),
        absences=tuple(
            Absence(
                UUID(it["professional"]),
                Seat(professional=UUID(it["deputy"]), unit=UUID(it["unit"])) if it["deputy"] and it["unit"] else None,
            )
            for it in found["absences"] or ()
        ),
        leaders=frozenset((UUID(unit), UUID(leader)) for unit, leader in found["leaders"] or ()),
        intake=frozenset(UUID(person) for person in found["intake"] or ()),
        ladder=_rungs(found["ladder"]),
        path=_rungs(found["path"]),
        episode=child["episode"],
        life=_life(found["life"]) if found["life"] else Life(),
        daycare=_daycare(found["daycare"]) if found["daycare"] else None,
    )


def _daycare(row: dict[str, Any]) -> Daycare:
    rules = tuple((date.fromisoformat(it["from_on"]), it["baton"]) for it in row["rules"] or ())
    return Daycare(UUID(row["unit"]), row["private"], rules, row["moves"])


def _life(row: dict[str, Any]) -> Life:
    return Life(
        born_on=_day(row["born_on"]),
        ended=row["ended"],
        ended_on=_day(row["ended_on"]),
        moving_to=row["moving_to"],
        moving_by=_id(row["moving_by"]),
        was=row["was"],
        last=_at(row["last"]) if row["last"] else None,
        reason=row["reason"],
        merged_into=_id(row["merged_into"]),
        survivor_version=row["survivor_version"],
        survivor_before=_noted(row["survivor_noted"], "before"),
        survivor_after=_noted(row["survivor_noted"], "after"),
    )


def _noted(row: dict[str, Any] | None, when: str) -> Noted:
    return Noted(row[when]["ended"], _day(row[when]["ended_on"]), row[when]["moving_to"]) if row else Noted()


def _unseen(row: dict[str, Any]) -> Unseen:
    return Unseen(_instant(row["due_at"]), row["level"], _instant(row["next_at"]))


def _handover(row: dict[str, Any]) -> Handover:
    return Handover(
        id=UUID(row["id"]),
        state=row["state"],
        giver=Seat(professional=UUID(row["giver"]), unit=UUID(row["giver_unit"])),
        receiver=Seat(professional=UUID(row["receiver"]), unit=UUID(row["receiver_unit"])),
        receiver_municipality=row["receiver_municipality"],
        proposer=_id(row["proposer"]),
        reason=row["reason"],
        proposed_at=datetime.fromisoformat(row["proposed_at"]),
        due_at=datetime.fromisoformat(row["due_at"]),
        effective_on=_day(row["effective_on"]),
        question=_id(row["question"]),
        asked_at=_instant(row["asked_at"]),
        reminded_at=_instant(row["reminded_at"]),
        overdue_at=_instant(row["overdue_at"]),
        level=row["level"],
        next_at=_instant(row["next_at"]),
        accepted_by=_id(row["accepted_by"]),
        decline_reason=row["decline_reason"],
        cause=row["cause"],
        closed_at=_instant(row["closed_at"]),
        taking=bool(row["taking"]),
        named=UUID(row["named"]),
    )


def rules_in(row: dict[str, Any] | None) -> Rules:
    """A municipality's rules from its row; the defaults where the directory has not said."""
    if row is None:
        return Rules(calendar)
    return Rules(
        calendar,
        row["answer_working_days"],
        row["remind_working_days_before"],
        row["escalate_working_days"],
        row["support_days"],
        tuple(date.fromisoformat(day) for day in row["closing_days"]),
        row["closing_age"],
    )


def _rungs(rows: Sequence[dict[str, Any]] | None) -> tuple[Rung, ...]:
    return tuple(Rung(_at(row), row["municipality"], row["open"] and row["taking"], row["present"]) for row in rows or ())


def _at(row: dict[str, Any]) -> Seat:
    return Seat(professional=UUID(row["professional"]), unit=UUID(row["unit"]))


def _id(text: str | None) -> UUID | None:
    return UUID(text) if text else None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


async def events_after(tx: Tx, child: UUID, after: int, limit: int) -> list[dict[str, Any]]:
    rows = await tx.fetch(
        "select envelope from ledger where subject = $1 and version > $2 order by version limit $3", child, after, limit
    )
    return [row["envelope"] for row in rows]


CURRENT = """
select c.id, c.municipality, c.status, c.version, a.professional, a.unit,
    coalesce(a.started_at, l.ended_at, c.last_at) as since
  from child c left join assignment a on a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity'
  left join lateral (select max(e.finished_at) as ended_at from assignment e where e.child_id = c.id and c.status = 'closed') l
    on true
"""


async def current_of(connection: Connection, children: Sequence[UUID]) -> dict[UUID, CurrentTovholder]:
    """How these children stand now; one that the registry does not know is absent."""
    rows = await connection.fetch(CURRENT + " where c.id = any ($1)", list(children))
    return {row["id"]: current_in(row) for row in rows}


async def current_after(tx: Tx, child: UUID | None, limit: int) -> list[CurrentTovholder]:
    """How children stand now, in order of their reference, from after one on."""
    rows = await tx.fetch(CURRENT + " where $1::uuid is null or c.id > $1 order by c.id limit $2", child, limit)
    return [current_in(row) for row in rows]


def current_in(row: asyncpg.Record) -> CurrentTovholder:
    """How a child stands, from a row of CURRENT."""
    holder = Seat(professional=row["professional"], unit=row["unit"]) if row["professional"] else None
    return CurrentTovholder(
        child=row["id"], municipality=row["municipality"], tovholder=holder, since=row["since"],
        status=row["status"], version=row["version"],
    )  # fmt: skip


PRESENT = Present(TOPIC, current_of)


_MATTERS = """
select m.id, m.child_id, m.municipality, m.kind, m.about, m.to_municipality, m.since, m.decided_at, m.decided_by, m.outcome
  from matter m join child c on c.id = m.child_id
  left join assignment a on a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity'
  where ($1::uuid is null
      or exists (select from leadership l where l.unit = a.unit and l.professional = $1)
      or exists (select from intake i where i.municipality = c.municipality and $1 in (i.lead, i.deputy)))
    and ($2::uuid is null or m.id = $2) and ($3::uuid is null or m.id > $3) and (m.decided_at is null or $2 is not null)
  order by m.id limit $4
"""


async def matters(tx: Tx, person: UUID | None, matter: UUID | None, after: UUID | None, limit: int) -> list[Any]:
    """What is to be decided by a leader or intake lead (None: a service, which sees all), or one matter, decided or not."""
    return await tx.fetch(_MATTERS, person, matter, after, limit)


async def decide_matter(tx: Tx, matter: UUID, by: UUID, outcome: str) -> bool:
    """Whether it was still to be decided."""
    done = await tx.execute(
        "update matter set decided_at = chassis.now(), decided_by = $2, outcome = $3 where id = $1 and decided_at is null",
        matter, by, outcome,
    )  # fmt: skip
    return bool(done == "UPDATE 1")
