"""Reads and writes notices and deliveries; each change of a delivery's state is one statement that checks the state before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.chassis.ids import new_id
from services.chassis.store import Tx
from services.events.directory import IntakeChanged
from services.events.envelope import Seat
from services.events.notifications import Delivered
from services.notifications.domain import IN_HAND, STANDS_ALONE, Told

# -- Who is concerned -------------------------------------------------------------------------------------------------------


async def keep_intake(tx: Tx, unit: UUID, intake: IntakeChanged) -> None:
    await tx.later(
        """
        insert into intake (unit, municipality, district, lead, deputy, leader) values ($1, $2, $3, $4, $5, $6)
        on conflict (unit) do update set district = excluded.district,
          lead = excluded.lead, deputy = excluded.deputy, leader = excluded.leader
        """,
        *(unit, intake.municipality, intake.district),
        *(seat.professional for seat in (intake.lead, intake.deputy, intake.leader)),
    )


async def keep_notified_child(tx: Tx, notification: UUID, child: UUID, municipality: str) -> None:
    await tx.later(
        "insert into notified_child (notification, child, municipality) values ($1, $2, $3) on conflict do nothing",
        *(notification, child, municipality),
    )


async def intake_lead(tx: Tx, municipality: str, unit: UUID | None = None) -> UUID | None:
    """Who takes in the children of a unit's district, else of the municipality."""
    found: UUID | None = await tx.fetchval(
        """
        select lead from intake where municipality = $1
        order by (district = (select district from unit where id = $2)) desc nulls last, (district is null) desc, unit limit 1
        """,
        *(municipality, unit),
    )
    return found


async def holders_of_notification(tx: Tx, notification: UUID) -> list[tuple[UUID, Seat]]:
    """The children registered by a notification, each with its tovholder."""
    rows = await tx.fetch(
        """
        select child, holder, holder_unit from notified_child join child_case using (child)
        where notification = $1 order by child
        """,
        notification,
    )
    return [(row["child"], Seat(professional=row["holder"], unit=row["holder_unit"])) for row in rows]


# -- Notices and deliveries -------------------------------------------------------------------------------------------------

_NEW_DELIVERY = """
insert into delivery (id, notice, municipality, about, kind, to_whom, recipient, why, channel, happened_at,
  state, queued_at, delivered_at, next_try_at, due_at, digest)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14, $15) on conflict do nothing
"""


@dataclass(frozen=True)
class Planned:
    """One delivery as it is to be made; `due_at` None: now. `digest`: together with others of the same recipient."""

    told: Told
    due_at: datetime | None = None
    digest: bool = False


async def is_told(tx: Tx, event: str, kind: str, about: UUID) -> bool:
    """Whether the notice of this event stands already: what is applied again tells nobody twice."""
    told: _Told = tx.remembered(_Told)
    if event not in told.looked:
        await foresee_told(tx, [event])
    return (event, kind, about) in told.notices


async def foresee_told(tx: Tx, events: Sequence[str]) -> None:
    """Reads in one go which of a batch's events have been told."""
    told: _Told = tx.remembered(_Told)
    rows = await tx.fetch("select event, kind, about from notice where event = any ($1)", events)
    told.looked.update(events)
    told.notices.update((row["event"], row["kind"], row["about"]) for row in rows)


@dataclass
class _Told:
    """What this transaction knows of notices: the events it has looked for, and those that have one."""

    looked: set[str] = field(default_factory=set)
    notices: set[tuple[str, str, UUID]] = field(default_factory=set)


async def queue(
    tx: Tx,
    municipality: str,
    about: UUID,
    kind: str,
    event: str,
    happened_at: datetime,
    planned: Sequence[Planned],
    at: datetime,
    stops_letters: bool = False,
) -> None:
    """One notice with its deliveries; nothing where this event's notice is there already.

    What stands in a professional's inbox is delivered by standing there; all else waits for the clock. `stops_letters`: those
    that wait about the same say less than these.
    """
    if await is_told(tx, event, kind, about):
        return
    tx.remembered(_Told).notices.add((event, kind, about))
    notice, rows = new_id(), []
    for plan in planned:
        one, delivery = plan.told, new_id()
        at_once = one.channel == "inbox" and one.to_whom == "professional"
        rows.append(
            {
                "id": delivery, "to_whom": one.to_whom, "recipient": one.recipient, "why": one.why, "channel": one.channel,
                "state": "delivered" if at_once else "queued", "due_at": plan.due_at or at, "digest": plan.digest,
            }
        )  # fmt: skip
        if at_once:
            tx.publish(
                notice, Delivered(delivery=delivery, notice=notice, municipality=municipality, channel="inbox", about=about)
            )
    tx.together(
        "select tell($1)",
        {
            "notice": notice, "municipality": municipality, "about": about, "kind": kind, "event": event,
            "happened_at": happened_at, "at": at, "stops_letters_but": sorted(STANDS_ALONE) if stops_letters else None,
            "deliveries": rows,
        },
    )  # fmt: skip


