"""SQL of letters to families: when the first one goes, what was written, and what the print service says of it."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from services.chassis.store import Tx
from services.notifications.domain import STANDS_ALONE

FIRST_AFTER_WORKING_DAYS = 5


async def rule_of(tx: Tx, municipality: str) -> tuple[int, list[date]]:
    """After how many working days a family is written to whose child only has been registered; the municipality's days off."""
    row = await tx.fetchrow(
        """
        select (select first_after_working_days from letter_rule where municipality = $1) as days,
          (select days from closing_days where municipality = $1) as off
        """,
        municipality,
    )
    assert row is not None, "one row always"
    days = FIRST_AFTER_WORKING_DAYS if row["days"] is None else int(row["days"])
    return days, list(row["off"] or ())


async def is_known(tx: Tx, municipality: str) -> bool:
    """Whether the directory has told of the municipality."""
    found: bool = await tx.fetchval("select exists (select from closing_days where municipality = $1)", municipality)
    return found


async def set_rule(tx: Tx, municipality: str, days: int, by: UUID | None, at: datetime) -> None:
    await tx.execute(
        """
        insert into letter_rule (municipality, first_after_working_days, set_by, set_at) values ($1, $2, $3, $4)
        on conflict (municipality) do update set first_after_working_days = excluded.first_after_working_days,
          set_by = excluded.set_by, set_at = excluded.set_at
        """,
        *(municipality, days, by, at),
    )


async def keep_closing_days(tx: Tx, municipality: str, days: Sequence[date]) -> None:
    await tx.later(
        """
        insert into closing_days (municipality, days) values ($1, $2)
        on conflict (municipality) do update set days = excluded.days
        """,
        *(municipality, list(days)),
    )


async def stop_waiting(tx: Tx, child: UUID) -> None:
    """A later letter says all that these would have said."""
    await tx.execute(
        """
        update delivery set state = 'stopped', reason = 'superseded'
        where about = $1 and channel = 'letter' and state = 'queued' and tries = 0 and kind <> all ($2)
        """,
        *(child, sorted(STANDS_ALONE)),
    )


async def keep(tx: Tx, delivery: Any, tovholder: UUID, words: bytes, at: datetime) -> None:
    await tx.execute(
        """
        insert into letter (delivery, municipality, child, person, kind, tovholder, made_at, words)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (delivery) do update set words = excluded.words, made_at = excluded.made_at, tovholder = excluded.tovholder
        """,
        *(delivery["id"], delivery["municipality"], delivery["about"], delivery["recipient"], delivery["kind"]),
        *(tovholder, at, words),
    )


async def of_child(tx: Tx, child: UUID) -> list[Any]:
    return await tx.fetch(
        """
        select l.delivery, l.child, l.person, l.kind, l.tovholder, l.made_at, d.state, d.reason, d.sent_at, d.delivered_at
        from letter l join delivery d on d.id = l.delivery where l.child = $1 order by l.made_at, l.delivery
        """,
        child,
    )


async def one(tx: Tx, delivery: UUID) -> Any:
    return await tx.fetchrow("select * from letter where delivery = $1", delivery)


async def without_receipt(tx: Tx, for_so_long: timedelta, most: int) -> list[Any]:
    """Letters that were laid for the print service, of which it has said nothing since."""
    return await tx.fetch(
        """
        select * from delivery where channel = 'letter' and state = 'sent' and sent_at <= chassis.now() - $1::interval
        order by sent_at limit $2 for update skip locked
        """,
        *(for_so_long, most),
    )


async def sent_letter(tx: Tx, delivery: UUID) -> Any:
    return await tx.fetchrow(
        "select * from delivery where id = $1 and channel = 'letter' and state = 'sent' for update", delivery
    )


async def answered(tx: Tx, row: Any, state: str, outcome: str, at: datetime, shown_to: UUID | None = None) -> None:
    """The print service's word, or its silence, kept as a try like any other."""
    number = await tx.fetchval(
        """
        update delivery set state = $2, tries = tries + 1, reason = case when $2 = 'failed' then $3 end, shown_to = $5,
          delivered_at = case when $2 = 'delivered' then $4::timestamptz end
        where id = $1 and state = 'sent' returning tries
        """,
        *(row["id"], state, outcome, at, shown_to),
    )
    if number is not None:
        await tx.execute(
            "insert into delivery_try (delivery, number, at, outcome) values ($1, $2, $3, $4)", row["id"], number, at, outcome
        )


async def is_first(tx: Tx, child: UUID) -> bool:
    """Whether the only tovholder there has been is the one who takes in."""
    found: bool = await tx.fetchval(
        """
        select exists (select from child_case c join intake i on i.municipality = c.municipality and i.lead = c.holder
            where c.child = $1)
          and (select count(*) from notice where about = $1 and kind = 'tovholder_changed') <= 1
        """,
        child,
    )
    return found


async def holder_now(tx: Tx, child: UUID) -> Any:
    """Who is tovholder, and where; `closed`: the case is over."""
    return await tx.fetchrow(
        """
        select c.holder, c.holder_unit, c.closed from child_case own
          join child_case c on c.child = coalesce(own.merged_into, own.child) where own.child = $1
        """,
        child,
    )
