"""A family's way through a programme: offered, placed or waiting, there or not, and who goes on; and what the store refuses."""

import asyncio
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.events.directory import CompetencesChanged, HeldCompetence
from services.events.envelope import Seat
from services.events.persons import ChildDied
from services.events.registry import TovholderChanged
from tests.support.heard import ELSEWHERE, Heard
from tests.support.world import Answer, Someone

GROUP, COURSES, ENROLMENTS = "familiegruppe", "/sundhedspleje/courses", "/sundhedspleje/enrolments"


@dataclass
class Town:
    """Småby's health visitors: a nurse who is tovholder and in the team, and a leader."""

    heard: Heard
    team: UUID
    nurse: UUID
    leader: UUID
    institution: UUID

    @property
    def her(self) -> Someone:
        return self.heard.logged_in(self.nurse)

    async def child(self) -> UUID:
        seat = Seat(professional=self.nurse, unit=self.team)
        return await self.heard.child(seat, status="born", born_on=await self.today())

    async def today(self) -> date:
        return await self.heard.today()

    async def ask(self, path: str, body: Any = None, status: int = 200, by: Someone | None = None) -> Any:
        answer = await (by or self.her).post(path, body)
        assert answer.status == status, answer.body
        return answer.body

    async def offer(self, child: UUID, programme: str = GROUP, **more: Any) -> str:
        body = {"child": str(child), "programme": programme, "grounds": ["wants-a-network"], **more}
        return str((await self.ask(ENROLMENTS, body, 201))["id"])

    async def course(self, capacity: int = 2, **more: Any) -> str:
        today = await self.today()
        body = {
            "programme": GROUP,
            "unit": str(self.team),
            "begins_on": today.isoformat(),
            "ends_on": (today + timedelta(days=90)).isoformat(),
            "capacity": capacity,
            "team": [str(self.nurse)],
            **more,
        }
        return str((await self.ask(COURSES, body, 201))["id"])

    async def placed(self, course: str, programme: str = GROUP) -> dict[str, Any]:
        """A family that is offered the programme and says yes to a place."""
        child = await self.child()
        enrolment = await self.offer(child, programme)
        answer = await self.ask(f"{ENROLMENTS}/{enrolment}/acceptance", {"course": course})
        return {**answer, "child": str(child)}

    async def competent(self, person: UUID, *competences: str) -> None:
        held = [HeldCompetence(competence=each, from_on=date(2020, 1, 1), until_on=None) for each in competences]
        told = CompetencesChanged(professional=person, municipality=self.heard.municipality, competences=held)
        await self.heard.tell(person, told)

    async def session(self, course: str, days: int = 0) -> str:
        on = await self.today() + timedelta(days=days)
        return str((await self.ask(f"{COURSES}/{course}/sessions", {"on_date": on.isoformat()}, 201))["id"])

    async def said(self, subject: str) -> list[str]:
        return await self.heard.world.events("sundhedspleje", subject)


@pytest.fixture
async def town(heard: Heard) -> Town:
    heard.municipality = "0996"
    team, institution = await heard.unit("sundhedspleje"), await heard.unit("institution")
    nurse = await heard.professional(team, "sundhedspleje")
    made = Town(heard, team, nurse, await heard.professional(team, "sundhedspleje", leads=True), institution)
    await made.competent(nurse, "sundhedsplejerske", "tidlig-opsporing")
    return made


