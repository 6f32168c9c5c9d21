"""Bulk handovers as stored jobs: written once, worked off in chunks, each chunk's children and results in one commit."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg.exceptions import PostgresError

from services.chassis.envelope import CAUSE, Cause
from services.chassis.errors import Problem, TryAgainSoon
from services.chassis.ids import new_id
from services.chassis.log import logger
from services.chassis.party import MACHINE, Party
from services.chassis.sealed import seal_of
from services.chassis.settings import Secrets
from services.chassis.store import AWAY, Store, Tx
from services.events.envelope import Seat
from services.events.registry import DeclineReason
from services.registry.domain import Decision, Rung
from services.registry.domain.bulk import Bulk, answer, offer
from services.registry.repository import MACHINE_CALLER, TRIES, InTransaction, Loaded, SomebodyWasFirst, as_json, load_each

CHUNK = 250
_NEXT = """
select * from bulk where state in ('proposing', 'answering') order by worked_at limit 1 for update skip locked
"""
_TO_DO = """
select child_id, handover, reason from bulk_child where bulk_id = $1 and state in ('waiting', 'answering')
  order by child_id limit $2
"""
_DONE = """
update bulk_child b set state = x.state, handover = x.handover, refusal = x.refusal
  from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[]) x(child_id, state, handover, refusal)
  where b.bulk_id = $1 and b.child_id = x.child_id
"""
_ENDS = """
update bulk set state = case state when 'proposing' then 'proposed' else 'answered' end, message = null,
    worked_at = clock_timestamp(), proposed_at = coalesce(proposed_at, chassis.now()),
    finished_at = case state when 'answering' then chassis.now() end
  where id = $1
"""
_IS_HERE = "select state <> 'left' from professional where id = $1"


@dataclass(slots=True)
class Result:
    """What became of one child. `refusal`: the name of the rule that said no."""

    child: UUID
    state: str
    handover: UUID | None = None
    refusal: str | None = None


async def store_job(tx: Tx, bulk: Bulk, children: Collection[UUID], message: str | None, secrets: Secrets, at: datetime) -> None:
    """The job with its children, worked off once this is committed."""
    sealed = None
    if message:
        sealed = (await seal_of(tx, secrets, bulk.municipality, bulk.id)).close(message, "registry.bulk")
    cause = CAUSE.get()
    await tx.execute(
        "insert into bulk (id, municipality, receiver_municipality, by, receiver, receiver_unit, reason, effective_on, message,"
        " correlation, asked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        bulk.id, bulk.municipality, bulk.receiver_municipality, bulk.by, bulk.to.professional, bulk.to.unit, bulk.reason,
        bulk.effective_on, sealed, cause.correlation if cause else None, at,
    )  # fmt: skip
    await tx.execute(
        "insert into bulk_child (bulk_id, municipality, receiver_municipality, child_id) select $1, $2, $3, unnest($4::uuid[])",
        *(bulk.id, bulk.municipality, bulk.receiver_municipality, sorted(children)),
    )


async def store_answer(
    tx: Tx, bulk: UUID, by: UUID, municipality: str, exceptions: Mapping[UUID, DeclineReason], at: datetime
) -> None:
    """The receiver's answer to all that was offered, worked off once this is committed. The job is locked by `job`."""
    await tx.execute(
        "update bulk set state = 'answering', answered_by = $2, answered_in = $3, answered_at = $4, worked_at = clock_timestamp()"
        " where id = $1",
        bulk, by, municipality, at,
    )  # fmt: skip
    await tx.execute("update bulk_child set state = 'answering' where bulk_id = $1 and state = 'offered'", bulk)
    for child, reason in exceptions.items():
        await tx.later("update bulk_child set reason = $3 where bulk_id = $1 and child_id = $2", bulk, child, reason)


async def job(tx: Tx, bulk: UUID, for_change: bool = False) -> Any | None:
    """A job as the party may see it; locked where it is to be answered."""
    query = "select * from bulk where id = $1"
    return await tx.fetchrow(f"{query} for no key update" if for_change else query, bulk)


async def jobs_of(tx: Tx, person: UUID, stands_for: Collection[UUID], after: UUID | None, limit: int) -> Sequence[Any]:
    """Asked for by a person, or of them or somebody they stand for; the newest first."""
    return await tx.fetch(
        "select * from bulk where (by = $1 or receiver = any ($2)) and ($3::uuid is null or id < $3) order by id desc limit $4",
        *(person, [person, *stands_for], after, limit),
    )


