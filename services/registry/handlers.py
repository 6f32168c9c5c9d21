"""What the registry does when persons, the directory and daycare have spoken; in the consumer's transaction."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from services.chassis.envelope import CAUSE
from services.chassis.errors import NotYetKnown
from services.chassis.ids import new_id
from services.chassis.log import logger
from services.chassis.sealed import wrap_anew
from services.chassis.service import Apply, FetchFirst, Received, Runtime
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events import Event
from services.events.daycare import BatonDecided, BatonRuleSet, ChildSettled, StartCancelled, StartMoved
from services.events.directory import (
    AbsenceEnded,
    AbsenceRegistered,
    IntakeChanged,
    MunicipalityChanged,
    ProfessionalChanged,
    ProfessionalJoined,
    ProfessionalLeaving,
    UnitChanged,
)
from services.events.persons import (
    ChildCorrected,
    ChildDied,
    ChildMoved,
    DeathUndone,
    MoveProposed,
    PartiesIdentified,
    PersonsMerged,
    PregnancyEnded,
    PregnancyEndUndone,
)
from services.registry.domain import Child, Decision, NobodyOnTheLadderTakes, TheSeatTakesNobody, life
from services.registry.domain.deadlines import settles
from services.registry.domain.handing_over import withdraw_for_cancelled_start
from services.registry.domain.moving import hear_of_move
from services.registry.domain.rescheduling import reschedule_with_start
from services.registry.domain.standing_in import Newcomer, family
from services.registry.repository import TRIES, InTransaction, Machine, SomebodyWasFirst, settle, standing

_WAITS = """
insert into waiting (id, municipality, content, correlation, since) values ($1, $2, $3, $4, $5) on conflict do nothing
"""
_ABSENCE = """
insert into absence (id, professional, municipality, from_on, until_on, deputy, deputy_unit) values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (id) do update set from_on = excluded.from_on, until_on = excluded.until_on,
    deputy = excluded.deputy, deputy_unit = excluded.deputy_unit
"""
_UNIT = """
insert into unit (id, municipality, parent, leaders, active, kind, private) values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (id) do update set municipality = excluded.municipality, parent = excluded.parent,
    leaders = excluded.leaders, active = excluded.active, kind = excluded.kind, private = excluded.private
"""
_BATON_RULE = """
insert into baton_rule (municipality, from_on, baton) values ($1, $2, $3)
  on conflict (municipality, from_on) do update set baton = excluded.baton
"""
_BATON_DECISION = """
insert into baton_decision (start, child_id, municipality, unit, moves) values ($1, $2, $3, $4, $5)
  on conflict (start) do update set child_id = excluded.child_id, moves = excluded.moves
"""
_INTAKE = """
insert into intake (municipality, district, lead, lead_unit, deputy, deputy_unit, leader, leader_unit)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (municipality, district) do update set lead = excluded.lead, lead_unit = excluded.lead_unit,
    deputy = excluded.deputy, deputy_unit = excluded.deputy_unit, leader = excluded.leader, leader_unit = excluded.leader_unit
"""
_MUNICIPALITY = """
insert into municipality (code, active, answer_working_days, remind_working_days_before, escalate_working_days,
    absence_limit_days, support_days, closing_days, closing_age) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  on conflict (code) do update set active = excluded.active, answer_working_days = excluded.answer_working_days,
    remind_working_days_before = excluded.remind_working_days_before, escalate_working_days = excluded.escalate_working_days,
    absence_limit_days = excluded.absence_limit_days, support_days = excluded.support_days, closing_days = excluded.closing_days,
    closing_age = excluded.closing_age
