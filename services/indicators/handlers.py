"""What is noted of each event that a figure needs: the one place where events become facts to count."""

from dataclasses import dataclass
from typing import Any

from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.store import Tx
from services.events import Event, daycare, directory, midwife, persons, registry, sundhedspleje
from services.indicators import repository
from services.indicators.domain.facts import Fact, Note, fact_of
from services.indicators.domain.veil import Veil


@dataclass(frozen=True)
class _Said:
    """An event by source and name, and what is noted of it."""

    event: str
    note: Note


# Paths lead through the event's fields. `child`, `thing`, `seat` and `before` are kept as keyed hashes; `unit`, `code` and
# `detail` as they are. `happened`: when it took place, where that is not when it was said.
_NOTED: tuple[_Said, ...] = (
    # Who holds the baton.
    _Said("registry.child_registered", Note("child-registered", thing="notification_id", detail="status")),
    _Said("registry.tovholder_changed", Note("tovholder-changed", unit="tovholder.unit", seat="tovholder", before="before")),
    _Said("registry.case_closed", Note("case-closed", unit="last.unit", detail="reason", seat="last")),
    _Said("registry.case_reopened", Note("case-reopened")),
    _Said("registry.handover_proposed", Note("handover-proposed", thing="handover", unit="receiver.unit", code="reason")),
    _Said("registry.handover_accepted", Note("handover-accepted", thing="handover", unit="receiver.unit")),
    _Said("registry.handover_declined", Note("handover-declined", thing="handover", unit="receiver.unit", detail="reason")),
    _Said("registry.handover_withdrawn", Note("handover-withdrawn", thing="handover", unit="receiver.unit", detail="cause")),
    _Said("registry.handover_superseded", Note("handover-superseded", thing="handover", unit="receiver.unit", detail="cause")),
    _Said("registry.handover_overdue", Note("handover-overdue", thing="handover", unit="receiver.unit")),
    # Units, by kind.
    _Said("directory.unit_changed", Note("unit-changed", child=None, unit="unit", code="kind")),
    # Notifications; hospital stays, of whom only where the municipality may receive them.
    _Said(
        "midwife.notification_received",
        Note("notification-received", child=None, thing="notification_id", unit="unit", happened="received_at"),
    ),
    _Said("persons.child_in_hospital", Note("hospital-told", code="code", detail="change", happened="told_at")),
    # Visits, screenings, programmes.
    _Said("sundhedspleje.visit_planned", Note("visit-planned", thing="visit", code="kind")),
    _Said(
        "sundhedspleje.visit_held",
        Note("visit-held", thing="visit", code="kind", detail="development?", happened="held_on"),
    ),
    _Said("sundhedspleje.visit_missed", Note("visit-missed", thing="visit", code="kind")),
    _Said("sundhedspleje.visit_declined", Note("visit-declined", thing="visit", code="kind", detail="reason")),
    _Said("sundhedspleje.need_visit_granted", Note("need-visit-granted", thing="visit", detail="reason")),
    _Said(
        "sundhedspleje.screening_recorded",
        Note("screening-recorded", thing="screening", code="instrument", detail="at_or_above"),
    ),
    _Said(
        "sundhedspleje.screening_withdrawn", Note("screening-withdrawn", thing="screening", code="instrument", detail="reason")
    ),
    _Said("sundhedspleje.follow_up_opened", Note("follow-up-opened", thing="screening")),
    _Said("sundhedspleje.follow_up_closed", Note("follow-up-closed", thing="screening", detail="outcome")),
    _Said("sundhedspleje.programme_offered", Note("programme-offered", thing="enrolment", unit="unit", code="programme")),
    _Said("sundhedspleje.programme_accepted", Note("programme-accepted", thing="enrolment", code="programme")),
    _Said(
        "sundhedspleje.programme_declined",
        Note("programme-declined", thing="enrolment", code="programme", detail="reason"),
    ),
    _Said("sundhedspleje.programme_started", Note("programme-started", thing="enrolment", code="programme")),
    _Said(
        "sundhedspleje.programme_ended",
        Note("programme-ended", thing="enrolment", unit="unit", code="programme", detail="outcome"),
    ),
    # By the session's number in its course: what is put right afterwards is said again of the same session.
    _Said("sundhedspleje.attendance_recorded", Note("attendance", thing="enrolment", code="number", detail="attendance")),
    _Said("sundhedspleje.session_held", Note("session-held", child=None, thing="course", code="programme", happened="held_on")),
    _Said(
        "sundhedspleje.staff_trained",
        Note("staff-trained", child=None, thing="professional", code="method", happened="trained_on"),
    ),
    _Said(
        "sundhedspleje.overlevering_given",
        Note("overlevering-given", thing="start", unit="to_unit", detail="basis", happened="given_at"),
    ),
    # Starts in daycare, and reserved places.
    _Said("daycare.start_planned", Note("start-planned", thing="start", unit="unit", happened="starts_on")),
    _Said("daycare.transition_prepared", Note("transition-prepared", thing="start", unit="unit")),
    _Said("daycare.child_started", Note("child-started", thing="start", unit="unit", happened="starts_on")),
    _Said("daycare.start_cancelled", Note("start-cancelled", thing="start", unit="unit", detail="cause")),
    _Said("daycare.place_reserved", Note("place-reserved", thing="holding", unit="unit")),
    _Said("daycare.place_released", Note("place-released", thing="holding", unit="unit", detail="reason")),
    _Said("daycare.child_settled", Note("child-settled", thing="start", unit="unit")),
)


_SPOKEN: dict[str, type[Event]] = {
    found.type: found
    for language in (daycare, directory, midwife, persons, registry, sundhedspleje)
    for found in vars(language).values()
    if isinstance(found, type) and issubclass(found, Event) and hasattr(found, "type")
}
_WANTED: dict[str, Note] = {f"dk.tovholder.{said.event}.v1": said.note for said in _NOTED}

# By type of event: those that the services of this version say.
NOTES: dict[str, Note] = {kind: note for kind, note in _WANTED.items() if kind in _SPOKEN}
AWAITED: tuple[str, ...] = tuple(kind for kind in _WANTED if kind not in _SPOKEN)


async def veil_of(_: Received[Any], runtime: Runtime) -> Veil:
    """The key, read at each use; without it nothing is noted."""
    return Veil(runtime.settings.secrets.indicators_key())


async def note(received: Received[Any], tx: Tx, veil: Veil) -> None:
    """Keeps the fact; the same one again changes nothing."""
    event: Event = received.event
    found = fact_of(NOTES[event.type], event.model_dump(mode="json"), received.subject, received.version, received.time, veil)
    if found:
        await repository.keep(tx, found)


def facts_of(envelopes: list[dict[str, Any]], veil: Veil) -> list[Fact]:
    """The facts of a page of a feed, as `note` would keep them one by one."""
    found = []
    for content in envelopes:
        wanted = NOTES.get(content["type"])
        if wanted and (fact := fact_of(wanted, content["data"], content["subject"], content["version"], content["time"], veil)):
            found.append(fact)
    return found


HANDLERS: dict[type[Event], Apply | FetchFirst] = {_SPOKEN[kind]: FetchFirst(veil_of, note, is_remote=False) for kind in NOTES}
