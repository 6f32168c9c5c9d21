"""One child planned again on the facts that stand, and what is said of it: for handlers, for people and for the clock alike."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from services.chassis.store import Tx
from services.events.sundhedspleje import VisitPlanned, VisitsReplanned, WhyReplanned
from services.sundhedspleje import repository
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.visits import NOTHING_KNOWN, Visit, replan, visits_due
from services.sundhedspleje.repository import in_force, visits


async def planned(tx: Tx, case: Case, today: date) -> None:
    """A new case: nothing is known of the family yet, no visit stands."""
    plan = (await in_force.visit_plans(tx, case.municipality)).plan_for(case, today)
    due = visits_due(plan, case, today, NOTHING_KNOWN)
    await visits.save_visits(tx, case, due)
    await visits.planned_by(tx, case.child, plan.from_on)
    _said_planned(tx, case, due)


async def replanned(tx: Tx, child: UUID, today: date, why: WhyReplanned) -> None:
    """What changes is said with why; where nothing does, nothing is. The caller has taken turns for this child."""
    case = await repository.case_of(tx, child)
    assert case is not None
    plan = (await in_force.visit_plans(tx, case.municipality)).plan_for(case, today)
    change = replan(plan, case, await visits.visits_of(tx, child), today, await visits.family_of(tx, child))
    await visits.save_visits(tx, case, (*change.moved, *change.added))
    await visits.lapse(tx, change.lapsed)
    await visits.planned_by(tx, child, plan.from_on)
    if change.moved or change.lapsed:
        moved = [visit.id for visit in (*change.moved, *change.lapsed)]
        tx.publish(child, VisitsReplanned(child=child, municipality=case.municipality, visits=moved, why=why))
    _said_planned(tx, case, change.added)


def _said_planned(tx: Tx, case: Case, added: Iterable[Visit]) -> None:
    events = [
        VisitPlanned(
            visit=visit.id,
            child=case.child,
            municipality=case.municipality,
            kind=visit.kind,
            from_on=visit.from_on,
            until_on=visit.until_on,
        )
        for visit in added
    ]
    if events:
        tx.publish(case.child, *events, dataref=f"/sundhedspleje/cases/{case.child}")