async def test_a_group_is_held_from_the_offer_to_who_goes_on_with_the_family(town: Town) -> None:
    course = await town.course()
    first, second, third = [await town.placed(course) for _ in range(3)]

    # What the family itself sees: the group's place and the days ahead, its own turn, and nobody else.
    taking = [
        (await town.her.get(f"/sundhedspleje/cases/{each['child']}/taking-part")).body["takes_part"] for each in (first, third)
    ]
    assert [(each["state"], each["turn"], each["place"]) for (each,) in taking] == [
        ("accepted", None, None),
        ("waiting", 1, None),
    ]
    assert (first["state"], second["state"], third["state"], third["turn"]) == ("accepted", "accepted", "waiting", 1)

    # One family stops before it begins: who waits first gets the place, in the same moment.
    await town.ask(f"{ENROLMENTS}/{second['id']}/stop", {"reason": "family-wishes", "text": "Flytter sammen med farmor."})
    shown = (await town.her.get(f"{COURSES}/{course}")).body
    assert (shown["taken"], shown["waiting"], shown["programme"]["handleguide"]["step"]) == (2, 0, "indsats")
    assert {each["enrolment"] for each in shown["families"]} == {first["id"], third["id"]}
    assert (await town.her.get(f"{ENROLMENTS}/{second['id']}")).body["text"] == "Flytter sammen med farmor."

    # It begins; sessions are held, each with who was there.
    await town.ask(f"{COURSES}/{course}/start")
    for number in range(4):
        session = await town.session(course)
        there = {first["id"]: "attended", third["id"]: "absent" if number else "excused"}
        await town.ask(f"/sundhedspleje/sessions/{session}/held", {"attendance": there})
    await town.ask(f"/sundhedspleje/sessions/{session}/attendance", {"attendance": {third["id"]: "attended"}})

    shown = (await town.her.get(f"{COURSES}/{course}")).body["sessions"]
    assert [each["attendance"][third["id"]] for each in shown] == ["excused", "absent", "absent", "attended"]

    # It is through: who goes on must be named, and be of a kind that the programme says.
    nobody = await town.her.post(f"{COURSES}/{course}/end", {})
    assert nobody.problem == "who-continues-must-be-named"
    wrong = await town.her.post(f"{ENROLMENTS}/{first['id']}/completion", {"continues": {"unit": str(town.team)}})
    assert wrong.problem == "that-unit-does-not-continue-this"
    going_on = {"unit": str(town.institution)}
    ended = await town.ask(f"{COURSES}/{course}/end", {"continues": {first["id"]: going_on, third["id"]: going_on}})
    assert (ended["state"], set(ended["ended"])) == ("ended", {first["id"], third["id"]})

    # Every step was said once, thin; nothing but codes and ids.
    assert [fact for fact in await town.said(first["child"]) if fact.startswith(("programme", "attendance"))] == [
        "programme_offered", "programme_accepted", "programme_started", *["attendance_recorded"] * 4, "programme_ended",
    ]  # fmt: skip
    assert [fact for fact in await town.said(third["child"]) if fact.startswith("programme")] == [
        "programme_offered", "programme_accepted", "programme_waiting", "programme_place_given", "programme_started",
        "programme_ended",
    ]  # fmt: skip
    assert (await town.said(course)).count("session_held") == 4


async def test_a_group_is_never_over_capacity_however_many_say_yes_at_once(town: Town) -> None:
    course = await town.course(capacity=1)
    enrolments = [await town.offer(await town.child()) for _ in range(4)]

    answers = await asyncio.gather(*(town.her.post(f"{ENROLMENTS}/{each}/acceptance", {"course": course}) for each in enrolments))

    assert sorted(answer.body["state"] for answer in answers) == ["accepted", "waiting", "waiting", "waiting"]
    assert sorted(answer.body["turn"] for answer in answers if answer.body["turn"]) == [1, 2, 3]

    # The store itself refuses a second family on the place, and a place above the capacity.
    async with town.heard.world.store("sundhedspleje").connection() as connection:
        for number, constraint in ((1, "one_family_on_a_place"), (2, "never_over_capacity")):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute(
                    "update enrolment set state = 'accepted', course = waits_for, course_capacity = 1, place_number = $1,"
                    " waits_for = null, turn = null where state = 'waiting'",
                    number,
                )
            assert getattr(refused.value, "constraint_name", None) == constraint


async def test_more_places_go_to_those_who_wait_and_fewer_than_families_are_refused(town: Town) -> None:
    course = await town.course(capacity=1)
    first, second, third = [await town.placed(course) for _ in range(3)]

    more = await town.ask(f"{COURSES}/{course}/change", {"capacity": 2})
    fewer = await town.her.post(f"{COURSES}/{course}/change", {"capacity": 1})
    beyond = await town.her.post(f"{COURSES}/{course}/change", {"capacity": 9})
    await town.ask(f"{ENROLMENTS}/{third['id']}/stop", {"reason": "need-is-over"})
    await town.ask(f"{ENROLMENTS}/{first['id']}/stop", {"reason": "need-is-over"})
    now_fewer = await town.her.post(f"{COURSES}/{course}/change", {"capacity": 1})

    assert more["placed"] == [second["id"]]
    assert (fewer.problem, beyond.problem) == (
        "there-are-more-families-than-that", "the-course-has-more-places-than-its-programme",
    )  # fmt: skip
    assert now_fewer.status == 200, now_fewer.body


