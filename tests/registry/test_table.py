"""The table is what the rules do: each act by each part, in each state, is allowed exactly where the table says so."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID, uuid4

import pytest

from services.chassis import calendar
from services.chassis.errors import RuleViolated
from services.events.envelope import Seat
from services.registry.domain import Absence, Child, Handover, Life, Rules, Rung, handing_over, life, moving, parts
from services.registry.domain.moving import Destination
from services.registry.domain.table import CASE, HANDOVER, CaseAct, State, Who

NOON = datetime(2026, 11, 23, 12, tzinfo=calendar.COPENHAGEN)
SEATS: dict[str, Seat] = {who: Seat(professional=uuid4(), unit=uuid4()) for who in (*get_args(Who), "nobody", "elsewhere")}
TO = Rung(SEATS["nobody"], "0990")
THERE = Destination("0991", inside=True, ladder=(Rung(SEATS["elsewhere"], "0991"),))


def a_child(status: Literal["expected", "born", "closed"], handover: State | None = None) -> Child:
    holder = SEATS["holder"]
    closed = status == "closed"
    named = SEATS["receiver"]
    open_one = handover and Handover(
        id=uuid4(), state=handover, giver=holder, receiver=named, receiver_municipality="0990", reason="district",
        proposer=SEATS["proposer"].professional, proposed_at=NOON, due_at=NOON, effective_on=None,
        question=uuid4(), asked_at=NOON, named=named.professional,
    )  # fmt: skip
    return Child(
        id=uuid4(), municipality="0990", status=status, version=5, rules=Rules(calendar), holder=None if closed else holder,
        handover=open_one or None, intake=frozenset({SEATS["intake-lead"].professional}),
        leaders=frozenset({(holder.unit, SEATS["leader"].professional)}),
        absences=(Absence(holder.professional, SEATS["deputy"]), Absence(named.professional, SEATS["receiver-deputy"])),
        life=Life(was="born", last=holder, reason="settled") if closed else Life(),
    )  # fmt: skip


ON_CASE: dict[CaseAct, Callable[[Child, UUID], Any]] = {
    "propose": lambda child, by: handing_over.propose(child, by, TO, uuid4(), "district", NOON, None, {}),
    "override": lambda child, by: handing_over.override(child, by, TO, "x", NOON, {}),
    "move": lambda child, by: moving.ask_to_move(child, by, THERE, uuid4(), NOON),
    "close": lambda child, by: life.close(child, by, "settled", NOON, None, {}),
    "reopen": lambda child, by: life.reopen(child, by, TO, None, NOON, {}),
}
ON_HANDOVER: dict[str, Callable[[Child, UUID], Any]] = {
    "accept": lambda child, by: handing_over.accept(child, by, NOON, None, {}),
    "accept-on-date": lambda child, by: handing_over.accept(child, by, NOON, date(2026, 12, 24), {}),
    "decline": lambda child, by: handing_over.decline(child, by, NOON, "at-capacity", {}),
    "withdraw": lambda child, by: handing_over.withdraw(child, by, NOON),
    "ask": lambda child, by: handing_over.ask(unasked(child), by, uuid4(), NOON, {}),
    "answer": lambda child, by: handing_over.answer(child, by, NOON, {}),
}


def unasked(child: Child) -> Child:
    assert child.handover
    return replace(child, handover=replace(child.handover, question=None, asked_at=None))


def who_may(act: Callable[[Child, UUID], Any], child: Child) -> set[str]:
    allowed = set()
    for who, seat in SEATS.items():
        try:
            act(child, seat.professional)
            allowed.add(who)
        except RuleViolated:
            continue
    return allowed


@pytest.mark.parametrize("act", ON_CASE)
@pytest.mark.parametrize("status", ["expected", "born", "closed"])
def test_a_person_acts_on_a_case_exactly_where_the_table_lets_them(
    act: CaseAct, status: Literal["expected", "born", "closed"]
) -> None:
    step = CASE.get((status, act))

    assert who_may(ON_CASE[act], a_child(status)) == (step.who - {"rule"} if step else set())


@pytest.mark.parametrize("act", ON_HANDOVER)
@pytest.mark.parametrize("state", get_args(State))
def test_a_person_acts_on_a_handover_exactly_where_the_table_lets_them(act: Any, state: State) -> None:
    step = HANDOVER.get((state, act))

    assert who_may(ON_HANDOVER[act], a_child("born", state)) == (step.who - {"rule"} if step else set())


def test_a_merge_is_undone_by_a_leader_of_the_last_unit_or_the_intake_lead_only() -> None:
    survivor = a_child("born")
    merged = a_child("closed")
    merged = replace(
        merged, life=replace(merged.life, reason="merged", merged_into=survivor.id, survivor_version=survivor.version)
    )

    assert who_may(lambda child, by: life.separate(child, survivor, by, NOON), merged) == {"leader", "intake-lead"}


def test_a_case_closes_by_age_only_where_the_child_lives_and_its_birth_is_known() -> None:
    old = replace(a_child("born"), life=Life(born_on=date(2020, 12, 31)))

    assert life.age_out(old, NOON)
    assert life.age_out(replace(old, life=replace(old.life, ended="died")), NOON) is None
    assert life.age_out(replace(old, life=Life()), NOON) is None
    assert life.age_out(replace(old, life=Life(born_on=date(2021, 1, 1))), NOON) is None
    assert life.age_out(replace(old, rules=replace(old.rules, closing_age=7)), NOON) is None


@pytest.mark.parametrize("status", ["expected", "born"])
def test_a_rule_never_needs_a_person_and_a_person_never_passes_for_a_rule(status: Literal["expected", "born", "closed"]) -> None:
    child = a_child(status)

    assert life.note_end_of_life(child, "died", None)
    assert {who for who, seat in SEATS.items() if "rule" in parts(child, seat.professional)} == set()
