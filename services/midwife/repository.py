"""Loads and keeps messages, notifications and what others have said that decides them; text about a person only sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.chassis.errors import TryAgainSoon
from services.chassis.sealed import Seal, TextWasErased, seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.midwife import domain

WHOLE_MUNICIPALITY = UUID(int=0)

Content = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A receiver with the calendar that its deadlines run on."""

    receiver: domain.Receiver
    answer_working_days: int
    closing_days: Sequence[date]


@dataclass(frozen=True)
class Earlier:
    """What came before from the same sender: the letter with its answer, and the letter that used this envelope."""

    message: UUID | None
    acknowledgement: str | None
    header_of_bundle: str | None


@dataclass(frozen=True)
class NewMessage:
    """A message to keep. `body` None keeps its ids only; `answers` is the id of the letter it answers."""

    id: UUID
    sender: str
    header_id: str
    receiver: str | None
    organisation: str
    place: Place | None
    kind: str
    outcome: str
    answers: str | None
    body: str | None
    acknowledgement: str | None
    at: datetime


@dataclass(frozen=True)
class NewNotification:
    """A notification to keep; `content` is sealed."""

    id: UUID
    receiver: domain.Receiver
    organisation: str
    sent_by: UUID | None
    message_id: str
    kind: str
    state: str
    content: Content
    at: datetime
    category: str | None = None
    place_by: datetime | None = None
    fingerprint: bytes | None = None
    corrects: UUID | None = None


@dataclass(frozen=True)
class NewPlacement:
    """Where a person has placed a message: with a child, or with a mother whose demographics are `content`."""

    placement: str
    child: UUID | None
    content: Content | None
    by: UUID
    at: datetime


@dataclass(frozen=True)
class Stored:
    """A notification as it stands; `intake` are the lead, deputy and leader who take in for its unit."""

    notification: domain.Notification
    row: asyncpg.Record
    intake: frozenset[UUID]

    @property
    def is_structured(self) -> bool:
        return self.notification.kind in ("pregnancy", "birth")


async def receiver(tx: Tx, sor: str | None) -> Place | None:
    """The active unit with this SOR number; None where there is none that belongs to a municipality."""
    row = await tx.fetchrow(
        "select u.id, u.municipality, m.active, m.hospital_notification_basis, m.answer_working_days, m.closing_days"
        " from unit_sor s join unit u on u.id = s.unit and u.active left join municipality m on m.code = u.municipality"
        " where s.sor = $1 and u.municipality is not null order by m.active desc nulls last, u.id limit 1",
        sor,
    )
    if row is None:
        return None
    found = domain.Receiver(row["id"], row["municipality"], bool(row["active"]), bool(row["hospital_notification_basis"]))
    return Place(found, row["answer_working_days"] or 0, row["closing_days"] or ())


# -- messages ----------------------------------------------------------------------------------------------------------------


async def earlier(tx: Tx, sender: str, header_id: str, bundle_id: str | None, answers: str | None) -> Earlier:
    """What came before. Until this transaction ends nobody else receives the same letter or envelope."""
    row = await tx.fetchrow("select * from earlier($1, $2, $3, $4)", sender, header_id, bundle_id, answers)
    assert row is not None  # the function always gives one row
    return Earlier(row["message"], row["acknowledgement"], row["header_of_bundle"])


async def save_message(tx: Tx, secrets: Secrets, new: NewMessage) -> None:
    found = new.place.receiver if new.place else None
    body = None
    if new.body is not None and found:
        body = (await _seal(tx, secrets, found.municipality, new.id)).close(new.body, "message.body")
    await tx.execute(
        "insert into message (id, sender, header_id, receiver, organisation, municipality, unit, kind, outcome, answers, body,"
        " acknowledgement, received_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        new.id, new.sender, new.header_id, new.receiver, new.organisation, found and found.municipality, found and found.unit,
        new.kind, new.outcome, new.answers, body, new.acknowledgement, new.at,
    )  # fmt: skip
    await tx.execute("select link_answers($1)", new.id)


async def log_sending(tx: Tx, message: UUID, sender: str, bundle_id: str | None, arrival: str, at: datetime) -> None:
    await tx.execute(
        "insert into sending (message, sender, bundle_id, arrival, at) values ($1, $2, $3, $4, $5)",
        message, sender, bundle_id, arrival, at,
    )  # fmt: skip


# -- notifications -----------------------------------------------------------------------------------------------------------


async def sent_before(tx: Tx, organisation: str, message_id: UUID) -> asyncpg.Record | None:
    """The notification this sender has sent under this message id; until this transaction ends nobody else sends one."""
    await tx.execute("select take_turn($1, $2)", organisation, str(message_id))
    return await tx.fetchrow(
        "select id, received_state, fingerprint from notification"
        " where organisation = $1 and message_id = $2 and kind in ('pregnancy', 'birth')",
        organisation,
        str(message_id),
    )