"""


async def register_family(received: Received[PartiesIdentified], tx: Tx) -> None:
    """Each new child gets its tovholder in the same commit; births are noted. Where no seat takes, it waits, loudly."""
    event = received.event
    try:
        await registered(InTransaction(tx), event)
    except (NobodyOnTheLadderTakes, TheSeatTakesNobody) as nobody:
        logger().error("registration.waits", municipality=event.municipality, why=nobody.slug(), event_id=received.id)
        cause = CAUSE.get()
        await tx.execute(
            _WAITS,
            *(UUID(received.id), event.municipality, event.model_dump(mode="json"), cause and cause.correlation, await tx.now()),
        )  # fmt: skip
        return
    for child in event.children:
        tx.now_known(child.child)


async def registered(machine: Machine, event: PartiesIdentified) -> None:
    """NobodyOnTheLadderTakes or TheSeatTakesNobody where there is no open seat for a child."""
    newcomers = _newcomers(event)
    if event.known_elsewhere or not newcomers:
        return
    copies = [new_id() for _ in newcomers]
    for tried in range(1, TRIES + 1):
        known, at = await _known(machine, newcomers)
        ladder = await machine.intake_ladder(event.municipality, event.district)
        decisions = family(newcomers, known, ladder, at, copies)
        if not decisions:
            return
        try:
            await machine.commit(decisions)
            return
        except SomebodyWasFirst as lost:
            if tried == TRIES:
                raise lost.rule from lost


async def _known(machine: Machine, newcomers: Sequence[Newcomer]) -> tuple[dict[UUID, Child], datetime]:
    wanted = {it.child for it in newcomers} | {it.sibling_of for it in newcomers if it.sibling_of}
    found = {child: await standing(machine, child) for child in sorted(wanted)}
    return {reference: it.child for reference, it in found.items() if it.child}, found[max(found)].at


def _newcomers(event: PartiesIdentified) -> list[Newcomer]:
    return [
        Newcomer(
            child=it.child, municipality=event.municipality, district=event.district, status=it.status, order=it.order,
            sibling_of=it.sibling_of, due_on=it.due_on, born_on=it.born_on,
            mother=event.mother, notification_id=event.notification_id,
        )
        for it in event.children
    ]  # fmt: skip


async def open_seats(received: Received[ProfessionalJoined | ProfessionalChanged], tx: Tx) -> None:
    """Seats are as the directory says; one that is no longer said takes nobody from now on and is emptied by the clock."""
    event = received.event
    await tx.execute("select put_seats($1, $2, $3)", event.professional, event.municipality, [seat.unit for seat in event.seats])


async def begin_departure(received: Received[ProfessionalLeaving], tx: Tx) -> None:
    """From now on nothing new lands on these seats; what stands on them is moved by the clock."""
    event = received.event
    await tx.execute("select stop_taking($1, $2, $3)", event.professional, event.municipality, event.leaving_on)


async def note_absence(received: Received[AbsenceRegistered], tx: Tx) -> None:
    event = received.event
    await tx.later(
        _ABSENCE,
        event.absence, event.professional, event.municipality, event.from_on, event.until_on,
        event.deputy and event.deputy.professional, event.deputy and event.deputy.unit,
    )  # fmt: skip


async def note_return(received: Received[AbsenceEnded], tx: Tx) -> None:
    """The end of an absence moves no baton: who stood in proposes it back."""
    await tx.later("update absence set until_on = $2::date - 1 where id = $1", received.event.absence, received.event.ended_on)


async def note_unit(received: Received[UnitChanged], tx: Tx) -> None:
    event = received.event
    await tx.execute(
        _UNIT,
        event.unit, event.municipality, event.parent, event.leaders, event.active, event.kind, event.private,
    )  # fmt: skip
    if event.municipality:
        await tx.execute("select put_leadership($1)", event.municipality)


async def note_intake(received: Received[IntakeChanged], tx: Tx) -> None:
    event = received.event
    await tx.execute(
        _INTAKE,
        event.municipality, event.district, event.lead.professional, event.lead.unit,
        event.deputy.professional, event.deputy.unit, event.leader.professional, event.leader.unit,
    )  # fmt: skip


async def note_municipality(received: Received[MunicipalityChanged], tx: Tx) -> None:
    event = received.event
    await tx.execute(
        _MUNICIPALITY,
        event.municipality, event.active, event.answer_working_days, event.remind_working_days_before,
        event.escalate_working_days, event.absence_limit_days, event.support_days, event.closing_days,
        event.closing_age,
    )  # fmt: skip


async def withdraw_with_start(received: Received[StartCancelled], tx: Tx) -> None:
    """A start that will not be takes the dated handover to that unit with it."""
    event = received.event
    await tx.execute("delete from baton_decision where start = $1", event.start)
    await _settled(tx, event.child, lambda child, at: withdraw_for_cancelled_start(child, event.unit, at))


async def note_baton_rule(received: Received[BatonRuleSet], tx: Tx) -> None:
    """What was agreed before is looked at again on its date, by the rule of that day."""
    event = received.event
    await tx.execute(_BATON_RULE, event.municipality, event.from_on, event.baton)


async def note_baton_decision(received: Received[BatonDecided], tx: Tx) -> None:
    """It moves nothing: a handover to that unit that it does not fit is refused, and one agreed upon fails on its date."""
    event = received.event
    found = await standing(InTransaction(tx), event.child)
    if found.child is None:
        raise NotYetKnown(event.child)
    await tx.execute(_BATON_DECISION, event.start, found.child.id, event.municipality, event.unit, event.moves)


async def end_givers_support(received: Received[ChildSettled], tx: Tx) -> None:
    """The child has settled in: who gave the baton there stands by no longer; the episode goes on."""
    event = received.event
    await _settled(tx, event.child, lambda child, _: settles(child, event.unit))


async def _settled(tx: Tx, child: UUID, decide: Callable[[Child, datetime], Decision | None]) -> None:
    """NotYetKnown where no such child is registered: the fact is kept until it is."""
    machine = InTransaction(tx)
    if (await machine.load(child)).child is None:
        raise NotYetKnown(child)
    await settle(machine, child, decide)


async def note_death(received: Received[ChildDied], tx: Tx) -> None:
    """It ends nothing here: the tovholder stays, for the family, until a person closes."""
    event = received.event
    await _settled(tx, event.child, lambda child, _: life.note_end_of_life(child, "died", event.died_on))


async def undo_death(received: Received[DeathUndone], tx: Tx) -> None:
    await _settled(tx, received.event.child, lambda child, _: life.undo_end_of_life(child, "died"))


async def note_end_of_pregnancy(received: Received[PregnancyEnded], tx: Tx) -> None:
    event = received.event
    await _settled(tx, event.child, lambda child, _: life.note_end_of_life(child, "pregnancy-ended", event.ended_on))


async def undo_end_of_pregnancy(received: Received[PregnancyEndUndone], tx: Tx) -> None:
    await _settled(tx, received.event.child, lambda child, _: life.undo_end_of_life(child, "pregnancy-ended"))


async def note_correction(received: Received[ChildCorrected], tx: Tx) -> None:
    """By the date of birth a case closes with age."""
    event = received.event
    await _settled(tx, event.child, lambda child, _: life.correct(child, event.born_on))


async def raise_move(received: Received[MoveProposed], tx: Tx) -> None:
    """Each child is proposed to the intake lead there; where another handover is open, the move waits for its end."""
    event, machine = received.event, InTransaction(tx)
    to, unknown = await machine.destination(event.to_municipality), None
    for reference in event.children:
        handover = new_id()
        try:
            await _settled(tx, reference, partial(hear_of_move, to=to, handover=handover))
        except NotYetKnown as not_yet:
            unknown = unknown or not_yet
    if unknown:
        raise unknown


async def keys(_: Received[ChildMoved], runtime: Runtime) -> Secrets:
    return runtime.settings.secrets


async def take_key_along(received: Received[ChildMoved], tx: Tx, secrets: Secrets) -> None:
    """The child's texts lie under the key of the municipality that it belongs to from now on."""
    await wrap_anew(tx, secrets, received.event.municipality, received.event.child)


