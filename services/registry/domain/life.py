"""How a child's case ends and begins again: closing, age, reopening, merge and separation, and what life itself brings; pure."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from services.chassis.errors import RuleViolated
from services.events import Event
from services.events.registry import (
    CaseClosed,
    CaseMerged,
    CaseReopened,
    CaseSeparated,
    ChildBorn,
    ClosingReason,
    HandoverSuperseded,
    SupporterJoined,
    SupporterLeft,
    TovholderChanged,
)
from services.registry.domain import Child, Decision, Handover, Holding, Rung, Supporter, TheReferenceIsNotMerged, may_become
from services.registry.domain.handing_over import taking
from services.registry.domain.passing import about, without

EndOfLife = Literal["died", "pregnancy-ended"]


class TheReasonIsNotAPersonsToGive(RuleViolated):
    """Age and merges close by rule; people give one of the other reasons."""

    status = 422


class TheEndOfLifeIsNotRecorded(RuleViolated):
    """Record the death or the end of the pregnancy first, so that letters and visits stop; then close the case."""


class TheReceiverOutsideAndTheirDatedConfirmationAreMissing(RuleViolated):
    """To a municipality outside the product a case is closed with the named receiver and the date on which they confirmed."""

    status = 422


class TheNamedPersonWorksInAnotherMunicipality(RuleViolated):
    """A case is reopened with somebody of its own municipality, who may then hand it over."""


class SomethingHasHappenedSinceTheMerge(RuleViolated):
    """A merge is undone only while nothing has changed on either reference: what came later belongs to nobody alone."""


def close(
    child: Child, by: UUID, reason: ClosingReason, at: datetime, confirmed_on: date | None, texts: Mapping[str, str]
) -> Decision:
    """The tovholder, their deputy in an absence or a leader ends the episode, with a reason.

    `texts`: closing (why, in words) and receiver (who took over outside the product); `confirmed_on`: the date they confirmed it.
    """
    step = may_become(child, "close", by)
    if reason not in step.reasons:
        raise TheReasonIsNotAPersonsToGive(reasons=list(step.reasons))
    if reason in ("died", "pregnancy-ended") and child.life.ended != reason:
        raise TheEndOfLifeIsNotRecorded
    today = child.rules.calendar.date_of(at)
    if reason == "moved-to-a-municipality-outside" and ("receiver" not in texts or confirmed_on is None or confirmed_on > today):
        raise TheReceiverOutsideAndTheirDatedConfirmationAreMissing
    return replace(_closed(child, reason, by, at, "closing", confirmed_on=confirmed_on), texts=texts)


def age_out(child: Child, at: datetime) -> Decision | None:
    """The municipality's age is reached. None before, and where a life has ended: such a case only a person closes."""
    if child.status != "born" or child.life.ended or child.life.born_on is None:
        return None
    if child.rules.calendar.date_of(at) < ages_out_on(child.life.born_on, child.rules.closing_age):
        return None
    may_become(child, "age-out")
    return _closed(child, "aged-out", None, at, "closing")


def ages_out_on(born_on: date, age: int) -> date:
    """1 August of the year in which a child turns so many years: school begins in August, Folkeskoleloven s. 34."""
    return date(born_on.year + age, 8, 1)


def born_before(today: date, age: int) -> date:
    """Whoever is born before this day has aged out: in an earlier year, or this year when August has begun."""
    return date(today.year - age + (today.month >= 8), 1, 1)


def _closed(
    child: Child,
    reason: ClosingReason,
    by: UUID | None,
    at: datetime,
    cause: Literal["closing", "merge"],
    *,
    first: tuple[Event, ...] = (),
    confirmed_on: date | None = None,
) -> Decision:
    """The episode ends: what was asked is overtaken, nobody is tovholder, nobody stands by. Supporters still hear it."""
    handover, superseded = _superseded(child, cause, at)
    closed = CaseClosed(child=child.id, municipality=child.municipality, reason=reason, last=child.held_by, by=by)
    left = (SupporterLeft(child=child.id, municipality=child.municipality, supporter=it.seat) for it in child.supporters)
    return Decision(
        child=child.id,
        expected=child.version,
        events=(*superseded, *first, closed, *left),
        status="closed",
        handover=handover,
        leaves=tuple(it.seat for it in child.supporters),
        shared_with=() if child.shared_with else None,
        life={"closing": {"reason": reason, "by": by, "confirmed_on": confirmed_on}, "moving_to": None},
    )


