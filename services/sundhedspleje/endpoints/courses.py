"""Courses over HTTP: planned with places and a team, begun, held session by session with who was there, and ended."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import OpenChange, answer
from services.chassis.route import UsualRoute
from services.chassis.store import Tx
from services.events.sundhedspleje import Attendance, AttendanceRecorded, SessionHeld
from services.sundhedspleje import repository
from services.sundhedspleje.domain.programmes import courses, enrolling
from services.sundhedspleje.domain.programmes.courses import Course, Session
from services.sundhedspleje.domain.programmes.enrolling import Enrolment
from services.sundhedspleje.endpoints.programmes import continues, definition, line
from services.sundhedspleje.endpoints.related import Changing, Looking
from services.sundhedspleje.repository import courses as stored
from services.sundhedspleje.repository import enrolments, placing
from services.sundhedspleje.repository import written as files
from services.sundhedspleje.schemas.programmes import (
    CourseChangedOut,
    CourseChangeIn,
    CourseIn,
    CourseLine,
    CourseOut,
    CoursesOut,
    EndIn,
    FamilyOut,
    HeldIn,
    SessionChangedOut,
    SessionIn,
    SessionOut,
    TeamIn,
)

router = APIRouter(route_class=UsualRoute)


@router.get("/courses", response_model=CoursesOut)
async def see_courses(
    request: Looking,
    programme: Annotated[str | None, Query(max_length=63)] = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """The municipality's courses page by page, with how many places are taken and how many families wait; no family is named."""
    async with request.begin() as look:
        _of_the_municipality(look.caller)
        found = await stored.courses_of(look.tx, programme, after, limit)
        lines = [await _line(look.tx, course) for course in found]
        last = found[-1].id if len(found) == limit else None
        return answer(200, CoursesOut(courses=lines, next=last).model_dump())


@router.get("/courses/{number}", response_model=CourseOut)
async def see_course(number: UUID, request: Looking) -> Response:
    """One course with its sessions; for those who hold it with its families, and who of them was there."""
    async with request.begin() as look:
        _of_the_municipality(look.caller)
        course = await stored.course(look.tx, number)
        if course is None:
            raise NotFound("There is no such course, or not for you.")
        sessions = await stored.sessions_of(look.tx, number)
        out = CourseOut(
            **(await _line(look.tx, course)).model_dump(),
            sessions=[SessionOut(id=each.id, number=each.number, on_date=each.on_date, state=each.state) for each in sessions],
        )
        if _holds(course, look.caller):
            attendance = await stored.attendance_of(look.tx, [each.id for each in sessions])
            for shown in out.sessions:
                shown.attendance = attendance[shown.id]
            out.families = []
            for family in await enrolments.of_course(look.tx, number, ("accepted", "waiting", "running", "completed")):
                await look.saw(family.child, "programmes")
                turn = await enrolments.turn_of(look.tx, family)
                out.families.append(FamilyOut(enrolment=family.id, child=family.child, state=family.state, turn=turn))
        return answer(200, out.model_dump(mode="json"))


@router.post("/courses", status_code=201, response_model=CourseChangedOut)
async def plan_course(body: CourseIn, request: Changing) -> Response:
    """A course by the programme as it is in force today."""
    async with request.begin() as opened:
        municipality = _of_the_municipality(opened.caller)
        unit = await repository.unit_of(opened.tx, body.unit, municipality)
        courses.may_hold(unit.kind if unit else None, unit.active if unit else False)
        courses.may_change(opened.caller.works_in(body.unit), is_here=True)
        today = date_of(opened.at)
        programme = (await files.programmes(opened.tx, municipality, today)).programme(body.programme, today)
        if programme is None:
            raise enrolling.ThereIsNoSuchProgramme
        course, said = courses.plan(
            new_id(), municipality, programme, body.unit, body.begins_on, body.ends_on, body.place, body.capacity, body.team
        )
        courses.with_team(course, await stored.members(opened.tx, course.team, municipality, today))
        assert opened.caller.professional is not None
        await stored.add_course(opened.tx, course, opened.caller.professional, opened.at)
        opened.tx.publish(course.id, said, dataref=f"/sundhedspleje/courses/{course.id}")
        return await _answered(opened, 201, course)


@router.post("/courses/{number}/change", response_model=CourseChangedOut)
async def change_course(number: UUID, body: CourseChangeIn, request: Changing) -> Response:
    """Other dates, place or number of places; places that come with it go to those who wait."""
    async with request.begin() as opened:
        course = await _held(opened, number)
        programme = await definition(opened.tx, course, opened.at)
        taken, _ = await stored.numbers_of(opened.tx, number)
        changed = courses.change(
            course, programme, taken, await stored.sessions_of(opened.tx, number), **body.model_dump(exclude_none=True)
        )
        if changed.capacity < course.capacity:
            await enrolments.renumber(opened.tx, number)
        await stored.save_course(opened.tx, changed)
        return await _changed(opened, changed, placed=await placing.fill(opened.tx, number))


