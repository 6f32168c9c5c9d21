"""What the clock does for the baton each second, in small commits that are safe to repeat: each is decided under the version."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
from prometheus_client import Gauge

from services.chassis import metrics
from services.chassis.calendar import date_of
from services.chassis.envelope import CAUSE, Cause
from services.chassis.errors import Problem, TryAgainSoon
from services.chassis.ids import new_id
from services.chassis.log import logger
from services.chassis.service import Runtime, Turn
from services.events.envelope import Seat
from services.events.persons import PartiesIdentified
from services.events.registry import ProfessionalReleased
from services.registry.domain import Child, Decision, NobodyOnTheLadderTakes
from services.registry.domain.deadlines import supporters_end, time_asks
from services.registry.domain.life import age_out, born_before
from services.registry.domain.moving import move_that_waited
from services.registry.domain.seeing import first_deadline, time_asks_to_see
from services.registry.domain.standing_in import receiver_left, stand_in
from services.registry.handlers import registered
from services.registry.repository import Clock, SomebodyWasFirst, bulk, rules_in, settle

WAITING = Gauge("tovholder_registrations_waiting", "Children that have no tovholder yet, since no seat takes them")
STRANDED = Gauge("tovholder_batons_stranded", "Batons held by someone absent or leaving, since nobody on the ladder takes them")
WITHOUT = Gauge(
    "tovholder_children_without_tovholder",
    "Children of a running episode without exactly one tovholder; the store's keys allow none",
)
# Points in time, not ages: of several processes' values the latest is the right one.
AUDITED = Gauge("tovholder_audit_ended_timestamp_seconds", "When an audit of the installation last came to its end")
CLEAN = Gauge("tovholder_audit_clean_timestamp_seconds", "When an audit of the installation last found no difference")
_LAST_AUDIT = """
select coalesce(extract(epoch from max(at)), 0)::float as ended,
    coalesce(extract(epoch from max(at) filter (where differences = 0)), 0)::float as clean from audit
"""
_CHUNK = 100
_ROUND_SECONDS = 2.0
_DUE = """
select child_id from handover where state in ('proposed', 'scheduled') and next_at <= chassis.now()
  order by next_at limit $1
"""
_UNSEEN = """
select child_id from assignment where unseen and coalesce(seen_next_at, started_at) <= chassis.now()
  order by coalesce(seen_next_at, started_at) limit $1
"""
_NEWS = """
select a.child_id, c.version, a.started_at, row_to_json(m) as rules
  from assignment a join child c on c.id = a.child_id left join municipality m on m.code = c.municipality
  where a.unseen and a.seen_due_at is null and coalesce(a.seen_next_at, a.started_at) <= chassis.now()
  order by coalesce(a.seen_next_at, a.started_at) limit $1
"""
_LONG_ABSENT = """
select distinct a.child_id from assignment a
  join absence x on x.professional = a.professional
  join child c on c.id = a.child_id join municipality m on m.code = c.municipality
  where a.open and x.from_on <= today() and (x.until_on is null or x.until_on >= today())
    and coalesce(x.until_on, today()) - x.from_on >= m.absence_limit_days and a.child_id > $1 order by a.child_id limit $2
"""
_AGED_OUT = """
select id from child where municipality = $1 and status = 'born' and life_ended is null and born_on < $2 order by born_on limit $3
"""
_MOVING = """
select c.id from child c where c.moving_to = $1
    and not exists (select from handover h where h.child_id = c.id and h.state in ('proposed', 'scheduled'))
  limit $2
