"""What people do with a visit: hold it, find nobody home, take a no, grant one by need, agree on a time, bring others along."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, RuleViolated
from services.events.sundhedspleje import Development
from services.sundhedspleje.domain import Case, TheReferenceIsMerged
from services.sundhedspleje.domain.visits import NEED_VISIT, Participant, Visit, VisitPlans, VisitState, Whereabouts

# What may become of a visit, by the act. A rule lets visits lapse and plans them again; people do the rest.
TRANSITIONS: dict[str, dict[VisitState, VisitState]] = {
    "hold": {"planned": "held", "missed": "held"},
    "miss": {"planned": "missed"},
    "decline": {"planned": "declined", "missed": "declined"},
    "agree": {"planned": "planned", "missed": "planned", "declined": "planned"},
    "invite": {"planned": "planned"},
}
# How far ahead people may plan by hand: until school.
_FARTHEST = timedelta(days=7 * 366)


class OnlyTheHealthVisitorPlansAndHoldsVisits(NotAllowed):
    """The child's named sundhedsplejerske, or who deputises for her in an absence."""


class TheVisitIsSettled(RuleViolated):
    """What was held, declined or has lapsed stays so; a missed or declined visit can be agreed upon again."""


class AVisitIsHeldOnADayThatHasCome(RuleViolated):
    """Today or before, and not before the case was opened here."""


class TheWindowLiesAhead(RuleViolated):
    """It ends today or later, not before it begins, and before the child goes to school."""


class TheChildIsNoMore(RuleViolated):
    """It has died, or the pregnancy has ended: no visit is planned. If that is recorded wrongly, have it undone."""


class TheCaseIsClosed(RuleViolated):
    """A leader of its last unit or the intake lead can reopen it in the registry."""


class TheReasonIsNotOneOfTheMunicipality(RuleViolated):
    """The municipality's visits.yaml lists the reasons; `allowed` names them."""


class TheCriterionIsNotOneOfTheMunicipality(RuleViolated):
    """The municipality's visits.yaml lists the criteria; `allowed` names them."""


class AParticipantWorksInAnActiveUnitOfTheMunicipality(RuleViolated):
    """Who takes part in a joint visit has a seat there, as the directory says."""


class AJointVisitIsHeldByMoreThanOne(RuleViolated):
    """The plan says that other units take part; name who did."""


class TheFamilyAgreesToAJointVisit(RuleViolated):
    """Nobody of another unit is brought along without the family's yes (Sundhedsloven s. 43(1))."""


def may_see(standing: Collection[str]) -> None:
    if not standing:
        raise NotFound("There is no such child or visit, or not for you.")


def may_visit(standing: Collection[str]) -> None:
    """Whoever has no relation to the child at all learns nothing."""
    may_see(standing)
    if "health-visitor" not in standing:
        raise OnlyTheHealthVisitorPlansAndHoldsVisits


def still_visited(case: Case) -> None:
    """Of a merged reference, a closed case, a dead child or an ended pregnancy nothing more is planned or recorded."""
    if case.merged_into:
        raise TheReferenceIsMerged(merged_into=case.merged_into)
    if case.life_ended:
        raise TheChildIsNoMore
    if case.closed:
        raise TheCaseIsClosed


def _becomes(visit: Visit, act: str) -> VisitState:
    if visit.state not in TRANSITIONS[act]:
        raise TheVisitIsSettled(state=visit.state)
    return TRANSITIONS[act][visit.state]


def hold(
    visit: Visit,
    on: date,
    where: Whereabouts,
    participants: Sequence[Participant],
    by: UUID,
    opened_on: date,
    today: date,
    development: Development | None = None,
) -> Visit:
    """`opened_on`: when the case was opened here. `participants`: who of other units took part.

    `development`: whether the child's is appropriate to its age, where that was looked at: the contact of 8-11 months.
    """
    if not opened_on <= on <= today:
        raise AVisitIsHeldOnADayThatHasCome
    if visit.joint_with and not {it.unit_kind for it in participants} & set(visit.joint_with):
        raise AJointVisitIsHeldByMoreThanOne(joint_with=list(visit.joint_with))
    return replace(visit, state=_becomes(visit, "hold"), held_on=on, held_where=where, settled_by=by, development=development)


def miss(visit: Visit, by: UUID) -> Visit:
    """The family was not there, or the visit could not be paid; it can be agreed upon again."""
    return replace(visit, state=_becomes(visit, "miss"), settled_by=by)


def decline(visit: Visit, reason: str, by: UUID, plans: VisitPlans) -> Visit:
    """Sundhedspleje is an offer: the family says no, with a reason of the municipality's list."""
    becomes = _becomes(visit, "decline")
    one_of(reason, plans.decline_reasons)
    return replace(visit, state=becomes, declined_reason=reason, settled_by=by)


def agree(visit: Visit, from_on: date, until_on: date, today: date) -> Visit:
    """Another time, as the family wishes: no rule moves it afterwards."""
    _ahead(from_on, until_on, today)
    return replace(
        visit, state=_becomes(visit, "agree"), from_on=from_on, until_on=until_on, by_hand=True, declined_reason=None,
        settled_by=None,
    )  # fmt: skip


def invite(visit: Visit, participants: Sequence[Participant | None], family_agrees: bool) -> tuple[Participant, ...]:
    """Who is to take part. None stands for someone who does not work in an active unit of the municipality."""
    _becomes(visit, "invite")
    return brought_along(participants, family_agrees)


def brought_along(participants: Sequence[Participant | None], family_agrees: bool) -> tuple[Participant, ...]:
    found = tuple(it for it in participants if it is not None)
    if len(found) != len(participants):
        raise AParticipantWorksInAnActiveUnitOfTheMunicipality
    if found and not family_agrees:
        raise TheFamilyAgreesToAJointVisit
    return found


def grant(number: UUID, reason: str, from_on: date, until_on: date, plans: VisitPlans, today: date) -> Visit:
    """A need-based visit (behovsbesøg) in a window of days. The caller has seen to it that the child is still visited."""
    one_of(reason, plans.need_visit_reasons)
    _ahead(from_on, until_on, today)
    return Visit(number, NEED_VISIT, from_on, until_on, by_hand=True, reason=reason)


def one_of(code: str, allowed: Sequence[str]) -> None:
    if code not in allowed:
        raise TheReasonIsNotOneOfTheMunicipality(allowed=list(allowed))


def may_stand(criterion: str, plans: VisitPlans) -> None:
    """Only what the municipality's file names is recorded about a family."""
    known = [it.code for it in plans.criteria]
    if criterion not in known:
        raise TheCriterionIsNotOneOfTheMunicipality(allowed=known)


def _ahead(from_on: date, until_on: date, today: date) -> None:
    if not max(from_on, today) <= until_on <= today + _FARTHEST:
        raise TheWindowLiesAhead