def _superseded(child: Child, cause: Literal["closing", "merge"], at: datetime) -> tuple[Handover | None, tuple[Event, ...]]:
    handover = child.handover
    if handover is None or not handover.open:
        return None, ()
    ended = replace(handover, state=handover.becomes("supersede"), cause=cause, closed_at=at, next_at=None, question=None)
    return ended, (HandoverSuperseded(**about(child, handover), cause=cause),)


def reopen(child: Child, by: UUID, to: Rung | None, reason: str | None, at: datetime, texts: Mapping[str, str]) -> Decision:
    """A leader of the last unit or the intake lead begins a new episode with a named person on an open seat."""
    may_become(child, "reopen", by)
    if child.life.merged_into:
        raise child.ended()
    receiver = taking(to)
    if receiver.municipality != child.municipality:
        raise TheNamedPersonWorksInAnotherMunicipality
    holding = Holding(receiver.seat, "reopening", by=by, reason=reason)
    return replace(_begins(child, holding, at), texts=texts)


def _begins(child: Child, holding: Holding, at: datetime, first: tuple[Event, ...] = ()) -> Decision:
    """A new episode of a closed case; it is again what it was."""
    reopened = CaseReopened(child=child.id, municipality=child.municipality, episode=child.episode + 1, by=holding.by)
    changed = TovholderChanged(
        child=child.id, municipality=child.municipality, tovholder=holding.seat, before=None, why=holding.why, since=at,
        by=holding.by,
    )  # fmt: skip
    return Decision(
        child=child.id, expected=child.version, events=(*first, reopened, changed), status=child.life.was or "expected",
        reopens=True, holder=holding,
    )  # fmt: skip


def merge(survivor: Child, merged: Child, at: datetime) -> list[Decision]:
    """Two references are one child: the older survives with its tovholder, the other closes and its tovholder supports.

    Where the survivor's case was closed and the other's was not, it is reopened with the other's tovholder: no baton is lost.
    """
    may_become(merged, "merge")
    kept = _survives(survivor, merged, at)
    said = CaseMerged(child=merged.id, merged_into=survivor.id, municipality=merged.municipality)
    if merged.holder:
        gone = _closed(merged, "merged", None, at, "merge", first=(said,))
    else:
        gone = Decision(child=merged.id, expected=merged.version, events=(said,))
    life = {**gone.life, "merged_into": survivor.id, "survivor_version": kept.version, "moving_to": None}
    return [kept, replace(gone, life={**life, "survivor_noted": _noted(survivor, kept)})]


def _noted(survivor: Child, kept: Decision) -> dict[str, Any]:
    """What is noted of the survivor before and after, so that an undo knows what came with the other, and what came later."""
    before = survivor.life.noted
    brought = {name: kept.life[name] for name in ("ended", "ended_on", "moving_to") if name in kept.life}
    return {"before": asdict(before), "after": asdict(replace(before, **brought))}


def _survives(survivor: Child, merged: Child, at: datetime) -> Decision:
    before = merged.holder
    kept = Decision(child=survivor.id, expected=survivor.version)
    if before and survivor.holder is None:
        if merged.municipality != survivor.municipality:
            survivor = replace(survivor, municipality=merged.municipality)
            kept = replace(kept, municipality=merged.municipality)
        begun = _begins(survivor, Holding(before, "merge"), at)
        kept = replace(begun, municipality=kept.municipality)
    elif before and before != survivor.holder and before not in [it.seat for it in survivor.supporters]:
        kept = _stood_by(survivor, Supporter(before, merged.municipality, "team"))
    life: dict[str, Any] = {"matter": {"kind": "merged", "about": merged.id}}
    if merged.life.ended and not survivor.life.ended:
        life |= {"ended": merged.life.ended, "ended_on": merged.life.ended_on}
    if merged.life.moving_to and not survivor.life.moving_to:
        life |= {"moving_to": merged.life.moving_to, "moving_by": merged.life.moving_by}
    kept = replace(kept, life=life)
    is_born, was_expected = "born" in (merged.status, merged.life.was), "expected" in (survivor.status, survivor.life.was)
    return born_with(survivor, kept, None, merged.life.born_on) if is_born and was_expected else kept


def _stood_by(child: Child, supporter: Supporter) -> Decision:
    joined = SupporterJoined(
        child=child.id, municipality=child.municipality, supporter=supporter.seat, role=supporter.role, until_on=None
    )
    return Decision(
        child=child.id, expected=child.version, events=(joined,), joins=(supporter,),
        shared_with=without(child, child.handover, (), (supporter,)),
    )  # fmt: skip