"""
_WITHOUT = """
select count(*) as n from child c where c.open_end is not null and 1 <>
  (select count(*) from assignment a where a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity')
"""
_HELD = """
select child_id from assignment where professional = $3 and unit = $4 and open and child_id > $1 order by child_id limit $2
"""
_OFFERED = """
select child_id from handover where receiver = $3 and receiver_unit = $4 and state in ('proposed', 'scheduled') and child_id > $1
  order by child_id limit $2
"""
_SUPPORTED = """
select child_id from supporter where professional = $3 and unit = $4 and child_id > $1 order by child_id limit $2
"""
_LEAVING = "select * from departure where professional > $1 and from_on <= $3 order by professional limit $2"


async def deadlines(runtime: Runtime) -> None:
    """Reminders, overdue, escalation, and scheduled handovers whose date has come."""
    clock = Clock(runtime.store)
    for row in await _rows(
        runtime,
        _DUE,
        _CHUNK,
    ):
        await _each(row["child_id"], lambda child: settle(clock, child, time_asks))
    overdue = await _rows(runtime, "select count(*) as n from handover where state = 'proposed' and overdue_at is not null")
    metrics.OVERDUE.set(overdue[0]["n"])


async def unseen(runtime: Runtime) -> None:
    """Deadlines of those who got the baton without a click of their own: set, reminded of, and put to their leaders."""
    clock, given = Clock(runtime.store), set[UUID]()
    news = await _rows(runtime, _NEWS, _CHUNK)
    if news:
        # The usual case, all in one commit; where somebody was first, each by itself below.
        with contextlib.suppress(SomebodyWasFirst):
            await clock.commit(
                [first_deadline(it["child_id"], it["version"], it["started_at"], rules_in(it["rules"])) for it in news]
            )
            given = {it["child_id"] for it in news}
    for row in await _rows(runtime, _UNSEEN, _CHUNK):
        # One step a turn: a deadline that has passed already when it is set is seen to by the next.
        if row["child_id"] not in given:
            await _each(row["child_id"], partial(settle, clock, decide=time_asks_to_see))


async def long_absences(runtime: Runtime) -> None:
    """Whoever is away beyond the municipality's limit is stood in for; without an end, once it has lasted so long."""
    clock = Clock(runtime.store)
    turn, rows = await _next(runtime, "long_absences", _LONG_ABSENT)
    for row in rows:
        turn.found += not await _each(row["child_id"], lambda child: settle(clock, child, stand_in))
    if "long_absences" not in runtime.turns:
        STRANDED.set(turn.found)


async def supporters(runtime: Runtime) -> None:
    """Supporting roles end on their day."""
    clock, today = Clock(runtime.store), date_of(await runtime.store.now())
    for row in await _rows(runtime, "select distinct child_id from supporter where until_on < $1 limit $2", today, _CHUNK):
        await _each(row["child_id"], lambda child: settle(clock, child, lambda it, at: supporters_end(it, today)))


async def waiting(runtime: Runtime) -> None:
    """Registrations that found no open seat are tried again until one takes."""
    rows = await _rows(runtime, "select * from waiting order by tries, since limit $1", _CHUNK)
    WAITING.set(len(rows))
    for row in rows:
        token = CAUSE.set(Cause(row["correlation"], str(row["id"])) if row["correlation"] else None)
        now_known: list[UUID] = []
        try:
            event = PartiesIdentified.model_validate(row["content"])
            await registered(Clock(runtime.store), event)
            statement, now_known = "delete from waiting where id = $1", [it.child for it in event.children]
        except TryAgainSoon:
            raise
        except Problem as nobody:
            statement = "update waiting set tries = tries + 1 where id = $1"
            if row["tries"] & (row["tries"] - 1) == 0:
                logger().error("registration.waits", municipality=row["municipality"], why=nobody.slug(), tries=row["tries"])
        finally:
            CAUSE.reset(token)
        async with runtime.store.transaction() as tx:
            await tx.execute(statement, row["id"])
            for child in now_known:
                tx.now_known(child)
            if runtime.consumer:
                await runtime.consumer.apply_kept(tx)


async def aged_out(runtime: Runtime) -> None:
    """Cases close at the municipality's age."""
    clock = Clock(runtime.store)
    today = date_of(await runtime.store.now())
    for municipality in await _rows(runtime, "select code, closing_age from municipality"):
        before = born_before(today, municipality["closing_age"])
        for row in await _rows(runtime, _AGED_OUT, municipality["code"], before, _CHUNK):
            await _each(row["id"], lambda child: settle(clock, child, age_out))


async def moves(runtime: Runtime) -> None:
    """A move that waited is raised once the child is offered to nobody else and somebody there takes."""
    clock = Clock(runtime.store)
    for waiting_for in await _rows(runtime, "select distinct moving_to as code from child where moving_to is not null"):
        to = await clock.destination(waiting_for["code"])
        for row in await _rows(runtime, _MOVING, to.municipality, _CHUNK) if to.answers else ():
            await _each(row["id"], partial(settle, clock, decide=partial(move_that_waited, to=to, handover=new_id())))


async def bulk_handovers(runtime: Runtime) -> bool:
    """Bulk handovers, chunk by chunk, for no longer than other work of the clock may wait. Whether there may be more."""
    until = time.monotonic() + _ROUND_SECONDS
    while await bulk.work(runtime.store, runtime.settings.secrets):
        if time.monotonic() > until:
            return True
    return False


async def departures(runtime: Runtime) -> None:
    """Who leaves is relieved of everything in chunks, until the keys prove the seats empty; then they are released."""
    today = date_of(await runtime.store.now())
    for row in (await _next(runtime, "departures", _LEAVING, today))[1]:
        seats = await _rows(runtime, "select unit from seat where professional = $1 and open and not taking", row["professional"])
        if all([await _emptied(runtime, Seat(professional=row["professional"], unit=seat["unit"]), today) for seat in seats]):
            await _released(runtime, row)


async def _emptied(runtime: Runtime, seat: Seat, today: date) -> bool:
    clock = Clock(runtime.store)

    def replaced(child: Child, at: datetime) -> Decision | None:
        return stand_in(child, at, departed=True) if child.holder == seat else None

    def supported_no_longer(child: Child, _: datetime) -> Decision | None:
        return supporters_end(child, today, frozenset({seat}))

    steps = {"held": (_HELD, replaced), "offered": (_OFFERED, receiver_left), "supported": (_SUPPORTED, supported_no_longer)}
    for what, (query, decide) in steps.items():
        walk = f"{what}:{seat.professional}:{seat.unit}"
        for row in (await _next(runtime, walk, query, seat.professional, seat.unit))[1]:
            await _each(row["child_id"], partial(settle, clock, decide=decide))
    try:
        await runtime.store.call("close_seat", seat.professional, seat.unit, role="machine")
    except asyncpg.ForeignKeyViolationError:
        return False
    return True


async def _released(runtime: Runtime, row: asyncpg.Record) -> None:
    async with runtime.store.transaction() as tx:
        gone = await tx.fetchval(
            "delete from departure d where professional = $1 and leaving = $2"
            " and not exists (select from seat s where s.professional = d.professional and s.open and not s.taking) returning 1",
            row["professional"],
            row["leaving"],
        )
        if gone and row["leaving"]:
            tx.publish(
                row["professional"], ProfessionalReleased(professional=row["professional"], municipality=row["municipality"])
            )


async def _each(child: UUID, step: Callable[[UUID], Awaitable[Any]]) -> bool:
    """One child's trouble does not stop the others. Whether it was settled."""
    try:
        await step(child)
    except TryAgainSoon:
        raise
    except NobodyOnTheLadderTakes as nobody:
        logger().warning("baton.stranded", child=str(child), why=nobody.slug())
        return False
    except (Problem, asyncpg.PostgresError) as error:
        logger().error("tick.refused", child=str(child), error=type(error).__name__)
        return False
    return True


async def _next(runtime: Runtime, walk: str, query: str, *arguments: Any) -> tuple[Turn, list[asyncpg.Record]]:
    """The next chunk of a walk in order of the first column; behind the end it begins anew, and is not among the turns.

    So whoever cannot be helped now keeps nobody else waiting.
    """
    turn = runtime.turns.setdefault(walk, Turn())
    rows = await _rows(runtime, query, turn.after, _CHUNK, *arguments)
    if len(rows) == _CHUNK:
        turn.after = rows[-1][0]
    else:
        runtime.turns.pop(walk, None)
    return turn, rows


async def _rows(runtime: Runtime, query: str, *arguments: Any) -> list[asyncpg.Record]:
    async with runtime.store.connection() as connection:
        found: list[asyncpg.Record] = await connection.fetch(query, *arguments)
        return found


async def proof(runtime: Runtime) -> None:
    """Counts, each five minutes of real time, what the store's keys make impossible: the alarm that must never ring."""
    if time.monotonic() < _PROVED.get(id(runtime), 0.0) + 300:
        return
    _PROVED[id(runtime)] = time.monotonic()
    WITHOUT.set((await _rows(runtime, _WITHOUT))[0]["n"])
    last = await _rows(runtime, _LAST_AUDIT)
    AUDITED.set(last[0]["ended"])
    CLEAN.set(last[0]["clean"])


_PROVED: dict[int, float] = {}
TICKS: dict[str, Callable[[Runtime], Awaitable[bool | None]]] = {
    "proof": proof,
    "deadlines": deadlines,
    "unseen": unseen,
    "long_absences": long_absences,
    "departures": departures,
    "supporters": supporters,
    "waiting": waiting,
    "aged_out": aged_out,
    "moves": moves,
    "bulk_handovers": bulk_handovers,
}