async def test_only_the_enrolled_attend_and_a_session_lies_within_its_course(town: Town) -> None:
    course, other = await town.course(), await town.course()
    family, elsewhere = await town.placed(course), await town.placed(other)
    too_early = await town.her.post(f"{COURSES}/{course}/sessions", {"on_date": "2020-01-01"})
    session = await town.session(course)
    await town.ask(f"{COURSES}/{course}/start")
    later = await town.session(course, days=30)

    stranger = await town.her.post(
        f"/sundhedspleje/sessions/{session}/held", {"attendance": {family["id"]: "attended", elsewhere["id"]: "attended"}}
    )
    not_yet = await town.her.post(f"/sundhedspleje/sessions/{later}/held", {})
    moved = await town.her.post(f"{COURSES}/{course}/change", {"ends_on": (await town.today()).isoformat()})

    assert (too_early.problem, stranger.problem) == ("a-session-lies-within-its-course", "only-the-enrolled-attend")
    assert (not_yet.problem, moved.problem) == ("a-session-is-held-when-its-day-has-come", "sessions-lie-outside-those-days")
    shown = (await town.her.get(f"{COURSES}/{course}")).body["sessions"]
    assert [(each["state"], each["attendance"]) for each in shown] == [("planned", {}), ("planned", {})]

    # The same stands in the store, whoever writes.
    async with town.heard.world.store("sundhedspleje").connection("api") as connection, connection.transaction():
        await connection.execute("select enter($1)", {"kind": "municipality", "municipality": town.heard.municipality})
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="only_the_enrolled_attend"):
            await connection.execute(
                "insert into attendance values ($1, $2, $3, $4, 'attended', $5, now())",
                UUID(session), UUID(elsewhere["id"]), UUID(course), town.heard.municipality, town.nurse,
            )  # fmt: skip


async def test_only_a_whole_team_that_is_trained_begins_and_only_by_those_who_hold_the_course(town: Town) -> None:
    newcomer = await town.heard.professional(town.team, "sundhedspleje")
    course = await town.course(team=[str(newcomer)])
    lacking = (await town.her.get(f"{COURSES}/{course}")).body["lacking"]

    incomplete = await town.her.post(f"{COURSES}/{course}/start")
    await town.competent(newcomer, "sundhedsplejerske")
    untrained = await town.her.post(f"{COURSES}/{course}/start")
    training = {"method": "tidlig-opsporing", "held_on": (await town.today()).isoformat(), "professionals": [str(newcomer)]}
    not_hers = await town.her.post("/sundhedspleje/trainings", training)
    trained = await town.heard.logged_in(town.leader).post("/sundhedspleje/trainings", training)
    begun = await town.her.post(f"{COURSES}/{course}/start")

    assert lacking == ["sundhedsplejerske"]
    assert (incomplete.problem, incomplete.body["lacking"]) == ("the-team-lacks-competences", ["sundhedsplejerske"])
    assert (untrained.problem, not_hers.problem) == ("the-team-must-be-trained-in-the-method", "only-a-leader-records-training")
    assert (trained.status, begun.status) == (201, 200), begun.body
    assert await town.said(str(newcomer)) == ["staff_trained"]

    # The same again changes nothing; who has had it is shown, and who still lacks it.
    again = await town.heard.logged_in(town.leader).post("/sundhedspleje/trainings", training)
    shown = (await town.her.get("/sundhedspleje/methods/tidlig-opsporing/trained")).body
    assert (again.body["trained"], again.body["had_it_before"]) == ([], [str(newcomer)])
    assert await town.said(str(newcomer)) == ["staff_trained"]
    assert {each["professional"] for each in shown["trained"]} == {str(town.nurse), str(newcomer)}
    assert shown["lacking"] == [str(town.leader)]

    # A unit that holds no courses, a stranger in the team, another municipality.
    body = {"programme": GROUP, "begins_on": "2030-01-01", "ends_on": "2030-02-01"}
    pedagogue = await town.heard.professional(town.institution, "institution")
    at_daycare = await town.heard.logged_in(pedagogue).post(COURSES, {**body, "unit": str(town.institution)})
    stranger = await town.her.post(COURSES, {**body, "unit": str(town.team), "team": [str(uuid4())]})
    unit = await town.heard.unit("sundhedspleje", municipality=ELSEWHERE)
    foreigner = await town.heard.professional(unit, "sundhedspleje", municipality=ELSEWHERE)
    assert (at_daycare.problem, stranger.problem) == ("the-unit-does-not-hold-courses", "the-professional-does-not-work-here")
    assert (await town.heard.logged_in(foreigner).get(f"{COURSES}/{course}")).status == 404
    assert (await town.heard.logged_in(pedagogue).post(f"{COURSES}/{course}/cancellation")).problem == (
        "only-who-holds-it-may-change-a-course"
    )