def separate(merged: Child, survivor: Child, by: UUID, at: datetime) -> Decision:
    """A merge is undone: a new episode of the merged reference with its last tovholder, who no longer stands by the survivor."""
    may_become(merged, "separate", by)
    if merged.life.merged_into is None:
        raise TheReferenceIsNotMerged
    if survivor.id != merged.life.merged_into or survivor.version != merged.life.survivor_version:
        raise SomethingHasHappenedSinceTheMerge
    if survivor.life.noted != merged.life.survivor_after:
        raise SomethingHasHappenedSinceTheMerge
    said = CaseSeparated(child=merged.id, separated_from=survivor.id, municipality=merged.municipality)
    life = {"merged_into": None, "survivor_version": None, "survivor_noted": None, **_move_taken_back(survivor, merged)}
    apart = Decision(child=merged.id, expected=merged.version, events=(said,), life=life)
    if merged.life.reason == "merged" and merged.life.last:
        apart = replace(_begins(merged, Holding(merged.life.last, "reopening", by=by), at, (said,)), life=apart.life)
    return replace(apart, also=(_stands_alone(survivor, merged, by),))


def _move_taken_back(survivor: Child, merged: Child) -> dict[str, Any]:
    """A move that came with the merged reference waits for it again."""
    if merged.life.survivor_before.moving_to == merged.life.survivor_after.moving_to:
        return {}
    return {"moving_to": survivor.life.moving_to, "moving_by": survivor.life.moving_by}


def _stands_alone(survivor: Child, merged: Child, by: UUID) -> Decision:
    """What the merge brought the survivor goes with the other: whoever has died, it is not this child."""
    before, life = merged.life.survivor_before, dict[str, Any](decided={"about": merged.id, "by": by, "outcome": "separated"})
    if before.ended != survivor.life.ended:
        life |= {"ended": before.ended, "ended_on": before.ended_on}
    if before.moving_to != survivor.life.moving_to:
        life |= {"moving_to": before.moving_to, "moving_by": None}
    gone = tuple(it.seat for it in survivor.supporters if it.role == "team" and it.seat == merged.life.last)
    left = tuple(SupporterLeft(child=survivor.id, municipality=survivor.municipality, supporter=seat) for seat in gone)
    return Decision(
        child=survivor.id, expected=survivor.version, events=left, leaves=gone,
        shared_with=without(survivor, survivor.handover, gone) if gone else None, life=life,
    )  # fmt: skip


def note_end_of_life(child: Child, how: EndOfLife, on: date | None) -> Decision | None:
    """A death or the end of a pregnancy is noted and ends nothing here; None where it stands already."""
    may_become(child, "note-end-of-life")
    if (child.life.ended, child.life.ended_on) == (how, on):
        return None
    return Decision(child=child.id, expected=child.version, life={"ended": how, "ended_on": on})


def undo_end_of_life(child: Child, how: EndOfLife) -> Decision | None:
    """It was recorded by mistake; None where it does not stand."""
    if child.life.ended != how:
        return None
    return Decision(child=child.id, expected=child.version, life={"ended": None, "ended_on": None})


def correct(child: Child, born_on: date | None) -> Decision | None:
    """The date of birth as persons has it: by it the case closes with age."""
    if born_on in (None, child.life.born_on):
        return None
    return Decision(child=child.id, expected=child.version, life={"born_on": born_on})


def born(child: Child, notification_id: UUID | None, born_on: date | None, order: int | None = None) -> Decision | None:
    """An expected child is born, also where its case is closed meanwhile; its tovholder stays who they are. None where it was."""
    if "expected" not in (child.status, child.life.was):
        return None
    may_become(child, "be-born")
    return born_with(child, Decision(child=child.id, expected=child.version), notification_id, born_on, order)


def born_with(
    child: Child, decision: Decision, notification_id: UUID | None, born_on: date | None, order: int | None = None
) -> Decision:
    """A decision about a child, and its birth beside it."""
    said = ChildBorn(
        child=child.id, municipality=child.municipality, notification_id=notification_id, born_on=born_on,
        order=order or child.birth_order,
    )  # fmt: skip
    closed = child.status == "closed" and not decision.reopens
    life = {**decision.life, "born_on": born_on, **({"was": "born"} if closed else {})}
    return replace(decision, events=(*decision.events, said), status=None if closed else "born", life=life)
