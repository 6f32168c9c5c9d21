"""Every figure of figures.yaml with a number worked out by hand, from what twenty made-up families go through in a quarter."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.events import Event
from services.events.daycare import ChildStarted, PlaceReleased, PlaceReserved
from services.events.envelope import Seat
from services.events.midwife import NotificationReceived
from services.events.persons import ChildInHospital
from services.events.registry import (
    ChildRegistered,
    HandoverAccepted,
    HandoverDeclined,
    HandoverOverdue,
    HandoverProposed,
    TovholderChanged,
)
from services.events.sundhedspleje import (
    Attendance,
    AttendanceRecorded,
    FollowUpClosed,
    FollowUpOpened,
    NeedVisitGranted,
    OverleveringGiven,
    ProgrammeAccepted,
    ProgrammeDeclined,
    ProgrammeEnded,
    ProgrammeOffered,
    ProgrammeStarted,
    ScreeningRecorded,
    ScreeningWithdrawn,
    StaffTrained,
    VisitDeclined,
    VisitHeld,
    VisitMissed,
)
from services.indicators.domain.definitions import definitions
from services.indicators.domain.periods import Quarter
from tests.support.heard import Heard

# Five families each: A and B go to the nurse; A and D have a plusplads; all start in daycare, D elsewhere.
A, B, C, D = (range(5), range(5, 10), range(10, 15), range(15, 20))


class Families:
    """Twenty families of one intake, one nurse and one institution, and what is said of them, by day."""

    def __init__(self, heard: Heard, intake: Seat, nurse: Seat, institution: UUID, at: datetime) -> None:
        self.heard, self.intake, self.nurse, self.institution, self.at = heard, intake, nurse, institution, at
        self.elsewhere = uuid4()
        self.children = [uuid4() for _ in range(20)]
        self._things: dict[tuple[str, int], UUID] = {}

    def thing(self, what: str, number: int) -> UUID:
        """The family's handover, enrolment, start …"""
        return self._things.setdefault((what, number), uuid4())

    def about(self, number: int) -> dict[str, Any]:
        return {"child": self.children[number], "municipality": self.heard.municipality}

    async def say(self, said: Iterable[tuple[UUID, Event]]) -> None:
        """Each source's facts in the order given; heard at once."""
        by_source: dict[str, list[tuple[UUID, Event]]] = {}
        for subject, event in said:
            by_source.setdefault(event.source, []).append((subject, event))
        for source, events in by_source.items():
            async with self.heard.world.store(source).transaction() as tx:
                for subject, event in events:
                    tx.publish(subject, event)
            await self.heard.hear(source)

    def of(self, number: int, *events: Event) -> list[tuple[UUID, Event]]:
        return [(self.children[number], event) for event in events]

    # -- The first day --------------------------------------------------------------------------------------------------------

    def notified_and_offered(self, number: int) -> list[tuple[UUID, Event]]:
        """Two days after the ward's message each is registered and offered to the nurse."""
        notification = self.thing("notification", number)
        received = NotificationReceived(
            notification_id=notification, municipality=self.heard.municipality, unit=self.intake.unit,
            organisation="region-hav", received_at=self.at - timedelta(days=2), state="registering",
        )  # fmt: skip
        registered = ChildRegistered(
            **self.about(number), notification_id=notification, mother=None, order=1, status="born", sibling_of=None
        )
        holds = TovholderChanged(**self.about(number), tovholder=self.intake, before=None, why="registration", since=self.at)
        return [(notification, received), *self.of(number, registered, holds, self.proposed(number))]

    def _handover(self, number: int) -> dict[str, Any]:
        return {**self.about(number), "handover": self.thing("handover", number), "giver": self.intake, "receiver": self.nurse}

    def proposed(self, number: int) -> HandoverProposed:
        return HandoverProposed(
            **self._handover(number), reason="district", due_at=self.at + timedelta(days=1), effective_on=None
        )

    # -- Two days later -------------------------------------------------------------------------------------------------------

    def answered(self, number: int) -> list[tuple[UUID, Event]]:
        """A and B are taken, C declined; of D nobody says anything, and the deadline passes."""
        if number in D:
            return self.of(number, HandoverOverdue(**self._handover(number), due_at=self.at))
        by = self.nurse.professional
        if number in C:
            return self.of(number, HandoverDeclined(**self._handover(number), declined_by=by, reason="at-capacity"))
        accepted = HandoverAccepted(**self._handover(number), accepted_by=by, effective_on=None)
        taken = TovholderChanged(
            **self.about(number), tovholder=self.nurse, before=self.intake, why="acceptance",
            since=self.at, handover=self.thing("handover", number),
        )  # fmt: skip
        return self.of(number, accepted, taken)

    def visits(self, number: int) -> list[tuple[UUID, Event]]:
        """A, B: the contact at 8-11 months, held four days after the message. C could not be met, D does not wish."""
        visit = {"visit": self.thing("visit", number), **self.about(number)}
        if number in C:
            return self.of(number, VisitMissed(**visit, kind="two-months-visit"))
        if number in D:
            return self.of(number, VisitDeclined(**visit, kind="two-months-visit", reason="does-not-wish"))
        held = VisitHeld(
            **visit, kind="eight-to-eleven-months-visit", held_on=(self.at + timedelta(days=2)).date(), where="home",
            participants=[], by=self.nurse.professional, development="age-appropriate" if number in A else "not-age-appropriate",
        )  # fmt: skip
        return self.of(number, held)

    def screened(self, number: int, instrument: str, above: bool, end: str = "") -> list[tuple[UUID, Event]]:
        """A result; `end`: `open` where it is followed up, `closed` where that has ended, `withdrawn` where it was a mistake."""
        about = {"screening": uuid4(), **self.about(number), "instrument": instrument, "whose": "child"}
        said: list[Event] = [ScreeningRecorded(**about, scored_on=self.at.date(), at_or_above=above)]
        follow_up = {"follow_up": uuid4(), **about}
        if end in ("open", "closed"):
            said.append(FollowUpOpened(**follow_up, due_on=self.at.date()))
        if end == "closed":
            said.append(FollowUpClosed(**follow_up, outcome="support"))
        if end == "withdrawn":
            said.append(ScreeningWithdrawn(**about, reason="wrong-person"))
        return self.of(number, *said)

    def granted(self, number: int) -> list[tuple[UUID, Event]]:
        day = self.at.date()
        return self.of(number, NeedVisitGranted(
            visit=uuid4(), **self.about(number), kind="need-visit", reason="sleep", from_on=day, until_on=day,
            systematic=uuid4(), screen_by=day, by=self.nurse.professional,
        ))  # fmt: skip

    def programme(self, number: int) -> list[tuple[UUID, Event]]:
        """A says yes and goes through it, B says no. Of three sessions A was at two: two entries were put right later."""
        enrolment = {"enrolment": self.thing("enrolment", number), **self.about(number), "programme": "cos-p-gruppe"}
        offered = ProgrammeOffered(
            **enrolment, kind="group", effective_from=self.at.date(), offered_by=self.nurse.professional, unit=self.nurse.unit
        )
        if number in B:
            return self.of(number, offered, ProgrammeDeclined(**enrolment, reason="no-time"))
        course, sessions = uuid4(), [uuid4() for _ in range(3)]
        entries: tuple[tuple[int, Attendance], ...] = (
            (1, "attended"), (2, "absent"), (3, "attended"), (2, "attended"), (3, "excused"),
        )  # fmt: skip
        there = [
            AttendanceRecorded(**enrolment, course=course, session=sessions[each - 1], number=each, attendance=attendance)
            for each, attendance in entries
        ]
        ended = ProgrammeEnded(
            **enrolment, course=course, outcome="completed", reason=None, unit=self.nurse.unit, continues=None,
            continued_by=None, next_programme=None,
        )  # fmt: skip
        accepted, started = ProgrammeAccepted(**enrolment, course=course), ProgrammeStarted(**enrolment, course=course)
        return self.of(number, offered, accepted, started, *there, ended)

    def place(self, number: int) -> list[tuple[UUID, Event]]:
        held = {"holding": self.thing("place", number), **self.about(number), "unit": self.institution}
        day = self.at.date()
        reserved = PlaceReserved(**held, method="cos-p", from_on=day, start=None)
        released = PlaceReleased(**held, reason="family-declined", free_from=day)
        return self.of(number, reserved, *([released] if number in D else []))

    def starts(self, number: int) -> list[tuple[UUID, Event]]:
        """A's parents let information pass, B's the law lets pass, of C and D nothing passed."""
        start = {"start": self.thing("start", number), **self.about(number)}
        basis: Any = ("consent", "dagtilbudsloven-3a", "refused", "refused")[number // 5]
        unit = self.elsewhere if number in D else self.institution
        given = OverleveringGiven(
            overlevering=uuid4(), **self.about(number), to_unit=unit, start=start["start"], basis=basis,
            categories=[], withheld=[], given_by=self.nurse.professional, given_at=self.at,
        )  # fmt: skip
        begun = ChildStarted(**start, unit=unit, starts_on=(self.at + timedelta(days=20)).date())
        return self.of(number, given, begun)

    def hospital(self, number: int) -> list[tuple[UUID, Event]]:
        """A was in hospital twice within 28 days, B once, C by mistake."""

        def told(code: Any, day: int, change: Any = "new") -> Event:
            return ChildInHospital(
                **self.about(number), notification_id=uuid4(), code=code, change=change, told_at=self.at + timedelta(days=day)
            )

        if number in A:
            return self.of(number, told("STIN", 0), told("SLHJ", 3), told("STIN", 30))
        if number in B:
            return self.of(number, told("STIN", 0))
        return self.of(number, told("STIN", 0), told("STIN", 1, "cancelled"))

    def trained(self) -> list[tuple[UUID, Event]]:
        """Five had the training; one of them is told of twice."""
        people = [uuid4() for _ in range(5)]
        return [
            (person, StaffTrained(
                training=uuid4(), professional=person, municipality=self.heard.municipality, method="cos-p",
                method_version="8-sessions", trained_on=self.at.date(),
            ))
            for person in (*people, people[0])
        ]  # fmt: skip

    async def answer_the_survey(self, leader: UUID) -> None:
        made = await self.heard.logged_in(leader).post("/indicators/survey/links", {"number": 6})
        links = [link.removeprefix(self.heard.world.settings.gateway_url) for link in made.body["links"]]
        answers = [await self.heard.world.http.post(link, json={"scores": {"listened-to": 4}}) for link in links[:5]]
        # One answer per link, and one letter that nobody answers.
        again = await self.heard.world.http.post(links[0], json={"scores": {"listened-to": 1}})
        assert [answer.status_code for answer in (*answers, again)] == [200] * 5 + [404]


@pytest.fixture
async def families(heard: Heard) -> Families:
    intake, team, institution = await heard.unit("intake"), await heard.unit("sundhedspleje"), await heard.unit("institution")
    taker, nurse = await heard.professional(intake, "intake"), await heard.professional(team, "sundhedspleje")
    at = datetime.combine(await heard.today(), datetime.min.time(), UTC) + timedelta(hours=8)
    return Families(heard, Seat(professional=taker, unit=intake), Seat(professional=nurse, unit=team), institution, at)


async def test_each_figure_is_what_its_definition_says(families: Families) -> None:
    heard, leader = families.heard, await families.heard.professional(families.nurse.unit, "sundhedspleje", leads=True)
    quarter = Quarter.of(families.at.date())
    everyone = [number for letter in (A, B, C, D) for number in letter]

    await families.say(it for number in everyone for it in families.notified_and_offered(number))
    await families.say(it for number in (*A, *B) for it in families.screened(number, "topi", above=True, end="open"))
    await heard.pass_days(2)
    for told in (families.answered, families.visits):
        await families.say(it for number in everyone for it in told(number))
    await families.say(it for number in (*A, *B) for it in (*families.programme(number), *families.granted(number)))
    await families.say(it for number in A for it in families.screened(number, "topi", above=False))
    await families.say(it for number in A for it in families.screened(number, "epds", above=True, end="closed"))
    await families.say(it for number in (*A, *B) for it in families.screened(number, "epds", above=True, end="withdrawn"))
    await families.say(it for number in (*A, *D) for it in families.place(number))
    await families.say(it for number in (*A, *B, *C) for it in families.hospital(number))
    await families.say(it for number in everyone for it in families.starts(number))
    await families.say(families.trained())
    await families.answer_the_survey(leader)
    await heard.pass_days((quarter.settles_on - families.at.date()).days + 1)
    shown = await heard.logged_in(leader).get("/indicators/figures", params={"period": str(quarter)})

    found = {
        (figure["figure"], line["code"], line["word"]): line["value"]
        for figure in shown.body["figures"]
        for line in figure["lines"]
        if line["unit"] is None
    }
    expected = {
        ("children_registered", None, None): 20,
        ("named_nurse_share", None, None): 0.5,
        ("handovers_offered", None, None): 20,
        ("handovers_accepted", None, None): 0.5,
        ("handovers_declined", None, "at-capacity"): 5,
        ("handovers_overdue", None, None): 0.25,
        ("unbroken_chain", None, None): 1.0,
        ("starts_with_overlevering", None, None): 0.5,
        ("starts_with_consent", None, None): 0.25,
        ("places_reserved", None, None): 10,
        ("places_used", None, None): 0.5,
        ("places_released", None, "family-declined"): 5,
        ("visits", "eight-to-eleven-months-visit", "visit-held"): 10,
        ("visits", "two-months-visit", "visit-missed"): 5,
        ("visits", "two-months-visit", "visit-declined"): 5,
        ("visits_declined", "two-months-visit", "does-not-wish"): 5,
        ("need_visits_granted", None, None): 10,
        ("need_visits_screened", None, None): 0.5,
        ("programmes_offered", "cos-p-gruppe", None): 10,
        ("programmes_accepted", "cos-p-gruppe", None): 0.5,
        ("programmes_declined", "cos-p-gruppe", "no-time"): 5,
        ("programmes_started", "cos-p-gruppe", None): 5,
        ("programmes_completed", "cos-p-gruppe", "completed"): 5,
        ("sessions_expected", "cos-p-gruppe", None): 3.0,
        ("sessions_attended", "cos-p-gruppe", None): 2.0,
        ("screenings", "topi", None): 15,
        ("screenings", "epds", None): 5,
        ("screenings_above", "topi", None): 0.6667,
        ("screenings_above", "epds", None): 1.0,
        ("screenings_followed_up", "topi", None): 1.0,
        ("follow_ups_ended", "epds", None): 1.0,
        ("follow_ups_ended", "topi", None): 0.0,
        ("age_appropriate_development", None, None): 0.5,
        ("topi_green", None, None): 0.5,
        ("staff_trained", "cos-p", None): 5,
        ("admissions", None, None): 15,
        ("readmissions_28_days", None, None): 0.3333,
        ("parent_satisfaction", "listened-to", None): 4.0,
        ("parent_satisfaction_scores", "listened-to", "4"): 5,
    }
    assert {place: found.get(place, "not there") for place in expected} == expected
    days = {name: found[(name, None, None)] for name in ("days_to_named_nurse", "days_to_first_contact", "days_to_acceptance")}
    assert days == {
        "days_to_named_nurse": pytest.approx(4, abs=0.9),
        "days_to_first_contact": pytest.approx(4, abs=0.9),
        "days_to_acceptance": pytest.approx(2, abs=0.1),
    }
    assert {name for name, _, _ in expected} | set(days) == set(definitions().figures)