async def corrected(tx: Tx, organisation: str, corrects: UUID | None) -> domain.Corrected | None:
    if corrects is None:
        return None
    row = await tx.fetchrow("select * from corrected($1, $2)", organisation, corrects)
    return domain.Corrected(row["id"], row["organisation"], row["municipality"], row["state"]) if row else None


async def is_corrected_already(tx: Tx, organisation: str, message_id: UUID) -> bool:
    """Whether a correction of this message came before the message itself."""
    query = "select exists (select 1 from notification where organisation = $1 and corrects = $2)"
    return bool(await tx.fetchval(query, organisation, message_id))


async def save_notification(tx: Tx, secrets: Secrets, new: NewNotification) -> None:
    seal = await _seal(tx, secrets, new.receiver.municipality, new.id)
    content = seal.close(orjson.dumps(new.content).decode(), "notification.content")
    await tx.execute(
        "insert into notification (id, municipality, unit, organisation, sent_by, message_id, kind, category, state,"
        " received_state, received_at, place_by, fingerprint, content, corrects)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12, $13, $14)",
        new.id, new.receiver.municipality, new.receiver.unit, new.organisation, new.sent_by, new.message_id, new.kind,
        new.category, new.state, new.at, new.place_by, new.fingerprint, content, new.corrects,
    )  # fmt: skip


async def notification(tx: Tx, id: UUID, to_change: bool = False) -> Stored | None:
    """A notification that the party may see; locked if it is to be changed."""
    row = await tx.fetchrow(f"select * from notification where id = $1{' for update' if to_change else ''}", id)  # noqa: S608 - no input
    if row is None:
        return None
    people = await tx.fetchrow(
        "select i.lead, i.deputy, i.leader from intake i where i.municipality = $1"
        " and i.district in ($3, coalesce((select u.district from unit u where u.id = $2), $3)) order by i.district = $3 limit 1",
        row["municipality"],
        row["unit"],
        WHOLE_MUNICIPALITY,
    )
    known = domain.Notification(row["id"], row["municipality"], row["unit"], row["organisation"], row["kind"], row["state"])
    return Stored(known, row, frozenset(people.values()) if people else frozenset())


async def children(tx: Tx, id: UUID) -> list[asyncpg.Record]:
    return await tx.fetch(
        "select l.child, l.ord, coalesce(c.status, 'expected') as status, c.professional, c.unit, c.since"
        " from notification_child l left join child c on c.id = l.child where l.notification = $1 order by l.ord",
        id,
    )


async def answered_by(tx: Tx, id: UUID) -> UUID | None:
    """The message that this one answers, once it has come."""
    found: UUID | None = await tx.fetchval("select answers_message from message where id = $1", id)
    return found


async def version(tx: Tx, id: UUID) -> int:
    return int(await tx.fetchval("select version from subject where id = $1", id) or 0)


async def page(
    tx: Tx,
    *,
    state: str | None,
    after: UUID | None,
    professional: UUID | None,
    leads: Sequence[UUID],
    is_service: bool,
    limit: int,
) -> list[asyncpg.Record]:
    """Notifications for the intake people and leaders of their units and for the sender; one more than `limit`."""
    return await tx.fetch(
        "select n.id, n.kind, n.category, n.state, n.municipality, n.unit, n.received_at, n.place_by from notification n"
        " where ($1::text is null or n.state = $1) and ($2::uuid is null or n.id > $2)"
        " and ($5 or is_sender(n.organisation, n.sent_by) or n.unit = any ($4::uuid[])"
        " or exists (select 1 from intake i where i.municipality = n.municipality and $3 in (i.lead, i.deputy, i.leader)"
        "   and i.district in ($6, coalesce((select u.district from unit u where u.id = n.unit), $6))))"
        " order by n.id limit $7 + 1",
        state, after, professional, list(leads), is_service, WHOLE_MUNICIPALITY, limit,
    )  # fmt: skip


async def child_is_known(tx: Tx, child: UUID | None, municipality: str) -> bool:
    return bool(await tx.fetchval("select exists (select 1 from child where id = $1 and municipality = $2)", child, municipality))