async def test_the_reasons_are_told_before_and_kept_with_the_offer(town: Town) -> None:
    child = await town.child()
    told = (await town.her.get(f"/sundhedspleje/cases/{child}/programmes")).body["programmes"]
    by_key = {each["programme"]["key"]: each for each in told}

    # A first child: the group is for this family without a word from anybody; the visits only by a professional's judgement.
    group, visits = by_key[GROUP], by_key["opsporingsbesoeg"]
    assert group["is_for_them"]
    assert {each["code"] for each in group["because"]} == {"age-months", "first-time-parent"}
    assert (visits["is_for_them"], visits["if_judged"]) == (False, ["first-worry"])
    without = await town.her.post(ENROLMENTS, {"child": str(child), "programme": "opsporingsbesoeg"})
    assert (without.problem, without.body["if_judged"]) == ("the-family-is-not-among-those-it-is-for", ["first-worry"])
    not_its_own = await town.her.post(
        ENROLMENTS, {"child": str(child), "programme": "opsporingsbesoeg", "grounds": ["likes-music"]}
    )
    assert not_its_own.problem == "this-ground-is-not-one-of-the-programmes"

    offered = await town.offer(child, "opsporingsbesoeg", grounds=["first-worry"])
    seen = (await town.her.get(f"{ENROLMENTS}/{offered}")).body
    assert "judged:first-worry" in seen["because"]
    assert (seen["programme"]["handleguide"]["title"], seen["effective_from"]) == ("Trin 1: Opmærksomhed", "2020-10-01")
    twice = await town.her.post(ENROLMENTS, {"child": str(child), "programme": "opsporingsbesoeg", "grounds": ["first-worry"]})
    assert twice.problem == "this-family-has-an-open-offer"

    # A no has its reason, and the same family may be offered it again; a programme without a course begins by itself.
    await town.ask(f"{ENROLMENTS}/{offered}/refusal", {"reason": "no-time"})
    late = await town.her.post(f"{ENROLMENTS}/{offered}/acceptance", {})
    assert (late.problem, late.body["state"]) == ("this-does-not-follow", "declined")
    again = await town.offer(child, "opsporingsbesoeg", grounds=["first-worry"])
    await town.ask(f"{ENROLMENTS}/{again}/acceptance", {})
    assert (await town.ask(f"{ENROLMENTS}/{again}/start"))["state"] == "running"
    assert (await town.ask(f"{ENROLMENTS}/{again}/completion", {}))["state"] == "completed"
    listed = (await town.her.get(f"/sundhedspleje/cases/{child}/enrolments")).body["enrolments"]
    assert [each["state"] for each in listed] == ["declined", "completed"]

    # The leader sees and does not act; a colleague without a relation sees nothing; readings are in the access log.
    leader = town.heard.logged_in(town.leader)
    assert (await leader.get(f"{ENROLMENTS}/{again}")).status == 200
    assert (await leader.post(ENROLMENTS, {"child": str(child), "programme": GROUP})).problem == (
        "only-the-tovholder-may-offer-a-programme"
    )
    colleague = await town.heard.professional(town.team, "sundhedspleje")
    assert (await town.heard.logged_in(colleague).get(f"{ENROLMENTS}/{again}")).status == 404
    rows = await town.heard.world.sql(
        "sundhedspleje", "select class from access where subject = $1 and class = 'programmes'", child
    )
    assert len(rows) == 4