@router.post("/courses/{number}/team", response_model=CourseChangedOut)
async def set_team(number: UUID, body: TeamIn, request: Changing) -> Response:
    """Who holds it; what the team lacks is shown, and has to be there when the course begins."""
    async with request.begin() as opened:
        course = await _held(opened, number)
        team = await stored.members(opened.tx, body.team, course.municipality, date_of(opened.at))
        changed = courses.with_team(course, team)
        await stored.save_course(opened.tx, changed)
        return await _changed(opened, changed)


@router.post("/courses/{number}/start", response_model=CourseChangedOut)
async def start_course(number: UUID, request: Changing) -> Response:
    """It begins, with every family that has a place; only a whole team begins."""
    async with request.begin() as opened:
        course = await _held(opened, number)
        programme = await definition(opened.tx, course, opened.at)
        written = await files.programmes(opened.tx, course.municipality, date_of(opened.at))
        method = written.method(programme.method)
        team = await stored.members(opened.tx, course.team, course.municipality, date_of(opened.at))
        begun = courses.start(course, programme, method, team)
        await stored.save_course(opened.tx, begun)
        for family in await enrolments.of_course(opened.tx, number, ("accepted",)):
            await placing.done(opened.tx, enrolling.begin(family))
        return await _changed(opened, begun)


@router.post("/courses/{number}/end", response_model=CourseChangedOut)
async def end_course(number: UUID, body: EndIn, request: Changing) -> Response:
    """It is through: with it every family that still runs, each with who goes on; who waited leaves the list."""
    async with request.begin() as opened:
        course = await _held(opened, number)
        held = sum(each.state == "held" for each in await stored.sessions_of(opened.tx, number))
        ended = courses.end(course, held)
        programme = await definition(opened.tx, course, opened.at)
        families = await enrolments.of_course(opened.tx, number, ("accepted", "waiting", "running"))
        courses.attended(dict.fromkeys(body.continues, "attended"), [each.id for each in families])
        await stored.save_course(opened.tx, ended)
        for family in families:
            if family.state == "running":
                who = await continues(opened.tx, family, programme, body.continues.get(family.id))
                await placing.done(opened.tx, enrolling.complete(family, programme, who))
            else:
                await placing.done(opened.tx, enrolling.stop(family, "course-cancelled"))
        return await _changed(opened, ended, ended=[each.id for each in families])


@router.post("/courses/{number}/cancellation", response_model=CourseChangedOut)
async def cancel_course(number: UUID, request: Changing) -> Response:
    """It is not held, or no longer: for each family it ends, and they can be offered another."""
    async with request.begin() as opened:
        cancelled = courses.to(await _held(opened, number), "cancelled")
        await stored.save_course(opened.tx, cancelled)
        families = await enrolments.of_course(opened.tx, number, ("accepted", "waiting", "running"))
        for family in families:
            await placing.done(opened.tx, enrolling.stop(family, "course-cancelled"))
        return await _changed(opened, cancelled, ended=[each.id for each in families])


@router.post("/courses/{number}/sessions", status_code=201, response_model=SessionChangedOut)
async def plan_session(number: UUID, body: SessionIn, request: Changing) -> Response:
    """The next session, within the course and not more than the programme has."""
    async with request.begin() as opened:
        course = await _held(opened, number)
        session = courses.plan_session(new_id(), course, await stored.sessions_of(opened.tx, number), body.on_date)
        await stored.add_session(opened.tx, session, course)
        return await _session(opened, 201, session)


@router.post("/sessions/{number}/held", response_model=SessionChangedOut)
async def hold_session(number: UUID, body: HeldIn, request: Changing) -> Response:
    """It was held by the course's team, with these families there; who is not enrolled cannot have been."""
    async with request.begin() as opened:
        course, session = await _session_of(opened, number)
        held = courses.hold(session, course, date_of(opened.at))
        await stored.save_session(opened.tx, held, course.team)
        there, families = await _attended(opened, course, held, body)
        said = SessionHeld(
            session=session.id, course=course.id, municipality=course.municipality, programme=course.programme,
            number=session.number, held_on=session.on_date, attended=there, enrolled=families,
        )  # fmt: skip
        opened.tx.publish(course.id, said, dataref=f"/sundhedspleje/courses/{course.id}")
        return await _session(opened, 200, held)


@router.post("/sessions/{number}/attendance", response_model=SessionChangedOut)
async def correct_attendance(number: UUID, body: HeldIn, request: Changing) -> Response:
    """Who was there at a session that was held, corrected."""
    async with request.begin() as opened:
        course, session = await _session_of(opened, number)
        if session.state != "held":
            raise courses.OnlyAPlannedSessionCanChange("Attendance is corrected of a session that was held.")
        await _attended(opened, course, session, body)
        return await _session(opened, 200, session)


