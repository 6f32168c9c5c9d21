"""The baton twice: in memory by the pure rules alone, and over HTTP in PostgreSQL; the same acts on both, the same outcome."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from services.chassis import calendar
from services.chassis.errors import NotFound, Problem, require
from services.demo import town
from services.events.access import may
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild
from services.events.registry import ClosingReason
from services.registry.domain import (
    Absence,
    Child,
    Decision,
    Handover,
    Life,
    Rules,
    Rung,
    Supporter,
    Unseen,
    handing_over,
    life,
    relations,
    rescheduling,
    seeing,
)
from services.registry.domain.deadlines import supporters_end, time_asks
from services.registry.domain.seeing import time_asks_to_see
from services.registry.domain.standing_in import Newcomer, family
from tests.registry.settled import ELSEWHERE, SEATS, UNITS, Municipality
from tests.support.world import Answer

HERE = "0990"
# The other municipality is one of the demo's, with an intake of its own whose leader is the last to be told.
_LEADS_ELSEWHERE = Rung(
    Seat(professional=UUID(town.names()["skovby-leader"]), unit=UUID(town.names()["skovby-intake"])), ELSEWHERE, True, True
)
# Who answers for whom in an absence.
DEPUTIES = {"nurse": "colleague", "colleague": "leader", "pedagogue": "deputy", "lead": "deputy"}
DONE = "done"


@dataclass(frozen=True)
class Act:
    """What a person may do with a handover: where it is asked, with what, and how it is decided."""

    path: str
    body: Mapping[str, Any] | None
    decide: Callable[[Child, UUID, datetime], Decision]


HANDOVER_ACTS: Mapping[str, Act] = {
    "accept": Act("acceptance", None, lambda child, by, at: handing_over.accept(child, by, at, None, {})),
    "decline": Act(
        "refusal", {"reason": "at-capacity"}, lambda child, by, at: handing_over.decline(child, by, at, "at-capacity", {})
    ),
    "withdraw": Act("withdrawal", None, lambda child, by, at: handing_over.withdraw(child, by, at)),
    "ask": Act("question", {"text": "hvornår?"}, lambda child, by, at: handing_over.ask(child, by, uuid4(), at, {})),
    "answer": Act("answer", {"text": "til sommer"}, lambda child, by, at: handing_over.answer(child, by, at, {})),
}


@dataclass(frozen=True)
class Standing:
    """What anyone can see of a child, the same on both sides."""

    holder: Seat | None
    version: int
    status: str
    municipality: str
    handover: tuple[str, Seat, Seat, bool, str | None] | None
    supporters: frozenset[tuple[Seat, str]]


class Side(Protocol):
    """Where the acts are done. Each answers `done` or the name of the rule that refused."""

    def register(self, child: UUID, status: str) -> None: ...
    def born(self, child: UUID, twin: UUID | None) -> None: ...
    def propose(self, child: UUID, by: str, to: str, day: date | None) -> str: ...
    def override(self, child: UUID, by: str, to: str) -> str: ...
    def act(self, name: str, child: UUID, handover: int, by: str) -> str: ...
    def reschedule(self, child: UUID, handover: int, by: str, day: date) -> str: ...
    def see(self, child: UUID, by: str) -> str: ...
    def close(self, child: UUID, by: str, reason: ClosingReason) -> str: ...
    def reopen(self, child: UUID, by: str, to: str) -> str: ...
    def absent(self, name: str, days: int) -> None: ...
    def days_pass(self, days: int) -> None: ...
    def standing(self, child: UUID) -> Standing: ...
    def today(self) -> date: ...


def _above(unit: str) -> list[str]:
    """Who leads a unit and those above it, nearest first."""
    _, parent, leaders = UNITS[unit]
    return [*leaders, *(_above(parent) if parent else [])]


@dataclass
class InMemory:
    """The pure rules with nothing around them but a dictionary. `seats`: by name."""

    seats: Mapping[str, Seat]
    moved: timedelta = timedelta()
    children: dict[UUID, Child] = field(default_factory=dict)
    handovers: dict[UUID, list[Handover]] = field(default_factory=dict)
    chains: dict[UUID, list[tuple[Seat, str]]] = field(default_factory=dict)
    said: dict[UUID, int] = field(default_factory=dict)
    absences: list[tuple[str, date, date]] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.moved

    def today(self) -> date:
        return calendar.date_of(self.now())

    def register(self, child: UUID, status: str) -> None:
        self._identified(_newcomer(child, status, 1, None))

    def born(self, child: UUID, twin: UUID | None) -> None:
        first = _newcomer(child, "born", 1, None)
        self._identified(first, *([_newcomer(twin, "born", 2, child)] if twin else []))

    def _identified(self, *newcomers: Newcomer) -> None:
        known = {number: self._seen(number, None) for number in self.children}
        ladder = [self._rung("lead"), self._rung("deputy"), self._rung("chief")]
        for decision in family(newcomers, known, ladder, self.now(), [uuid4() for _ in newcomers]):
            self._apply(decision)

    def propose(self, child: UUID, by: str, to: str, day: date | None) -> str:
        rung = self._rung(to)
        return self._decided(
            child, None, by, "baton",
            lambda it, person, at: handing_over.propose(it, person, rung, uuid4(), "district", at, day, {}),
        )  # fmt: skip

    def override(self, child: UUID, by: str, to: str) -> str:
        rung = self._rung(to)
        return self._decided(
            child, None, by, "baton", lambda it, person, at: handing_over.override(it, person, rung, "conflict", at, {})
        )

    def act(self, name: str, child: UUID, handover: int, by: str) -> str:
        return self._decided(child, self.handovers[child][handover], by, "handover-text", HANDOVER_ACTS[name].decide)

    def reschedule(self, child: UUID, handover: int, by: str, day: date) -> str:
        named = self.handovers[child][handover]
        return self._decided(
            child, named, by, "handover-text", lambda it, person, at: rescheduling.reschedule(it, person, day, at)
        )  # fmt: skip

    def see(self, child: UUID, by: str) -> str:
        return self._decided(child, None, by, "baton", lambda it, person, _: seeing.seen(it, person))

    def close(self, child: UUID, by: str, reason: ClosingReason) -> str:
        return self._decided(
            child, None, by, "baton", lambda it, person, at: life.close(it, person, reason, at, None, {})
        )  # fmt: skip

    def reopen(self, child: UUID, by: str, to: str) -> str:
        rung = self._rung(to)
        return self._decided(
            child, None, by, "baton", lambda it, person, at: life.reopen(it, person, rung, None, at, {})
        )  # fmt: skip

    def _decided(
        self, child: UUID, named: Handover | None, by: str, class_: str, decide: Callable[[Child, UUID, datetime], Decision]
    ) -> str:
        it, person = self._seen(child, named), self.seats[by].professional
        try:
            if _municipality(by) not in (it.municipality, *it.shared_with):
                raise NotFound
            related = relations(it, person, False)
            require(may(related, class_, "act"), bool(related))
            self._apply(decide(it, person, self.now()))
        except Problem as refused:
            return refused.slug()
        return DONE

    def absent(self, name: str, days: int) -> None:
        self.absences.append((name, self.today(), self.today() + timedelta(days=days)))

    def days_pass(self, days: int) -> None:
        self.moved += timedelta(days=days)
        for decide in (time_asks, time_asks_to_see, lambda child, _: supporters_end(child, self.today())):
            for number in list(self.children):
                if decision := decide(self._seen(number, None), self.now()):
                    self._apply(decision)

    def standing(self, child: UUID) -> Standing:
        it, handover = self.children[child], self.open_one(child)
        return Standing(
            it.holder, it.version, it.status, it.municipality,
            (
                handover.state, handover.giver, handover.receiver, handover.question is not None,
                handover.effective_on.isoformat() if handover.effective_on else None,
            ) if handover else None,
            frozenset((one.seat, one.role) for one in it.supporters),
        )  # fmt: skip

    def open_one(self, child: UUID) -> Handover | None:
        return next((it for it in self.handovers.get(child, ()) if it.open), None)

    def _seen(self, child: UUID, named: Handover | None) -> Child:
        """The child with what is around it now, and the handover that is open or asked for."""
        it, handover = self.children[child], named or self.open_one(child)
        here = it.municipality == HERE
        absent = [(name, until) for name, since, until in self.absences if since <= self.today() <= until]
        path = [
            *(_above(self._unit(handover.receiver)) if handover else ()),
            *(_above(self._unit(it.holder)) if it.holder else ()),
        ]
        return replace(
            it,
            handover=handover,
            absences=tuple(Absence(self.seats[name].professional, self.seats[DEPUTIES[name]]) for name, _ in absent),
            leaders=frozenset(
                (self.seats[name].unit, self.seats[leader].professional) for name in SEATS for leader in _above(SEATS[name][0])
            ),
            intake=frozenset({self.seats["lead"].professional, self.seats["deputy"].professional}) if here else frozenset(),
            path=(*(self._rung(name) for name in path), self._rung("chief") if here else _LEADS_ELSEWHERE),
        )

    def _unit(self, seat: Seat) -> str:
        return next(SEATS[name][0] for name, it in self.seats.items() if it.unit == seat.unit)

    def _rung(self, name: str) -> Rung:
        absent = any(it == name and since <= self.today() <= until for it, since, until in self.absences)
        return Rung(self.seats[name], _municipality(name), True, not absent)

    def _apply(self, decision: Decision) -> None:
        if entering := decision.registers:
            it = Child(
                id=decision.child, municipality=entering.municipality, status=entering.status, version=0,
                rules=Rules(calendar, 3, 1, 1, 30), holder=None, birth_order=entering.birth_order,
            )  # fmt: skip
        else:
            it = self.children[decision.child]
            assert it.version == decision.expected
        if decision.handover:
            own = self.handovers.setdefault(it.id, [])
            place = next((place for place, one in enumerate(own) if one.id == decision.handover.id), None)
            if place is None:
                own.append(decision.handover)
            else:
                own[place] = decision.handover
        if decision.holder:
            self.chains.setdefault(it.id, []).append((decision.holder.seat, decision.holder.why))
        staying = [one for one in it.supporters if one.seat not in decision.leaves]
        joining: tuple[Supporter, ...] = decision.joins
        self.said[it.id] = self.said.get(it.id, 0) + len(decision.events)
        self.children[it.id] = replace(
            it,
            version=it.version + len(decision.events),
            holder=decision.holder.seat if decision.holder else None if decision.status == "closed" else it.holder,
            status=decision.status or it.status,
            life=_life(it, decision),
            municipality=decision.municipality or it.municipality,
            since=self.now() if decision.holder else it.since,
            unseen=_unseen(it, decision),
            shared_with=it.shared_with if decision.shared_with is None else decision.shared_with,
            supporters=(*(one for one in staying if one.seat not in {new.seat for new in joining}), *joining),
        )


def _life(child: Child, decision: Decision) -> Life:
    """What is kept of a closed case: what it was, and who was the last."""
    if decision.status == "closed":
        assert child.status != "closed"
        return Life(was=child.status, last=child.holder, reason=decision.life["closing"]["reason"])
    return Life() if decision.reopens else replace(child.life, was=decision.life.get("was", child.life.was))


def _unseen(child: Child, decision: Decision) -> Unseen | None:
    if decision.status == "closed":
        return None
    if decision.holder:
        return None if decision.holder.why in ("acceptance", "effect") else Unseen()
    return None if decision.seen else decision.unseen or child.unseen


def _municipality(name: str) -> str:
    return ELSEWHERE if SEATS[name][0] == "far" else HERE


def _newcomer(child: UUID, status: Any, order: int, sibling_of: UUID | None) -> Newcomer:
    return Newcomer(
        child=child, municipality=HERE, district=None, status=status, order=order, sibling_of=sibling_of, mother=None,
        notification_id=None, due_on=None, born_on=None,
    )  # fmt: skip


@dataclass
class OverHttp:
    """The public API on a real database. `run`: drives the loop on which the application lives."""

    town: Municipality
    run: Callable[[Any], Any]
    handovers: dict[UUID, list[str]] = field(default_factory=dict)

    def today(self) -> date:
        found: date = self.run(self.town.heard.today())
        return found

    def register(self, child: UUID, status: str) -> None:
        self.run(self.town.identified(IdentifiedChild(child=child, order=1, status=status, new=True)))

    def born(self, child: UUID, twin: UUID | None) -> None:
        found = [IdentifiedChild(child=child, order=1, status="born", new=False)]
        if twin:
            found.append(IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child))
        self.run(self.town.identified(*found))
        if twin:
            self._note(twin)

    def propose(self, child: UUID, by: str, to: str, day: date | None) -> str:
        more = {"effective_on": day.isoformat()} if day else {}
        answer = self.run(self.town.propose(child, self._seat(to), by=self._seat(by), **more))
        if answer.status == 201:
            self.handovers.setdefault(child, []).append(answer.body["id"])
        return self._outcome(child, answer)

    def override(self, child: UUID, by: str, to: str) -> str:
        body = {"to": self._seat(to).model_dump(mode="json"), "reason": "conflict"}
        return self._outcome(child, self._post(by, f"/registry/children/{child}/override", body))

    def act(self, name: str, child: UUID, handover: int, by: str) -> str:
        act = HANDOVER_ACTS[name]
        return self._outcome(child, self._post(by, f"/registry/handovers/{self.handovers[child][handover]}/{act.path}", act.body))

    def reschedule(self, child: UUID, handover: int, by: str, day: date) -> str:
        path = f"/registry/handovers/{self.handovers[child][handover]}/rescheduling"
        return self._outcome(child, self._post(by, path, {"effective_on": day.isoformat()}))

    def see(self, child: UUID, by: str) -> str:
        return self._outcome(child, self._post(by, f"/registry/children/{child}/seen", None))

    def close(self, child: UUID, by: str, reason: ClosingReason) -> str:
        return self._outcome(child, self._post(by, f"/registry/children/{child}/closing", {"reason": reason}))

    def reopen(self, child: UUID, by: str, to: str) -> str:
        body = {"to": self._seat(to).model_dump(mode="json")}
        return self._outcome(child, self._post(by, f"/registry/children/{child}/reopening", body))

    def _post(self, by: str, path: str, body: Any) -> Answer:
        answer: Answer = self.run(self.town.as_(self._seat(by)).post(path, body))
        return answer

    def _outcome(self, child: UUID, answer: Answer) -> str:
        """I6: whoever is refused by a rule learns what stands now."""
        assert answer.status < 500, answer.body
        if answer.status == 409:
            now = self.run(self.town.read(child))
            assert answer.body["version"] == now["version"]
            held, told = now["tovholder"], answer.body["tovholder"]
            assert (told and told["professional"]) == (held and held["professional"])
        return answer.problem or DONE

    def absent(self, name: str, days: int) -> None:
        self.run(self.town.heard.absence(self._seat(name).professional, self._seat(DEPUTIES[name]), days=days))

    def days_pass(self, days: int) -> None:
        self.run(self.town.pass_days(days))

    def standing(self, child: UUID) -> Standing:
        found = self.run(self.town.read(child))
        handover = found["handover"]
        return Standing(
            found["tovholder"] and _as_seat(found["tovholder"]), found["version"], found["status"], found["municipality"],
            (
                handover["state"], _as_seat(handover["giver"]), _as_seat(handover["receiver"]), handover["question"] is not None,
                handover["effective_on"],
            ) if handover else None,
            frozenset((_as_seat(it), it["role"]) for it in found["supporters"]),
        )  # fmt: skip

    def _note(self, twin: UUID) -> None:
        """A twin may have come with a copy of its elder's handover."""
        if handover := self.run(self.town.read(twin))["handover"]:
            self.handovers.setdefault(twin, []).append(handover["id"])

    def _seat(self, name: str) -> Seat:
        seat: Seat = getattr(self.town, name)
        return seat


def _as_seat(found: Any) -> Seat:
    return Seat(professional=found["professional"], unit=found["unit"])