async def merge_references(received: Received[PersonsMerged], tx: Tx) -> None:
    """At once the older survives and the other closes. Where one was merged before, its survivor stands for it."""
    event, machine = received.event, InTransaction(tx)
    for tried in range(1, TRIES + 1):
        kept, gone = [await standing(machine, reference) for reference in (event.child, event.merged)]
        if kept.child is None or gone.child is None:
            raise NotYetKnown(event.merged if kept.child else event.child)
        if kept.child.id == gone.child.id:
            return
        try:
            await machine.commit(life.merge(kept.child, gone.child, kept.at))
            # Its open start goes on for the survivor, and with it what was decided of that start.
            await tx.execute("update baton_decision set child_id = $1 where child_id = $2", kept.child.id, gone.child.id)
            return
        except SomebodyWasFirst as lost:
            if tried == TRIES:
                raise lost.rule from lost


async def move_with_start(received: Received[StartMoved], tx: Tx) -> None:
    """A start on another date takes the dated handover to that unit with it; the receiver confirms again."""
    event, machine = received.event, InTransaction(tx)
    if (await machine.load(event.child)).child is None:
        raise NotYetKnown(event.child)
    await settle(machine, event.child, lambda child, at: reschedule_with_start(child, event.unit, event.starts_on, at))


HANDLERS: Mapping[type[Event], Apply | FetchFirst] = {
    PartiesIdentified: register_family,
    ProfessionalJoined: open_seats,
    ProfessionalChanged: open_seats,
    ProfessionalLeaving: begin_departure,
    AbsenceRegistered: note_absence,
    AbsenceEnded: note_return,
    UnitChanged: note_unit,
    IntakeChanged: note_intake,
    MunicipalityChanged: note_municipality,
    StartCancelled: withdraw_with_start,
    BatonRuleSet: note_baton_rule,
    BatonDecided: note_baton_decision,
    ChildSettled: end_givers_support,
    ChildDied: note_death,
    ChildMoved: FetchFirst(keys, take_key_along, is_remote=False),
    DeathUndone: undo_death,
    PregnancyEnded: note_end_of_pregnancy,
    PregnancyEndUndone: undo_end_of_pregnancy,
    ChildCorrected: note_correction,
    MoveProposed: raise_move,
    PersonsMerged: merge_references,
    StartMoved: move_with_start,
}
