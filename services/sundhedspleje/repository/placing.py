"""What an enrolment's change brings with it in the store: events, a free place for who waits first, the visits of a series."""

from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.store import Tx
from services.sundhedspleje import repository
from services.sundhedspleje.domain.programmes import enrolling
from services.sundhedspleje.domain.programmes.enrolling import Decided, Enrolment
from services.sundhedspleje.repository import courses, enrolments, planning


async def done(tx: Tx, decided: Decided, sealed: bytes | None = None) -> Enrolment:
    """Saves and says it."""
    enrolment = decided.enrolment
    await enrolments.save(tx, enrolment, await tx.now(), sealed)
    tx.publish(enrolment.child, *decided.events, dataref=f"/sundhedspleje/enrolments/{enrolment.id}")
    if enrolment.kind == "visit-series" and enrolment.state != "declined":
        await _visits_follow(tx, enrolment.child)
    return enrolment


async def _visits_follow(tx: Tx, child: UUID) -> None:
    """What a family has said yes to is planned by itself, and falls away with it. The caller has taken turns for this child."""
    case = await repository.case_of(tx, child)
    if case and not case.closed and not case.life_ended:
        await planning.replanned(tx, child, date_of(await tx.now()), "programme")


async def ended(tx: Tx, decided: Decided, sealed: bytes | None = None) -> list[UUID]:
    """Saves and says an end; returns the enrolments that got a place by it."""
    enrolment = await done(tx, decided, sealed)
    return await fill(tx, enrolment.course) if enrolment.course and enrolment.state == "stopped" else []


async def fill(tx: Tx, number: UUID) -> list[UUID]:
    """Gives the free places of a course that is open to those who wait, in their order; the course is locked before."""
    course, placed = await courses.course(tx, number, for_change=True), []
    while course is not None and course.state in ("planned", "running"):
        taken, waiting = await courses.numbers_of(tx, number)
        first = await enrolments.next_in_line(tx, number) if waiting and taken < course.capacity else None
        if first is None:
            break
        await done(tx, enrolling.next_in_line(first, course.state == "running"))
        placed.append(first.id)
    return placed
