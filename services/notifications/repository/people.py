"""SQL of what people have chosen, what came into an inbox since, and who was not told."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from services.chassis.store import Tx

# -- Wishes -----------------------------------------------------------------------------------------------------------------


class _Wishes(dict[UUID, Any]):
    """What this transaction has read: professional → their choices, None of who has made none."""


async def wishes_of(tx: Tx, professionals: Iterable[UUID]) -> dict[UUID, Any]:
    """Professional → their choices, of those who have made any."""
    wishes: _Wishes = tx.remembered(_Wishes)
    asked = set(professionals)
    if missing := [one for one in asked if one not in wishes]:
        rows = await tx.fetch("select * from preference where professional = any ($1)", missing)
        wishes.update(dict.fromkeys(missing))
        wishes.update({row["professional"]: row for row in rows})
    return {one: row for one in asked if (row := wishes[one])}


async def keep_wishes(tx: Tx, professional: UUID, municipality: str, email: dict[str, str], digest_hour: int) -> None:
    await tx.execute(
        """
        insert into preference (professional, municipality, email, digest_hour) values ($1, $2, $3, $4)
        on conflict (professional) do update set email = excluded.email, digest_hour = excluded.digest_hour
        """,
        *(professional, municipality, email, digest_hour),
    )


async def take_digests(tx: Tx, in_hand: Any, most: int) -> dict[UUID, list[Any]]:
    """Digests that are due, by recipient, with all that waits for the same digest; for a while in this process's hands."""
    rows = await tx.fetch(
        """
        with taken as (
          update delivery set next_try_at = chassis.now() + $1::interval where id in (
            select id from delivery where state = 'queued' and digest and recipient in (
              select recipient from delivery where state = 'queued' and digest and next_try_at <= chassis.now()
              group by recipient order by min(next_try_at) limit $2)
            for update skip locked) and state = 'queued' returning *)
        select * from taken order by id
        """,
        *(in_hand, most),
    )
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row["recipient"], []).append(row)
    return found


# -- An inbox, as it fills --------------------------------------------------------------------------------------------------

# Below the oldest transaction still open everything is committed: nothing that commits late can be passed over.
_COMPLETE = "pg_snapshot_xmin(pg_current_snapshot())"


async def horizon(tx: Tx) -> int:
    found: int = await tx.fetchval(f"select {_COMPLETE}::text::bigint")
    return found


async def came_into(tx: Tx, recipient: UUID, after: tuple[int, UUID], limit: int) -> list[Any]:
    """What came into an inbox after a place, oldest first, as far as it is complete."""
    return await tx.fetch(
        f"""
        select *, written_in::text as place from delivery
        where recipient = $1 and to_whom = 'professional' and channel = 'inbox'
          and (written_in, id) > ($2::text::xid8, $3) and written_in < {_COMPLETE} order by written_in, id limit $4
        """,  # noqa: S608 - no input
        *(recipient, str(after[0]), after[1], limit),
    )


async def whose_inbox_filled(tx: Tx, since: int) -> tuple[int, list[UUID]]:
    """The present horizon, and whose inboxes may have got something since an earlier one."""
    now = await horizon(tx)
    rows = await tx.fetch(
        """
        select distinct recipient from delivery where to_whom = 'professional' and channel = 'inbox'
          and written_in >= $1::text::xid8 and written_in < $2::text::xid8
        """,
        *(str(since), str(now)),
    )
    return now, [row["recipient"] for row in rows]


# -- Who was not told -------------------------------------------------------------------------------------------------------


async def untold(
    tx: Tx, professional: UUID | None, led: Sequence[UUID], everything: bool, minutes: int, after: UUID | None, limit: int
) -> list[Any]:
    """What failed and nobody has taken care of, or is late: of the units one leads and the intake one stands in."""
    return await tx.fetch(
        """
        select * from delivery d where (state = 'failed' or (state in ('queued', 'sent')
            and greatest(due_at, queued_at) <= chassis.now() - make_interval(mins => $5)))
          and ($1 or exists (select from child_case c where c.child = d.about and c.holder_unit = any ($3))
            or exists (select from intake i where i.municipality = d.municipality and $2 in (i.lead, i.deputy, i.leader)))
          and ($4::uuid is null or id > $4) order by id limit $6
        """,
        *(everything, professional, list(led), after, minutes, limit),
    )


async def tries_of(tx: Tx, deliveries: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Every try of each, oldest first."""
    rows = await tx.fetch("select * from delivery_try where delivery = any ($1) order by delivery, number", list(deliveries))
    found: dict[UUID, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["delivery"], []).append({"number": row["number"], "at": row["at"], "outcome": row["outcome"]})
    return found