async def take_due(tx: Tx, most: int, by_mail: bool, to_family: bool) -> list[Any]:
    """The deliveries that have been due longest, e-mails or all others: a slow mail server holds up no letter and no inbox.

    For a while they are in this process's hands and not due to any other.
    """
    return await tx.fetch(
        """
        with taken as (
          update delivery set next_try_at = chassis.now() + $1 where id = any (array(
            select id from delivery
            where state = 'queued' and not digest and next_try_at <= chassis.now()
              and (channel = 'email') = $3 and (to_whom = 'family') = $4
            order by next_try_at, id limit $2 for update skip locked))
          returning *)
        select * from taken order by id
        """,
        IN_HAND,
        most,
        by_mail,
        to_family,
    )


async def wait(tx: Tx, deliveries: Sequence[UUID], until: datetime) -> None:
    """Due again then; no try is counted."""
    await tx.execute("update delivery set next_try_at = $2 where id = any ($1) and state = 'queued'", deliveries, until)


async def tried(
    tx: Tx,
    delivery: Any,
    state: str,
    outcome: str,
    at: datetime,
    next_try_at: datetime | None = None,
    shown_to: UUID | None = None,
) -> bool:
    """Records a try and its outcome. False where someone else has moved the delivery on since it was taken."""
    number = await tx.fetchval(
        """
        update delivery set state = $2, tries = tries + 1, reason = case when $2 in ('failed', 'stopped') then $3 end,
          next_try_at = coalesce($5, next_try_at), shown_to = $6,
          delivered_at = case when $2 = 'delivered' then $4::timestamptz end,
          sent_at = case when $2 = 'sent' then $4::timestamptz else sent_at end
        where id = $1 and state = 'queued' and tries = $7 returning tries
        """,
        *(delivery["id"], state, outcome, at, next_try_at, shown_to, delivery["tries"]),
    )
    if number is None:
        return False
    await tx.execute(
        "insert into delivery_try (delivery, number, at, outcome) values ($1, $2, $3, $4)", delivery["id"], number, at, outcome
    )
    return True


async def pass_on(tx: Tx, delivery: Any, person: UUID, at: datetime) -> None:
    """The family's delivery becomes this person's: in their inbox at once, or an e-mail that waits for the clock."""
    own, at_once = new_id(), delivery["channel"] == "inbox"
    await tx.execute(
        _NEW_DELIVERY,
        *(own, delivery["notice"], delivery["municipality"], delivery["about"], delivery["kind"], "family", person, "family"),
        *(delivery["channel"], delivery["happened_at"]),
        *(("delivered", at, at) if at_once else ("queued", at, None)),
        *(at, False),
    )
    if at_once:
        tx.publish(delivery["notice"], delivered(delivery, own))


def delivered(delivery: Any, number: UUID) -> Delivered:
    """The event of a delivery that has reached its recipient's channel."""
    return Delivered(
        delivery=number,
        notice=delivery["notice"],
        municipality=delivery["municipality"],
        channel=delivery["channel"],
        about=delivery["about"],
    )


async def person_to_show(tx: Tx, municipality: str, about: UUID, but: UUID | None) -> UUID | None:
    """Who takes over what could not be delivered: a leader of the tovholder's unit, the intake's leader, its lead, the tovholder.

    Someone other than `but`, who was not reached, as long as there is one.
    """
    found: UUID | None = await tx.fetchval(
        """
        select person from (
          select unnest(u.leaders) as person, 1 as place from child_case c join unit u on u.id = c.holder_unit where c.child = $2
          union all select leader, 2 from intake where municipality = $1
          union all select lead, 3 from intake where municipality = $1
          union all select holder, 4 from child_case where child = $2) ladder
        order by person is not distinct from $3::uuid, place, person limit 1
        """,
        *(municipality, about, but),
    )
    return found


# -- Who may see what -------------------------------------------------------------------------------------------------------


async def knows(tx: Tx, child: UUID) -> bool:
    """Whether there is such a child, as far as the party may see it."""
    found: bool = await tx.fetchval("select exists (select from child_case where child = $1)", child)
    return found


async def relations(tx: Tx, child: UUID, professional: UUID, led: Sequence[UUID], on: date) -> set[str]:
    """How a professional stands to a child; `led`: the units they lead. A foreign child's case is not visible at all."""
    row = await tx.fetchrow(
        """
        select c.holder = $2 as holder, c.holder_unit = any ($3) as leader,
          exists (select from absence a where a.professional = c.holder and a.deputy = $2
            and $4::date between a.from_on and coalesce(a.until_on, 'infinity')) as deputy,
          exists (select from intake i
            where i.municipality = c.municipality and $2 in (i.lead, i.deputy, i.leader)) as "intake-lead"
        from child_case c where c.child = $1
        """,
        *(child, professional, list(led), on),
    )
    return {relation for relation, so in dict(row or {}).items() if so}


async def leads_intake(tx: Tx, municipality: str, professional: UUID | None) -> bool:
    """Whether they stand in the municipality's intake as its lead or its leader."""
    found: bool = await tx.fetchval(
        "select exists (select from intake where municipality = $1 and $2 in (lead, leader))", municipality, professional
    )
    return found