@router.post("/sessions/{number}/cancellation", response_model=SessionChangedOut)
async def cancel_session(number: UUID, request: Changing) -> Response:
    """It is not held; another can be planned in its stead."""
    async with request.begin() as opened:
        _, session = await _session_of(opened, number)
        cancelled = courses.cancel_session(session)
        await stored.save_session(opened.tx, cancelled)
        return await _session(opened, 200, cancelled)


# -- How it is done -------------------------------------------------------------------------------------------------------------


def _of_the_municipality(caller: Caller) -> str:
    """Courses are planned and looked at by a municipality's professionals."""
    if caller.professional is None or caller.party.municipality is None:
        raise NotAllowed("Courses are for the municipality's professionals.")
    return caller.party.municipality


def _holds(course: Course, caller: Caller) -> bool:
    return caller.professional in course.team or caller.works_in(course.unit)


async def _held(opened: OpenChange, number: UUID) -> Course:
    """The course, locked, where the caller holds it."""
    _of_the_municipality(opened.caller)
    course = await stored.course(opened.tx, number, for_change=True)
    if course is None:
        raise NotFound("There is no such course, or not for you.")
    courses.may_change(_holds(course, opened.caller), is_here=True)
    return course


async def _session_of(opened: OpenChange, number: UUID) -> tuple[Course, Session]:
    """A session and its course, which is locked: one thing at a time happens in a course."""
    session = await stored.session(opened.tx, number)
    if session is None:
        raise NotFound("There is no such session, or not for you.")
    course = await _held(opened, session.course)
    found = await stored.session(opened.tx, number)
    assert found is not None
    return course, found


async def _attended(opened: OpenChange, course: Course, session: Session, body: HeldIn) -> tuple[int, int]:
    """Records it and says it of each family. How many were there, of how many enrolled."""
    families = {each.id: each for each in await enrolments.of_course(opened.tx, course.id, ("running", "completed", "stopped"))}
    families = {number: each for number, each in families.items() if each.course == course.id}
    said = courses.attended(body.attendance, families)
    before = (await stored.attendance_of(opened.tx, [session.id]))[session.id]
    new = {number: attendance for number, attendance in said.items() if before.get(number) != attendance}
    assert opened.caller.professional is not None
    await stored.save_attendance(opened.tx, session, course.municipality, new, opened.caller.professional, opened.at)
    for number, attendance in new.items():
        opened.tx.publish(families[number].child, _said(families[number], session, attendance))
    there = sum(attendance == "attended" for attendance in {**before, **new}.values())
    return there, sum(each.state == "running" for each in families.values())


def _said(family: Enrolment, session: Session, attendance: Attendance) -> AttendanceRecorded:
    return AttendanceRecorded(
        enrolment=family.id,
        child=family.child,
        municipality=family.municipality,
        programme=family.programme,
        course=session.course,
        session=session.id,
        number=session.number,
        attendance=attendance,
    )


async def _line(tx: Tx, course: Course) -> CourseLine:
    written = await files.programmes(tx, course.municipality, date_of(await tx.now()))
    taken, waiting = await stored.numbers_of(tx, course.id)
    team = await stored.members(tx, course.team, course.municipality, date_of(await tx.now()))
    as_planned = written.as_offered(course.programme, course.effective_from)
    return CourseLine(
        **{name: value for name, value in vars(course).items() if name in CourseLine.model_fields and name != "programme"},
        programme=line(written, course.programme, course.kind),
        taken=taken,
        waiting=waiting,
        lacking=courses.lacking(as_planned, team) if as_planned and course.state in ("planned", "running") else [],
    )


async def _changed(opened: OpenChange, course: Course, ended: Sequence[UUID] = (), placed: Sequence[UUID] = ()) -> Response:
    opened.tx.publish(course.id, courses.changed(course), expected=opened.expected, dataref=f"/sundhedspleje/courses/{course.id}")
    return await _answered(opened, 200, course, ended, placed)


async def _answered(
    opened: OpenChange, status: int, course: Course, ended: Sequence[UUID] = (), placed: Sequence[UUID] = ()
) -> Response:
    versions = await opened.tx.flush()
    out = CourseChangedOut(id=course.id, state=course.state, ended=list(ended), placed=list(placed))
    return await opened.answer(status, out.model_dump(mode="json"), versions[str(course.id)])


async def _session(opened: OpenChange, status: int, session: Session) -> Response:
    out = SessionChangedOut(id=session.id, course=session.course, number=session.number, state=session.state)
    return await opened.answer(status, out.model_dump(mode="json"))