async def save_placement(tx: Tx, secrets: Secrets, known: domain.Notification, state: str, new: NewPlacement) -> None:
    sealed = None
    if new.content is not None:
        seal = await _seal(tx, secrets, known.municipality, known.id)
        sealed = seal.close(orjson.dumps(new.content).decode(), "notification.placed")
    await tx.execute(
        "update notification set state = $2, placement = $3, placed_content = $4, placed_by = $5, placed_at = $6 where id = $1",
        known.id, state, new.placement, sealed, new.by, new.at,
    )  # fmt: skip
    if new.child is not None:
        await tx.execute(
            "insert into notification_child (notification, ord, child) values ($1, 1, $2)"
            " on conflict (notification, ord) do update set child = excluded.child",
            known.id,
            new.child,
        )


async def save_withdrawal(tx: Tx, id: UUID, reason: str, at: datetime) -> None:
    query = "update notification set state = 'withdrawn', withdrawn_at = $2, withdrawal_reason = $3 where id = $1"
    await tx.execute(query, id, at, reason)


async def contents(tx: Tx, secrets: Secrets, stored: Stored) -> tuple[Content, Content | None] | None:
    """What was sent, and what the person who placed it added; None after erasure."""
    try:
        seal = await _seal(tx, secrets, stored.notification.municipality, stored.notification.id)
    except TextWasErased:
        return None
    sent, placed = stored.row["content"], stored.row["placed_content"]
    return (
        orjson.loads(seal.open(sent, "notification.content")) if sent else {},
        orjson.loads(seal.open(placed, "notification.placed")) if placed else None,
    )


async def _seal(tx: Tx, secrets: Secrets, municipality: str, about: UUID) -> Seal:
    """TryAgainSoon where the operator has put no key for the municipality: nothing is lost, the sender repeats."""
    try:
        return await seal_of(tx, secrets, municipality, about)
    except TextWasErased:
        raise
    except LookupError as error:
        missing = f"The sealing key of municipality {municipality} is not in place; the operator must add it."
        raise TryAgainSoon(missing, seconds=60) from error


# -- what others say ---------------------------------------------------------------------------------------------------------


async def save_unit(
    tx: Tx, id: UUID, municipality: str | None, kind: str, district: UUID | None, active: bool, sor: Sequence[str]
) -> None:
    await tx.execute(
        "insert into unit values ($1, $2, $3, $4, $5) on conflict (id) do update"
        " set municipality = excluded.municipality, kind = excluded.kind, district = excluded.district, active = excluded.active",
        id, municipality, kind, district, active,
    )  # fmt: skip
    await tx.execute("delete from unit_sor where unit = $1", id)
    await tx.execute("insert into unit_sor select distinct unnest($2::text[]), $1::uuid", id, list(sor))


async def save_municipality(
    tx: Tx, code: str, active: bool, answer_working_days: int, closing_days: Sequence[date], basis: bool
) -> None:
    await tx.execute(
        "insert into municipality values ($1, $2, $3, $4, $5) on conflict (code) do update set active = excluded.active,"
        " answer_working_days = excluded.answer_working_days, closing_days = excluded.closing_days,"
        " hospital_notification_basis = excluded.hospital_notification_basis",
        code, active, answer_working_days, list(closing_days), basis,
    )  # fmt: skip


async def save_intake(tx: Tx, municipality: str, district: UUID | None, lead: UUID, deputy: UUID, leader: UUID) -> None:
    await tx.execute(
        "insert into intake values ($1, $2, $3, $4, $5) on conflict (municipality, district) do update"
        " set lead = excluded.lead, deputy = excluded.deputy, leader = excluded.leader",
        municipality, district or WHOLE_MUNICIPALITY, lead, deputy, leader,
    )  # fmt: skip


async def save_child(
    tx: Tx,
    child: UUID,
    municipality: str,
    status: str | None = None,
    professional: UUID | None = None,
    unit: UUID | None = None,
    since: datetime | None = None,
) -> None:
    """One statement for every fact about a child, so that a run of them goes to PostgreSQL in one go."""
    await tx.later("select child_is($1, $2, $3, $4, $5, $6)", child, municipality, status, professional, unit, since)


async def save_identified(tx: Tx, id: UUID, municipality: str, found: Sequence[tuple[int, UUID, str]]) -> None:
    orders, who, statuses = ([each[place] for each in found] for place in range(3))
    await tx.execute("select children_are($1, $2, $3, $4, $5)", id, municipality, orders, who, statuses)


async def save_known_elsewhere(tx: Tx, id: UUID, state: str, place_by: datetime) -> None:
    await tx.execute("update notification set state = $2, place_by = $3, identified = true where id = $1", id, state, place_by)


async def calendar_of(tx: Tx, municipality: str) -> tuple[int, Sequence[date]]:
    row = await tx.fetchrow("select answer_working_days, closing_days from municipality where code = $1", municipality)
    return (row["answer_working_days"], row["closing_days"]) if row else (0, ())
