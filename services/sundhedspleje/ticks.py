"""What the clock does for the visits each second: plans again what a plan's date or a move asks for, and says what is overdue."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.events.envelope import Seat
from services.events.sundhedspleje import FollowUpOverdue, NeedVisitOverdue, SystematicScreeningOverdue, UnderretningOverdue
from services.sundhedspleje import repository
from services.sundhedspleje.domain.underretning import run_out
from services.sundhedspleje.repository import in_force, planning, visits
from services.sundhedspleje.repository.screenings import follow_up_in
from services.sundhedspleje.repository.underretninger import underretning
from services.sundhedspleje.repository.visits import systematic

_CHUNK = 100

# `not overdue_said` stands outside too: there it is looked at again once a clock that was first has let go of the row.
_NEED_VISITS = """
update visit v set overdue_said = true from child_case c where c.child = v.child and not c.closed and not v.overdue_said
  and v.id in (
    select id from visit where state = 'planned' and kind = 'need-visit' and not overdue_said and until_on < $1
      order by until_on limit $2)
  returning v.id, v.child, v.municipality, v.kind, v.until_on
"""
_SYSTEMATIC = """
update systematic_screening set overdue_said = true where not overdue_said and id in (
  select id from systematic_screening where state = 'open' and not overdue_said and due_on < $1 order by due_on limit $2)
  returning id, visit, child, municipality, opened_on, due_on, parts, parts_done, state
"""
_FOLLOW_UPS = """
update follow_up set overdue_said = true where not overdue_said and id in (
  select id from follow_up where state = 'open' and not overdue_said and due_on < $1 order by due_on limit $2)
  returning id, screening, child, municipality, instrument, whose, opened_on, due_on, state, outcome, ended_by
"""
_UNDERRETNINGER = """
select id from underretning where assessed_at is null and not 'assessment' = any (said) and assess_by <= $1
union select id from underretning where receipt_at is null and not 'receipt' = any (said) and receipt_by <= $1 limit $2
"""


async def plans_in_force(runtime: Runtime) -> None:
    """Says what has taken effect. Plans again, each by itself: who has moved, and all whose plan for all has changed."""
    store = runtime.store
    async with store.transaction() as tx:
        today, since = date_of(await tx.now()), {}
        for code in await visits.municipalities(tx):
            await in_force.take_effect(tx, code, today)
            since[code] = (await in_force.visit_plans(tx, code)).for_all_since(today)
        waiting = await visits.to_plan_again(tx, since, _CHUNK)
    for child in waiting:
        async with store.transaction() as tx:
            case = await repository.case_of(tx, child, for_change=True)
            if case is None or case.closed or case.life_ended:
                continue
            moved = await tx.fetchval("select plan_on is null from child_case where child = $1", child)
            await planning.replanned(tx, child, today, "moved" if moved else "plan-changed")


async def overdue(runtime: Runtime) -> None:
    """What is not done by its date shows: to the health visitor, and where it is not seen to, to her leaders. Said once each."""
    async with runtime.store.transaction() as tx:
        now = await tx.now()
        await _said(tx, _NEED_VISITS, date_of(now), _need_visit)
        await _said(tx, _SYSTEMATIC, date_of(now), _systematic)
        await _said(tx, _FOLLOW_UPS, date_of(now), _follow_up)
        await _clocks(tx, now)


async def _said(tx: Tx, query: str, today: date, say: Callable[[Tx, Any, Seat | None], Awaitable[None]]) -> None:
    for row in await tx.fetch(query, today, _CHUNK):
        await say(tx, row, await _responsible(tx, row["child"]))


async def _responsible(tx: Tx, child: UUID) -> Seat | None:
    """Of a merged file, who is for the one that survives."""
    case = await repository.case_of(tx, child)
    if case and case.merged_into:
        case = await repository.case_of(tx, case.merged_into) or case
    return case.responsible if case else None


async def _need_visit(tx: Tx, row: Any, responsible: Seat | None) -> None:
    said = NeedVisitOverdue(
        visit=row["id"], child=row["child"], municipality=row["municipality"], kind=row["kind"], until_on=row["until_on"],
        responsible=responsible,
    )  # fmt: skip
    tx.publish(row["child"], said, dataref=f"/sundhedspleje/visits/{row['id']}")


async def _systematic(tx: Tx, row: Any, responsible: Seat | None) -> None:
    it = systematic(row)
    said = SystematicScreeningOverdue(
        systematic=it.id, visit=it.visit, child=it.child, municipality=it.municipality, due_on=it.due_on, parts=it.missing,
        responsible=responsible,
    )  # fmt: skip
    tx.publish(it.child, said, dataref=f"/sundhedspleje/cases/{it.child}/screenings")


async def _follow_up(tx: Tx, row: Any, responsible: Seat | None) -> None:
    it = follow_up_in(row)
    said = FollowUpOverdue(
        follow_up=it.id, screening=it.screening, child=it.child, municipality=it.municipality, instrument=it.instrument,
        whose=it.whose, due_on=it.due_on, responsible=responsible,
    )  # fmt: skip
    tx.publish(it.child, said)


async def _clocks(tx: Tx, now: datetime) -> None:
    for row in await tx.fetch(_UNDERRETNINGER, now, _CHUNK):
        stands = await underretning(tx, row["id"], for_change=True)
        if stands is None:
            continue
        for clock in run_out(stands, now):
            said = UnderretningOverdue(
                underretning=stands.id, municipality=stands.municipality, to_unit=stands.to_unit, clock=clock,
                notifier=Seat(professional=stands.notifier, unit=stands.notifier_unit),
                due_at=stands.assess_by if clock == "assessment" else stands.receipt_by,
            )  # fmt: skip
            tx.publish(stands.id, said, dataref=f"/sundhedspleje/underretninger/{stands.id}")
            await tx.execute("update underretning set said = array_append(said, $2) where id = $1", stands.id, clock)


TICKS = {"plans_in_force": plans_in_force, "overdue": overdue}
