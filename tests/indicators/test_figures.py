"""What the file of figures says fits what is noted and what services say; stays in hospital; what each figure is made of."""

import types
from datetime import UTC, date, datetime, timedelta
from typing import Any, Union, get_args, get_origin
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.chassis.errors import NotUnderstood
from services.events import Event, event_types
from services.events.envelope import Seat
from services.events.registry import HandoverProposed
from services.indicators.domain.definitions import Definitions, definitions
from services.indicators.domain.facts import fact_of
from services.indicators.domain.figures import Counted, lines, selected
from services.indicators.domain.hospital import Told, stays
from services.indicators.domain.periods import Period, Quarter, due
from services.indicators.domain.releasing import Atom
from services.indicators.domain.veil import Veil
from services.indicators.handlers import _WANTED, NOTES

VEIL = Veil(bytes(32))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return next((it for it in options if isinstance(it, type) and issubclass(it, BaseModel)), None)


def _leads_somewhere(event: type[BaseModel], path: str) -> bool:
    first, _, rest = path.partition(".")
    field = event.model_fields.get(first)
    if field is None:
        return False
    inner = _model_in(field.annotation)
    return not rest or (inner is not None and _leads_somewhere(inner, rest))


@pytest.mark.parametrize("kind", sorted(NOTES))
def test_what_is_noted_of_an_event_is_in_it(kind: str) -> None:
    event: type[Event] = event_types()[kind]

    assert [path for path in (*NOTES[kind].paths(), "municipality") if not _leads_somewhere(event, path)] == []


def test_figures_count_only_what_is_noted_and_name_the_events_it_is_noted_of() -> None:
    noted: dict[str, set[str]] = {}
    for event, note in _WANTED.items():
        noted.setdefault(note.kind, set()).add(event.removeprefix("dk.tovholder.").removesuffix(".v1"))
    known = definitions()

    for counter in known.counters.values():
        said = {kind for mark in counter.marks.values() for kind in mark.said}
        assert set(counter.each) | said | ({counter.from_} if counter.from_ else set()) <= set(noted)
    for name, figure in known.figures.items():
        counter = known.counters[figure.counter]
        for kind in counter.each:
            assert noted[kind] <= set(figure.events) or len(counter.each) > 1, (name, kind)


def test_a_figure_that_does_not_fit_its_counter_is_named() -> None:
    whole = definitions().model_dump()
    whole["figures"]["topi_green"]["mark"] = "colour"

    with pytest.raises(ValueError, match="topi_green: counter topi has no mark colour"):
        Definitions.model_validate(whole)


def test_a_fact_holds_no_reference_and_is_the_same_however_it_was_read() -> None:
    child, handover, at = uuid4(), uuid4(), datetime(2026, 5, 4, 10, tzinfo=UTC)
    seat = {"professional": uuid4(), "unit": uuid4()}
    event = HandoverProposed(
        handover=handover,
        child=child,
        municipality="0990",
        giver=Seat(**seat),
        receiver=Seat(**seat),
        reason="district",
        due_at=at,
        effective_on=None,
    )
    note = NOTES[HandoverProposed.type]

    heard = fact_of(note, event.model_dump(mode="json"), child, 3, at, VEIL)
    read = fact_of(note, event.model_dump(mode="json"), str(child), 3, "2026-05-04T10:00:00.000000Z", VEIL)

    assert heard == read
    assert heard is not None
    assert (heard.unit, heard.code, heard.happened) == (seat["unit"], "district", at)
    assert {child, child.bytes, handover.bytes, str(child)}.isdisjoint(heard)
    assert heard.child != Veil(bytes(31) + b"1").of(child)


AT = datetime(2026, 1, 1, tzinfo=UTC)


def _told(day: float, code: str = "STIN", change: str = "new") -> Told:
    at = AT + timedelta(days=day)
    return Told(at, at, code, change)


@pytest.mark.parametrize(
    ("messages", "again"),
    [
        ([_told(0), _told(3, "SLHJ"), _told(20)], [False, True]),
        ([_told(0), _told(3, "SLHJ"), _told(32)], [False, False]),
        ([_told(0), _told(20)], [False, True]),
        ([_told(0), _told(3, "SLHJ"), _told(20), _told(20.5, change="cancelled")], [False]),
        ([_told(0), _told(0.5, change="cancelled")], []),
        ([_told(0), _told(0.5, change="revised")], [False]),
        ([_told(0), _told(3, "SLHJ"), _told(4, "SLHJ", "cancelled"), _told(30)], [False, False]),
        ([_told(1, "STAA"), _told(2, "STOR")], []),
    ],
)
def test_stays_within_28_days_are_readmissions_and_cancelled_ones_are_none(messages: list[Told], again: list[bool]) -> None:
    assert [stay.again for stay in stays(messages)] == again


@given(
    st.lists(
        st.builds(
            _told, st.integers(0, 90), st.sampled_from(["STIN", "SLHJ"]), st.sampled_from(["new", "new", "revised", "cancelled"])
        )
    ),
    st.randoms(),
)
def test_stays_are_the_same_in_any_order_and_however_often_they_are_told(messages: list[Told], random: Any) -> None:
    again = [*messages, *messages]
    random.shuffle(again)

    assert stays(again) == stays(messages)


def test_a_period_is_a_year_or_a_quarter_of_one_and_nothing_between() -> None:
    assert [str(quarter) for quarter in Period.read("2026").quarters] == ["2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4"]
    assert Period.read("2026-Q3").quarter == Quarter(date(2026, 7, 1))
    for other in ("2026-07", "2026-Q1..Q2", "2026-W9", "", "2026-Q0"):
        with pytest.raises(NotUnderstood):
            Period.read(other)


@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_quarters_follow_one_another_and_are_due_thirty_days_after_their_end(day: date) -> None:
    quarter = Quarter.of(day)

    assert quarter.starts_on <= day < quarter.next.starts_on
    assert due(None, day, quarter.settles_on) == quarter
    assert due(None, day, quarter.settles_on - timedelta(days=1)) is None
    assert due(quarter, day, quarter.next.settles_on) == quarter.next


def test_a_mean_a_share_and_a_split_are_read_from_the_same_counts() -> None:
    known = definitions()
    answers = {"accepted": (6, 6 * 86_400.0 * 3), "declined": (5, 5 * 86_400.0 * 9)}
    counted = [
        Counted(
            "handover",
            Atom("2026-Q1", "u", "", (word, "at-capacity" if word == "declined" else "no", "no")),
            number,
            (time, 0, 0),
        )
        for word, (number, time) in answers.items()
    ]

    found = selected(lines(known, counted, ["2026-Q1"], "2026", whole_year=False), "2026-Q1", "u")

    values: dict[Any, Any] = {(line.figure, line.word): (line.value, line.number, line.of) for line in found}
    assert values[("handovers_offered", "")] == (11, 11, None)
    assert values[("handovers_accepted", "")] == (round(6 / 11, 4), 6, 11)
    assert values[("days_to_acceptance", "")] == (3.0, 6, None)
    assert values[("handovers_declined", "at-capacity")] == (5, 5, None)
    assert values[("handovers_overdue", "")] == (0.0, 0, 11)


def test_two_who_answer_the_survey_are_not_told_by_the_number_of_their_answers() -> None:
    """Each question by itself: eight answers of two parents are not eight parents."""
    counted = [Counted("survey", Atom("2026-Q1", "u", question, ("4",)), 2, (8.0,)) for question in ("a", "b", "c", "d")]

    found = lines(definitions(), counted, ["2026-Q1"], "2026", whole_year=False)

    assert {line.value for line in found if line.figure.startswith("parent")} == {None}
