"""A good history passes every check; each check finds what only it looks for, in a history that was doctored."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.checks import CHECKS, checked
from tests.faults.evidence import Evidence, Hearer, Said, Sample, Stands
from tests.faults.history import History, Operation, Struck

CHILD, HANDOVER = "child", "handover"
INGE, ANNA, BIRGIT = ("inge", "intake"), ("anna", "nord"), ("birgit", "nord")


def _seat(seat: tuple[str, str]) -> dict[str, str]:
    return {"professional": seat[0], "unit": seat[1]}


def _changed(to: tuple[str, str], before: tuple[str, str] | None, why: str) -> dict[str, Any]:
    return {"tovholder": _seat(to), "before": _seat(before) if before else None, "why": why}


_OFFER: dict[str, Any] = {"handover": HANDOVER, "giver": _seat(INGE), "receiver": _seat(ANNA)}
_EVENTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("1", "child_registered", "a message", {}),
    ("1", "tovholder_changed", "a message", _changed(INGE, None, "registration")),
    ("2", "handover_proposed", "propose", {**_OFFER, "reason": "district", "effective_on": None}),
    ("3", "handover_accepted", "accept", {**_OFFER, "accepted_by": "anna", "effective_on": None}),
    ("3", "handover_effected", "accept", _OFFER),
    ("3", "tovholder_changed", "accept", _changed(ANNA, INGE, "acceptance")),
    ("4", "tovholder_changed", "override", _changed(BIRGIT, ANNA, "override")),
]


def good() -> Evidence:
    """A child that is registered, proposed, accepted and overridden; read before and after; one fault in between."""
    operations = [
        Operation("look", 1, CHILD, "read", {}, 0.5, 0.6, "ok", 200, 2, INGE, 1, "lone"),
        Operation("propose", 1, CHILD, "propose", {}, 1.0, 1.1, "ok", 201, 3, INGE, 1, "inge"),
        Operation("late", 2, CHILD, "withdraw", {}, 1.2, 1.3, "fail", 403, None, None, 1, "birgit"),
        Operation("accept", 2, CHILD, "accept", {}, 2.0, 2.1, "ok", 200, 6, ANNA, 2, "anna"),
        Operation("accept", 2, CHILD, "again", {}, 2.2, 2.3, "ok", 200, None, None, 1, "anna"),
        Operation("override", 1, CHILD, "override", {}, 3.0, 3.1, "ok", 200, 7, BIRGIT, 1, "lone"),
        Operation("look again", 1, CHILD, "read", {}, 3.2, 3.3, "ok", 200, 7, BIRGIT, 1, "lone"),
    ]
    said = [Said(CHILD, number, *event[:2], event[2], number < 3, event[3]) for number, event in enumerate(_EVENTS, 1)]
    standing = [Stands(number, CHILD, number) for number in range(1, len(_EVENTS) + 1)]
    return Evidence(
        History(operations, [Struck("F1", "kill -9", 1.5, 1.8, 2.1)]),
        ledger={"registry": said},
        feed={("registry", 0): standing},
        topics={("registry", 0): [*standing, standing[-1]]},
        sent={("registry", 0): len(standing)},
        ends={("registry", 0): len(standing)},
        hearers={"notifications": Hearer({("registry", 0): len(standing)}, {("registry", CHILD): len(standing)}, {"parked": 0})},
        holders={CHILD: BIRGIT},
        copies={"notifications": {CHILD: BIRGIT}},
        notices=Counter({("event", "tovholder_changed"): 1}),
        samples=[Sample(1.0, 0, {("notifications", "registry", 0): 3}), Sample(2.0, 0, {("notifications", "registry", 0): 6})],
        accesses=Counter({("lone", CHILD): 2}),
        strangers_see={"child": 0},
        quiet_after_seconds=0.5,
    )


def _operation(evidence: Evidence, number: int, **other: object) -> None:
    evidence.history.operations[number] = replace(evidence.history.operations[number], **other)  # type: ignore[arg-type]


def _say(evidence: Evidence, number: int, **other: object) -> None:
    evidence.ledger["registry"][number] = replace(evidence.ledger["registry"][number], **other)  # type: ignore[arg-type]


def two_answers_of_one_version(it: Evidence) -> None:
    _operation(it, 5, version=6)


def a_version_is_missing(it: Evidence) -> None:
    del it.ledger["registry"][3]


def taken_from_who_does_not_hold_it(it: Evidence) -> None:
    _say(it, 6, data=_changed(BIRGIT, INGE, "override"))


def accepted_by_somebody_else(it: Evidence) -> None:
    _say(it, 3, data={**_OFFER, "accepted_by": "birgit", "effective_on": None})


def answered_on_a_handover_that_is_over(it: Evidence) -> None:
    _say(it, 6, kind="handover_declined", data=_OFFER)


def a_clock_that_went_back(it: Evidence) -> None:
    _say(it, 6, at="0")


def answered_and_lost(it: Evidence) -> None:
    _operation(it, 1, id="another")


def done_twice(it: Evidence) -> None:
    _say(it, 6, correlation="accept")


def done_though_refused(it: Evidence) -> None:
    _operation(it, 5, type="fail", status=409, version=None)


def done_though_nobody_asked(it: Evidence) -> None:
    del it.history.operations[5]


def answered_earlier_with_a_later_version(it: Evidence) -> None:
    _operation(it, 3, t_invoke=3.5, t_complete=3.6)


def a_reading_older_than_what_was_answered(it: Evidence) -> None:
    _operation(it, 6, version=6, lead=ANNA)


def a_reading_of_what_was_not_yet_asked(it: Evidence) -> None:
    _operation(it, 0, version=6, lead=ANNA)


def a_reading_with_another_tovholder(it: Evidence) -> None:
    _operation(it, 6, lead=ANNA)


def a_moment_without_a_tovholder(it: Evidence) -> None:
    it.samples[1] = replace(it.samples[1], wrong=1)


def a_chain_with_a_gap(it: Evidence) -> None:
    it.broken_chains.append("link 2")


def a_hole_in_the_topic(it: Evidence) -> None:
    del it.topics[("registry", 0)][2]


def a_topic_out_of_order(it: Evidence) -> None:
    rows = it.topics[("registry", 0)]
    rows[2], rows[3] = rows[3], rows[2]


def a_record_that_nobody_wrote(it: Evidence) -> None:
    it.topics[("registry", 0)].append(Stands(3, CHILD, 9))


def a_feed_out_of_order(it: Evidence) -> None:
    it.feed[("registry", 0)][2:4] = [Stands(3, CHILD, 4), Stands(4, CHILD, 3)]
    it.topics[("registry", 0)][2:4] = it.feed[("registry", 0)][2:4]


def an_event_that_never_left(it: Evidence) -> None:
    for places in (it.feed, it.topics):
        places[("registry", 0)] = [row for row in places[("registry", 0)] if row.position < 7]


def an_event_that_was_not_applied(it: Evidence) -> None:
    it.hearers["notifications"].seen[("registry", CHILD)] = 6


def an_event_that_was_laid_aside(it: Evidence) -> None:
    it.hearers["notifications"].letters = 1


def told_twice(it: Evidence) -> None:
    it.notices[("event", "tovholder_changed")] = 2


def a_position_that_went_back(it: Evidence) -> None:
    it.samples[1] = replace(it.samples[1], positions={("notifications", "registry", 0): 2})


def a_copy_that_names_another(it: Evidence) -> None:
    it.copies["notifications"][CHILD] = ANNA


def a_repeated_request_answered_otherwise(it: Evidence) -> None:
    _operation(it, 4, deviates="answered otherwise")


def a_reading_that_nobody_logged(it: Evidence) -> None:
    it.accesses[("lone", CHILD)] = 1


def a_name_in_a_log(it: Evidence) -> None:
    it.leaks.append("the log of registry")


def a_stranger_who_sees(it: Evidence) -> None:
    it.strangers_see["child"] = 1


def no_answer_after_a_fault(it: Evidence) -> None:
    it.history.struck[0].recovered = None


def never_quiet_again(it: Evidence) -> None:
    it.quiet_after_seconds = None


def a_transaction_left_open(it: Evidence) -> None:
    it.waits_in_postgres = 1


def an_error_of_ours(it: Evidence) -> None:
    _operation(it, 2, deviates="withdraw was answered 500")


DOCTORED: list[tuple[str, Callable[[Evidence], None]]] = [
    ("C1", two_answers_of_one_version), ("C1", a_version_is_missing),
    ("C2", taken_from_who_does_not_hold_it), ("C2", accepted_by_somebody_else), ("C2", answered_on_a_handover_that_is_over),
    ("C2", a_clock_that_went_back),
    ("C3", answered_and_lost), ("C3", done_twice),
    ("C4", done_though_refused), ("C4", done_though_nobody_asked),
    ("C5", answered_earlier_with_a_later_version),
    ("C6", a_reading_older_than_what_was_answered), ("C6", a_reading_of_what_was_not_yet_asked),
    ("C6", a_reading_with_another_tovholder),
    ("C7", a_moment_without_a_tovholder), ("C7", a_chain_with_a_gap),
    ("C8", a_hole_in_the_topic), ("C8", a_topic_out_of_order), ("C8", a_record_that_nobody_wrote), ("C8", a_feed_out_of_order),
    ("C8", an_event_that_never_left),
    ("C9", an_event_that_was_not_applied), ("C9", an_event_that_was_laid_aside), ("C9", told_twice),
    ("C9", a_position_that_went_back), ("C9", a_copy_that_names_another),
    ("C10", a_repeated_request_answered_otherwise),
    ("C11", a_reading_that_nobody_logged),
    ("C12", a_name_in_a_log), ("C12", a_stranger_who_sees),
    ("C13", no_answer_after_a_fault), ("C13", never_quiet_again), ("C13", a_transaction_left_open), ("C13", an_error_of_ours),
]  # fmt: skip


def test_a_good_history_passes_every_check() -> None:
    assert {name: found for name, found in checked(good()).items() if found} == {}


def test_a_move_that_had_to_wait_is_proposed_by_the_clock_and_asked_for_by_nobody_then() -> None:
    evidence = good()
    evidence.ledger["registry"].append(
        Said(CHILD, 8, "5", "handover_proposed", "the clock's", False, {**_OFFER, "reason": "moved", "effective_on": None})
    )

    assert checked(evidence)["C4"] == []


def test_what_is_said_after_all_was_quiet_may_still_be_on_its_way() -> None:
    evidence = good()
    evidence.ends[("registry", 0)] = 3
    evidence.hearers["notifications"] = Hearer({("registry", 0): 3}, {("registry", CHILD): 3}, {"parked": 0})
    evidence.copies["notifications"][CHILD] = INGE

    assert checked(evidence)["C9"] == []


def test_a_copy_is_compared_where_its_keeper_has_heard_all_that_was_said_of_the_child() -> None:
    evidence = good()
    evidence.ends[("registry", 0)] = 3
    evidence.copies["notifications"][CHILD] = INGE

    assert [it.what for it in checked(evidence)["C9"]] == [
        "notifications knows another tovholder than the registry for 1 children"
    ]


def test_a_position_that_postgresql_forgot_as_it_was_killed_is_gone_on_from() -> None:
    evidence = good()
    a_position_that_went_back(evidence)
    evidence.postgres_died = [1.4]

    assert checked(evidence)["C9"] == []

    # What was looked at when PostgreSQL was back is on disk.
    evidence.postgres_died = [0.4]

    assert checked(evidence)["C9"] != []

    evidence.postgres_died = [1.4]
    evidence.samples += [replace(evidence.samples[0], at=5.0), replace(evidence.samples[1], at=5.2)]

    assert [(it.what, it.at) for it in checked(evidence)["C9"]] == [
        ("the position of notifications in registry, partition 0, went back", 5.2)
    ]


@pytest.mark.parametrize(("check", "doctor"), DOCTORED, ids=lambda it: it if isinstance(it, str) else it.__name__)
def test_a_doctored_history_is_found(check: str, doctor: Callable[[Evidence], None]) -> None:
    evidence = good()
    doctor(evidence)

    assert checked(evidence)[check] != []


def test_every_check_has_a_history_that_it_finds() -> None:
    assert {check for check, _ in DOCTORED} == set(CHECKS)
