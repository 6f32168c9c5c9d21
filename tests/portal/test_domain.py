"""Deadlines as people count days, and a child's time drawn."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.calendar import COPENHAGEN
from services.indicators.domain.definitions import definitions
from services.portal.domain import charts
from services.portal.domain.deadlines import Deadline, Urgency, age_in_words, deadline
from services.portal.domain.timeline import LANES, LEFT, WIDTH, Happening, drawn
from services.portal.domain.week import Kind, Task, by_child, in_order, must, soonest

NOW = datetime(2026, 12, 1, 10, tzinfo=COPENHAGEN)


@pytest.mark.parametrize(
    ("due_at", "urgency", "days"),
    [
        # At midnight the day before is over: it was the last that counted.
        (datetime(2026, 12, 2, tzinfo=COPENHAGEN), "today", 0),
        (datetime(2026, 12, 3, tzinfo=COPENHAGEN), "soon", 1),
        (datetime(2026, 12, 5, tzinfo=COPENHAGEN), "later", 3),
        (datetime(2026, 12, 1, tzinfo=COPENHAGEN), "overdue", -1),
        (datetime(2026, 12, 1, 9, tzinfo=COPENHAGEN), "overdue", 0),
        (None, "none", 0),
    ],
)
def test_a_deadline_is_as_near_as_the_calendar_says(due_at: datetime | None, urgency: str, days: int) -> None:
    found = deadline(due_at, NOW, COPENHAGEN)

    assert (found.urgency, found.days) == (urgency, days)


def test_an_age_is_told_in_the_unit_health_visitors_use() -> None:
    born = date(2026, 1, 31)

    assert age_in_words(born, date(2026, 2, 7)) == ("days", 7)
    assert age_in_words(born, date(2026, 3, 31)) == ("weeks", 8)
    assert age_in_words(born, date(2026, 12, 1)) == ("months", 10)
    assert age_in_words(born, date(2030, 1, 30)) == ("years", 3)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(LANES),
            st.integers(0, 2000),
            st.integers(0, 400),
            st.text(max_size=30),
        ),
        max_size=30,
    )
)
def test_everything_is_drawn_inside_the_drawing_and_bars_of_a_lane_never_cover_each_other(
    spans: list[tuple[str, int, int, str]],
) -> None:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    happened = [
        Happening(lane, label, begin + timedelta(days=first), begin + timedelta(days=first + length))  # type: ignore[arg-type]
        for lane, first, length, label in spans
    ]

    drawing = drawn(happened, begin + timedelta(days=1000))

    if not spans:
        assert drawing is None
        return
    assert drawing is not None
    assert len(drawing.bars) == len(spans)
    for bar in drawing.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= WIDTH
        assert bar.y + bar.height <= drawing.height
        for other in drawing.bars:
            apart = bar.x + bar.width <= other.x or other.x + other.width <= bar.x or bar.y != other.y
            assert other is bar or apart
    assert len(drawing.ticks) <= 12


def _task(kind: Kind, days: int, child: str | None = "c", place: str = "/portal/") -> Task:
    urgency: Urgency = "overdue" if days < 0 else "today" if days == 0 else "soon" if days < 3 else "later"
    return Task(kind, Deadline(urgency, NOW.date() + timedelta(days=days), days), place, child)


def test_what_is_overdue_comes_first_and_only_what_cannot_wait_must_be_done_this_week() -> None:
    tasks = [_task("visit", 6), _task("visit", 7), _task("transition", 13), _task("follow-up", -1), _task("session", 0, None)]

    ordered = in_order(tasks)

    assert [(it.kind, it.due.days) for it in ordered] == [
        ("follow-up", -1), ("session", 0), ("visit", 6), ("visit", 7), ("transition", 13),
    ]  # fmt: skip
    assert [it.due.days for it in ordered if must(it)] == [-1, 0, 6, 13]


def test_a_child_is_as_urgent_as_the_soonest_of_what_it_asks_for() -> None:
    found = by_child([_task("visit", 6, "a"), _task("systematic", -2, "a"), _task("session", -9, None), _task("visit", 1, "b")])

    assert {child: due.urgency for child, due in found.items()} == {"a": "overdue", "b": "soon"}
    assert soonest(Deadline("none"), found["b"]).urgency == "soon"
    assert soonest().urgency == "none"


def test_programmes_and_transitions_have_lanes_of_their_own_between_visits_and_the_axis() -> None:
    day = NOW
    made = drawn(
        [
            Happening("start", "Børnehuset", day + timedelta(days=90)),
            Happening("programme", "Familiegruppe", day - timedelta(days=20), goes_on=True),
            Happening("visit", "Besøg", day, day + timedelta(days=5)),
        ],
        day,
    )

    assert made is not None
    assert [lane for _, lane in made.lanes] == ["visit", "programme", "start"]
    assert len({bar.y for bar in made.bars}) == 3
    group = next(bar for bar in made.bars if bar.happening.lane == "programme")
    assert group.x + group.width == pytest.approx(made.now, abs=0.5), "what goes on is drawn to now"


def test_a_figure_is_drawn_against_the_whole_and_what_is_not_told_has_no_length() -> None:
    told = (("all", 0.75, 30), ("nord", None, None), ("a" * 60, 1.0, 10))
    lines = [{"value": value, "number": number, "label": name} for name, value, number in told]

    chart = charts.drawn(lines, "share", lambda it: it["label"], lambda it: str(it["value"]))

    assert chart is not None
    room = chart.bars[2].width
    assert room == charts.WIDTH - charts.LEFT - 96
    assert [bar.width for bar in chart.bars] == [round(0.75 * room), None, room]
    assert len(chart.bars[2].label) < 40
    assert charts.drawn([], "number", str, str) is None
    assert charts.drawn([{"value": 0.0, "number": 0}], "share", str, str) is None
    many = charts.drawn([{"value": 1, "number": 1}] * 40, "number", lambda _: "x", lambda _: "1")
    assert many is not None
    assert (len(many.bars), many.more) == (charts.MOST, 40 - charts.MOST)
    assert {charts.part_of(name) for name in definitions().figures} == {part for part, _ in charts.PARTS}
