"""What an enrolment's change brings with it in the store: events said, and a place that becomes free goes to who waits first."""

from uuid import UUID

from services.chassis.store import Tx
from services.sundhedspleje.domain.programmes import enrolling
from services.sundhedspleje.domain.programmes.enrolling import Decided, Enrolment
from services.sundhedspleje.repository import courses, enrolments


async def done(tx: Tx, decided: Decided, sealed: bytes | None = None) -> Enrolment:
    """Saves and says it."""
    enrolment = decided.enrolment
    await enrolments.save(tx, enrolment, await tx.now(), sealed)
    tx.publish(enrolment.child, *decided.events, dataref=f"/sundhedspleje/enrolments/{enrolment.id}")
    return enrolment


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