async def test_the_health_visitor_goes_on_when_the_baton_passes_and_only_she_knows_what_the_parents_told(town: Town) -> None:
    child = await town.child()
    pedagogue = await town.heard.professional(town.institution, "institution")
    seat = Seat(professional=pedagogue, unit=town.institution)
    passed = TovholderChanged(
        child=child, municipality=town.heard.municipality, tovholder=seat, before=None, why="acceptance",
        since=await town.heard.world.now(),
    )  # fmt: skip
    await town.heard.tell(child, passed)

    # She offers it still, for a reason that is the parents' own; the new tovholder sees the offer and not that reason.
    offered = await town.offer(child, "opsporingsbesoeg", grounds=["first-worry"])
    hers, theirs = [(await it.get(f"{ENROLMENTS}/{offered}")).body for it in (town.her, town.heard.logged_in(pedagogue))]
    assert ("judged:first-worry" in hers["because"], theirs["because"]) == (True, ["age-months"])
    told = (await town.heard.logged_in(pedagogue).get(f"/sundhedspleje/cases/{child}/programmes")).body["programmes"]
    assert "judged" not in str([(each["lacking"], each["one_of"]) for each in told])
    assert (await town.heard.logged_in(pedagogue).post(f"{ENROLMENTS}/{offered}/acceptance", {})).status == 200

    # Who stands in for the tovholder may do the same; who is in the team of its course sees that enrolment, and no case.
    deputy = await town.heard.professional(town.institution, "institution")
    await town.heard.absence(pedagogue, Seat(professional=deputy, unit=town.institution))
    assert (await town.heard.logged_in(deputy).post(f"{ENROLMENTS}/{offered}/start")).status == 200
    therapist = await town.heard.professional(await town.heard.unit("social"), "social")
    course = await town.course(team=[str(therapist)])
    placed = await town.placed(course)
    helper = town.heard.logged_in(therapist)
    assert (await helper.get(f"{ENROLMENTS}/{placed['id']}")).status == 200
    stopped = await helper.post(f"{ENROLMENTS}/{placed['id']}/stop", {"reason": "need-is-over", "text": "Klarer sig selv."})
    texts = [(await it.get(f"{ENROLMENTS}/{placed['id']}")).body["text"] for it in (helper, town.her)]
    assert (stopped.status, texts) == (200, [None, "Klarer sig selv."])
    assert (await helper.get(f"{ENROLMENTS}/{offered}")).status == 404
    assert (await helper.get(f"/sundhedspleje/cases/{placed['child']}")).status == 404


async def test_a_death_ends_what_was_offered_and_the_place_goes_to_who_waits(town: Town) -> None:
    course = await town.course(capacity=1)
    first, second = await town.placed(course), await town.placed(course)

    child = UUID(first["child"])
    await town.heard.tell(child, ChildDied(child=child, municipality=town.heard.municipality, died_on=None))

    ended = (await town.her.get(f"{ENROLMENTS}/{first['id']}")).body
    assert (ended["state"], ended["reason"]) == ("stopped", "life-ended")
    assert (await town.her.get(f"{ENROLMENTS}/{second['id']}")).body["state"] == "accepted"
    offered: Answer = await town.her.post(ENROLMENTS, {"child": first["child"], "programme": GROUP})
    assert offered.problem == "nobody-is-offered-a-programme-here"


async def test_a_talk_a_forum_and_a_consultation_are_held_with_who_took_part(town: Town) -> None:
    today, child = await town.today(), await town.child()
    pedagogue = await town.heard.professional(town.institution, "institution")
    talk = {"programme": "oplaeg-om-tidlig-opsporing", "unit": str(town.team), "on_date": today.isoformat()}

    nowhere = await town.her.post("/sundhedspleje/gatherings", talk)
    planned = (await town.ask("/sundhedspleje/gatherings", {**talk, "held_in": str(town.institution)}, 201))["id"]
    with_child = await town.her.post(f"/sundhedspleje/gatherings/{planned}/held", {"children": [str(child)]})
    await town.ask(f"/sundhedspleje/gatherings/{planned}/held", {"professionals": [str(pedagogue), str(town.nurse)]})
    twice = await town.her.post(f"/sundhedspleje/gatherings/{planned}/held", {})

    assert (nowhere.problem, with_child.problem, twice.problem) == (
        "it-is-not-held-in-that-unit", "families-come-to-consultations-only", "a-gathering-takes-place-once",
    )  # fmt: skip
    assert await town.said(planned) == ["gathering_planned", "gathering_held"]

    consultation = {"programme": "aaben-konsultation", "unit": str(town.team), "on_date": today.isoformat()}
    held = (await town.ask("/sundhedspleje/gatherings", consultation, 201))["id"]
    await town.ask(f"/sundhedspleje/gatherings/{held}/held", {"children": [str(child)]})
    lists = {
        asked: [it["id"] for it in (await town.her.get(f"/sundhedspleje/gatherings?{asked}")).body["gatherings"]]
        for asked in ("host=me", f"unit={town.team}&state=held", f"unit={town.institution}", "host=me&state=planned")
    }
    assert list(lists.values()) == [[planned, held], [planned, held], [], []]
    hers = (await town.her.get(f"/sundhedspleje/gatherings/{held}")).body
    others = (await town.heard.logged_in(pedagogue).get(f"/sundhedspleje/gatherings/{held}")).body
    assert (hers["children"], hers["families"], hers["programme"]["handleguide"]["step"]) == ([str(child)], 1, "faellesskab")
    assert (others["children"], others["families"]) == (None, 1)

    not_family = await town.her.post(ENROLMENTS, {"child": str(child), "programme": "aaben-konsultation"})
    assert not_family.problem == "this-is-not-offered-to-families"