async def about_child(
    tx: Tx, child: UUID, recipient: UUID | None, state: str | None, after: UUID | None, limit: int
) -> list[Any]:
    return await tx.fetch(
        """
        select * from delivery where about = $1 and state <> 'passed-on' and ($2::uuid is null or recipient = $2)
          and ($3::text is null or state = $3) and ($4::uuid is null or id > $4) order by id limit $5
        """,
        *(child, recipient, state, after, limit),
    )


async def to_recipient(
    tx: Tx, recipient: UUID, child: UUID | None, state: str | None, after: UUID | None, limit: int
) -> list[Any]:
    return await tx.fetch(
        """
        select * from delivery where recipient = $1 and state <> 'passed-on' and ($2::uuid is null or about = $2)
          and ($3::text is null or state = $3) and ($4::uuid is null or id > $4) order by id limit $5
        """,
        *(recipient, child, state, after, limit),
    )


async def not_delivered(
    tx: Tx, professional: UUID | None, led: Sequence[UUID], everything: bool, own: bool, after: UUID | None, limit: int
) -> list[Any]:
    """What failed and is a professional's to mend.

    On their list, or for the family of a child whose tovholder they are; unless `own`, also of children whose tovholder's
    unit, or whose intake, they lead.
    """
    return await tx.fetch(
        """
        select * from delivery d where state = 'failed' and ($1 or shown_to = $2
            or (to_whom = 'family' and exists (select from child_case c where c.child = d.about and c.holder = $2))
            or (not $6 and exists (select from child_case c where c.child = d.about and c.holder_unit = any ($3)))
            or (not $6 and exists (select from intake i where i.municipality = d.municipality
              and $2 in (i.lead, i.deputy, i.leader))))
          and ($4::uuid is null or id > $4) order by id limit $5
        """,
        *(everything, professional, list(led), after, limit, own),
    )


async def mark_seen(tx: Tx, delivery: UUID, recipient: UUID | None, at: datetime) -> tuple[Any, bool]:
    """The delivery as it stands after, or None where it is not this recipient's; and whether it was unseen until now."""
    row = await tx.fetchrow(
        """
        update delivery set state = 'seen', seen_at = $3
        where id = $1 and to_whom = 'professional' and recipient = $2 and state = 'delivered' returning *
        """,
        *(delivery, recipient, at),
    )
    if row is not None:
        return row, True
    return await tx.fetchrow(
        "select * from delivery where id = $1 and recipient = $2 and state = 'seen'", delivery, recipient
    ), False


async def delivery_of(tx: Tx, delivery: UUID) -> Any:
    """The delivery, locked, as far as the party may see it; else None."""
    return await tx.fetchrow("select * from delivery where id = $1 for update", delivery)


async def delivery_seen(tx: Tx, delivery: UUID) -> Any:
    """The delivery as far as the party may see it; else None."""
    return await tx.fetchrow("select * from delivery where id = $1 and state <> 'passed-on'", delivery)


async def mark_told(tx: Tx, delivery: UUID, by: UUID, at: datetime, how: str = "in-person", spoke_to: UUID | None = None) -> bool:
    """True where it had failed and is now told."""
    done = await tx.fetchval(
        """
        update delivery set state = 'told', told_by = $2, told_at = $3, told_how = $4, spoke_to = $5
        where id = $1 and state = 'failed' returning true
        """,
        *(delivery, by, at, how, spoke_to),
    )
    return bool(done)


async def try_again(tx: Tx, delivery: UUID, at: datetime) -> bool:
    """Due at once, with all its tries before it; True where it had failed."""
    done = await tx.fetchval(
        """
        update delivery set state = 'queued', reason = null, shown_to = null, tried_before = tries, next_try_at = $2, due_at = $2,
          digest = false where id = $1 and state = 'failed' returning true
        """,
        *(delivery, at),
    )
    return bool(done)


async def replace_by(tx: Tx, row: Any, channel: str, at: datetime) -> UUID | None:
    """Another delivery of the same notice by another channel; None where the recipient has one by it already."""
    number = new_id()
    made = await tx.execute(
        _NEW_DELIVERY,
        *(number, row["notice"], row["municipality"], row["about"], row["kind"], row["to_whom"], row["recipient"], row["why"]),
        *(channel, row["happened_at"], "queued", at, None, at, False),
    )
    if made != "INSERT 0 1":
        return None
    await tx.execute("update delivery set state = 'replaced', replaced_by = $2 where id = $1", row["id"], number)
    return number


async def oldest_untold_seconds(tx: Tx) -> float:
    """Counted from when it was to be made: what is held back on purpose is not late before.

    What failed and could be shown to nobody, since nobody is known, counts as well.
    """
    found: float = await tx.fetchval(
        """
        select greatest(coalesce(extract(epoch from chassis.now() - min(greatest(due_at, queued_at))), 0), 0)::float
        from delivery where state = 'queued' or (state = 'failed' and shown_to is null)
        """
    )
    return found