async def counts_of(tx: Tx, bulks: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many children of each job are in each state."""
    found: dict[UUID, dict[str, int]] = {bulk: {} for bulk in bulks}
    query = "select bulk_id, state, count(*) as n from bulk_child where bulk_id = any ($1) group by bulk_id, state"
    for row in await tx.fetch(query, list(bulks)):
        found[row["bulk_id"]][row["state"]] = row["n"]
    return found


async def offered(tx: Tx, bulk: UUID) -> set[UUID]:
    rows = await tx.fetch("select child_id from bulk_child where bulk_id = $1 and state = 'offered'", bulk)
    return {row["child_id"] for row in rows}


async def results(tx: Tx, bulk: UUID, only_offered: bool, after: UUID | None, limit: int) -> Sequence[Any]:
    """What became of each child, in order of their reference. `only_offered`: those the receiver was asked about."""
    return await tx.fetch(
        "select child_id, state, handover, reason, refusal from bulk_child where bulk_id = $1 and ($2 or handover is not null)"
        " and ($3::uuid is null or child_id > $3) order by child_id limit $4",
        bulk, not only_offered, after, limit,
    )  # fmt: skip


async def seat(tx: Tx, to: Seat) -> Rung | None:
    """A seat anywhere; None where there is none."""
    found = await tx.fetchval("select seat_of($1, $2)", to.professional, to.unit)
    return Rung(to, found["municipality"], found["taking"]) if found else None


async def stands_for(tx: Tx, deputy: UUID) -> set[UUID]:
    """Whose deputy someone is in a present absence."""
    return {row["professional"] for row in await tx.fetch("select professional from deputised where deputy = $1", deputy)}


async def leads(tx: Tx, person: UUID, unit: UUID) -> bool:
    found: bool = await tx.fetchval("select exists (select from leadership where professional = $1 and unit = $2)", person, unit)
    return found


def as_bulk(row: Any) -> Bulk:
    return Bulk(
        id=row["id"], municipality=row["municipality"], receiver_municipality=row["receiver_municipality"], by=row["by"],
        to=Seat(professional=row["receiver"], unit=row["receiver_unit"]), reason=row["reason"], effective_on=row["effective_on"],
        state=row["state"], answered_by=row["answered_by"], answered_in=row["answered_in"],
    )  # fmt: skip


async def work(store: Store, secrets: Secrets) -> bool:
    """One chunk of the job that has waited longest, in one transaction: its children change and its results are kept, or neither.

    False where there is nothing to do. What a process that died had under way was never committed and is done again.
    """
    async with store.transaction() as tx:
        row = await tx.fetchrow(_NEXT)
        if row is None:
            return False
        to_do = await tx.fetch(_TO_DO, row["id"], CHUNK)
        if not to_do:
            await tx.execute(_ENDS, row["id"])
            return True
        token = CAUSE.set(Cause(row["correlation"]) if row["correlation"] else None)
        try:
            chunk = await _Chunk.of(tx, secrets, row)
            done = await chunk.worked({it["child_id"]: it for it in to_do})
        finally:
            CAUSE.reset(token)
        columns = [it.child for it in done], [it.state for it in done], [it.handover for it in done], [it.refusal for it in done]
        await tx.execute(_DONE, row["id"], *columns)
        await tx.execute("update bulk set worked_at = clock_timestamp() where id = $1", row["id"])
    return True


class _Chunk:
    """Some children of one job, decided and committed together; where that fails, each by itself."""

    def __init__(self, tx: Tx, secrets: Secrets, bulk: Bulk, text: str | None, is_here: bool) -> None:
        self._tx, self._secrets, self._bulk, self._text, self._is_here = tx, secrets, bulk, text, is_here
        self._answers = bulk.state == "answering"
        professional = bulk.answered_by if self._answers else bulk.by
        municipality = bulk.answered_in if self._answers else bulk.municipality
        self._machine = InTransaction(tx, Party("municipality", municipality, professional=professional))

    @classmethod
    async def of(cls, tx: Tx, secrets: Secrets, row: Any) -> "_Chunk":
        bulk, text = as_bulk(row), None
        if row["message"]:
            text = (await seal_of(tx, secrets, bulk.municipality, bulk.id)).open(row["message"], "registry.bulk")
        is_here = await tx.fetchval(_IS_HERE, bulk.answered_by or bulk.by)
        return cls(tx, secrets, bulk, text, bool(is_here))

    async def worked(self, rows: Mapping[UUID, Any]) -> list[Result]:
        try:
            return await self._once(list(rows.values()))
        except AWAY:
            raise
        except (SomebodyWasFirst, PostgresError):
            return [await self._alone(row) for row in rows.values()]

    async def _alone(self, row: Any) -> Result:
        """One child, again where somebody was first, at most five times."""
        refusal = ""
        for _ in range(TRIES):
            try:
                return (await self._once([row]))[0]
            except SomebodyWasFirst as lost:
                refusal = lost.rule.slug()
            except AWAY:
                raise
            except PostgresError as error:
                logger().error("bulk.refused", child=str(row["child_id"]), error=type(error).__name__)
                refusal = "unforeseen"
                break
        return self._refused(row, refusal)

    async def _once(self, rows: Sequence[Any]) -> list[Result]:
        places = [(row["child_id"], row["handover"]) for row in rows]
        loaded = await load_each(self._tx, MACHINE_CALLER, MACHINE.as_json(), places, self._bulk.to)
        written, results = [], []
        for row, it in zip(rows, loaded, strict=True):
            try:
                decision = self._decided(row, it)
                written.append(self._written(it, decision))
                results.append(self._done(row, decision))
            except TryAgainSoon:
                raise
            except Problem as no:
                results.append(self._refused(row, no.slug()))
        if written:
            await self._machine.write(written, "commit_many")
        return results

    def _decided(self, row: Any, it: Loaded) -> Decision:
        # Who has left since they asked is nobody here any more, and neither is what they asked for.
        child = it.child if self._is_here else None
        if self._answers:
            return answer(self._bulk, child, row["reason"], it.at)
        return offer(self._bulk, child, it.to, new_id(), it.at, {"message": self._text} if self._text else {})

    def _written(self, it: Loaded, decision: Decision) -> dict[str, Any]:
        seal, key = it.seal(self._secrets) if decision.texts else (None, None)
        return as_json(decision, self._tx.store.partitions, seal, key)

    def _done(self, row: Any, decision: Decision) -> Result:
        assert decision.handover
        if not self._answers:
            return Result(row["child_id"], "offered", decision.handover.id)
        return Result(row["child_id"], "declined" if row["reason"] else "accepted", row["handover"])

    def _refused(self, row: Any, refusal: str) -> Result:
        return Result(row["child_id"], "unanswered" if self._answers else "refused", row["handover"], refusal)