async def test_a_professional_sees_the_sessions_ahead_the_families_in_something_and_the_codes_to_choose_from(town: Town) -> None:
    course, other = await town.course(capacity=1), await town.course(team=[])
    first, waiting = await town.placed(course), await town.placed(course)
    offered = await town.offer(await town.child())
    today, later = await town.session(course), await town.session(course, days=30)
    stranger = town.heard.logged_in(await town.heard.professional(town.institution, "institution"))

    # Sessions of her own courses and of the unit, the nearest first; nobody else's unit is shown.
    due = (await town.her.get("/sundhedspleje/sessions?team=me&due=week")).body["sessions"]
    assert [(it["id"], it["course"], it["overdue"]) for it in due] == [(today, course, False)]
    assert due[0]["programme"]["handleguide"]["step"] == "indsats"
    assert (await town.her.get("/sundhedspleje/week")).body["sessions"] == due
    page = (await town.her.get(f"/sundhedspleje/sessions?unit={town.team}&limit=1")).body
    rest = (await town.her.get(f"/sundhedspleje/sessions?unit={town.team}&after={page['next']}")).body
    assert [it["id"] for it in (*page["sessions"], *rest["sessions"])] == [today, later]
    await town.heard.pass_days(1)
    assert [it["overdue"] for it in (await town.her.get("/sundhedspleje/sessions?team=me")).body["sessions"]] == [True, False]
    assert (await stranger.get(f"/sundhedspleje/sessions?unit={town.team}")).status == 403
    assert (await town.her.get("/sundhedspleje/sessions")).status == 422
    assert (await stranger.get("/sundhedspleje/sessions?team=me")).body["sessions"] == []

    # Her families, with where each stands; every one read is in the log.
    found = (await town.her.get("/sundhedspleje/enrolments?holder=me")).body["enrolments"]
    assert [(it["id"], it["state"], it["turn"]) for it in found] == [
        (first["id"], "accepted", None), (waiting["id"], "waiting", 1), (offered, "offered", None),
    ]  # fmt: skip
    assert (found[0]["answered_at"] is not None, found[2]["answered_at"], found[0]["ended_at"]) == (True, None, None)
    read = await town.heard.world.sql(
        "sundhedspleje",
        "select count(*) from access where subject = $1 and purpose = 'list' and class = 'programmes'",
        UUID(waiting["child"]),
    )
    assert read[0]["count"] == 1
    assert (await stranger.get("/sundhedspleje/enrolments?holder=me")).body["enrolments"] == []

    # Courses by unit and team, and the codes of the municipality's files.
    assert [it["id"] for it in (await town.her.get(f"{COURSES}?team=me")).body["courses"]] == [course]
    assert {it["id"] for it in (await town.her.get(f"{COURSES}?unit={town.team}")).body["courses"]} == {course, other}
    codes = (await town.her.get("/sundhedspleje/choices")).body
    assert ("weak-network" in [it["code"] for it in codes["criteria"]], "feeding" in codes["need_visit_reasons"]) == (True, True)
    assert next(it for it in codes["instruments"] if it["code"] == "topi")["results"] == ["green", "yellow", "red"]
