"""SQL of what leaves the product: subscriptions, what each is to get in an order of its own, and every try."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.store import Connection, Store, Tx
from services.notifications.domain import outward
from services.notifications.domain.outward import Fact, Owner, Rule, Subscriber

# -- What is heard ----------------------------------------------------------------------------------------------------------

_WAITS = """
insert into outward_waiting (municipality, kind, about, units, senders, envelope)
select $1, $2, $3, $4, $5, $6 where exists (select from subscription where state <> 'ended')
"""


def keep_waiting(
    tx: Tx, municipality: str, kind: str, about: UUID, units: Iterable[UUID], senders: Iterable[str], content: dict[str, Any]
) -> None:
    """Until it is given to those whom it concerns; nothing where nobody subscribes."""
    tx.last(_WAITS, municipality, kind, about, list(units), list(senders), content)


async def keep_child(tx: Tx, child: UUID, municipality: str, born_on: date | None, due_on: date | None) -> None:
    await tx.later(
        """
        insert into child_fact as c (child, municipality, born_on, due_on) values ($1, $2, $3, $4)
        on conflict (child) do update set municipality = excluded.municipality,
          born_on = coalesce(excluded.born_on, c.born_on), due_on = coalesce(excluded.due_on, c.due_on)
        """,
        *(child, municipality, born_on, due_on),
    )


async def keep_child_s_unit(tx: Tx, child: UUID, municipality: str, unit: UUID, starts: bool) -> None:
    """The institution where a child starts, or no longer does."""
    if starts:
        statement = "insert into child_unit (child, municipality, unit) values ($1, $2, $3) on conflict do nothing"
    else:
        statement = "delete from child_unit where child = $1 and municipality = $2 and unit = $3"
    await tx.later(statement, child, municipality, unit)


async def keep_sender(tx: Tx, notification: UUID, municipality: str, organisation: str) -> None:
    await tx.later(
        "insert into notification_sender (notification, municipality, organisation) values ($1, $2, $3) on conflict do nothing",
        *(notification, municipality, organisation),
    )


# -- In order, for each -----------------------------------------------------------------------------------------------------


async def look(store: Store) -> tuple[bool, bool]:
    """Whether anything waits to be given out, and whether any subscription is due: one cheap look while nothing happens."""
    async with store.connection() as connection:
        row = await connection.fetchrow(
            "select exists (select from outward_waiting) as waits, exists (select from subscription join client using (client_id)"
            " where state = 'active' and sent < sequence and next_try_at <= chassis.now() and in_hand_until < clock_timestamp()"
            " and active) as due"
        )
    assert row is not None, "one row always"
    return row["waits"], row["due"]


# One process at a time gives numbers, so that each subscription's are dense and in one order.
_IN_TURN = "select pg_advisory_xact_lock(hashtextextended('notifications.outward', 0))"
_FACTS = """
select a.about, f.born_on, f.due_on, c.holder_unit,
  array(select unit from child_unit u where u.child = a.about) as units,
  array(select s.organisation from notified_child n join notification_sender s using (notification) where n.child = a.about
    union select s.organisation from notification_sender s where s.notification = a.about) as senders
from unnest($1::uuid[]) a(about) left join child_fact f on f.child = a.about left join child_case c on c.child = a.about
"""


async def give_out(store: Store, on: date, limit: int) -> int:
    """Gives what waits to whom it concerns, each subscription in a dense order of its own. Returns how much waited."""
    async with store.transaction() as tx:
        await tx.execute(_IN_TURN)
        rows = await tx.fetch("select * from outward_waiting order by id limit $1", limit)
        if not rows:
            return 0
        known = {row["about"]: row for row in await tx.fetch(_FACTS, list({row["about"] for row in rows}))}
        lines = [
            (sub["id"], _subscriber(sub), [Rule.of(rule) for rule in sub["rules"]], sub["sequence"])
            for sub in await tx.fetch(
                "select s.*, c.kind, c.sends_for, c.roles from subscription s join client c using (client_id)"
                " where s.state <> 'ended' and c.active order by s.id"
            )
        ]
        ends: dict[UUID, int] = {}
        out: list[tuple[UUID, int, str, dict[str, Any]]] = []
        for row in rows:
            fact = _fact(row, known.get(row["about"]), on)
            for number, subscriber, rules, end in lines:
                name = _concerned(row, fact, number, subscriber, rules)
                if name is not None:
                    ends[number] = ends.get(number, end) + 1
                    out.append((number, ends[number], row["kind"], _outward(row["envelope"], number, ends[number], name)))
        await _write(tx, out, ends)
        await tx.execute("delete from outward_waiting where id = any ($1)", [row["id"] for row in rows])
        return len(rows)


def _concerned(row: Any, fact: Fact, number: UUID, subscriber: Subscriber, rules: Sequence[Rule]) -> str | None:
    """The name of the rule by which this subscription gets it, or None."""
    if row["meant_for"] is not None:
        return "test" if row["meant_for"] == number else None
    if not outward.may_hear(subscriber, fact):
        return None
    rule = outward.fitting(rules, fact)
    return rule.name if rule else None


def _fact(row: Any, known: Any, on: date) -> Fact:
    units, senders = set(row["units"]), set(row["senders"])
    if known:
        units |= {*known["units"], *([known["holder_unit"]] if known["holder_unit"] else [])}
        senders |= set(known["senders"])
    return Fact(
        row["kind"],
        row["municipality"],
        row["about"],
        on,
        frozenset(units),
        frozenset(senders),
        known["born_on"] if known else None,
        known["due_on"] if known else None,
    )


def _subscriber(row: Any) -> Subscriber:
    return Subscriber(row["kind"], row["municipality"], frozenset(row["sends_for"]), frozenset(row["roles"]))


def _outward(content: dict[str, Any], subscription: UUID, sequence: int, rule: str) -> dict[str, Any]:
    return {**content, "sequence": str(sequence), "subscription": str(subscription), "matchedrule": rule}


async def _write(tx: Tx, out: Sequence[tuple[UUID, int, str, dict[str, Any]]], ends: Mapping[UUID, int]) -> None:
    if not out:
        return
    await tx.connection.executemany(
        "insert into outward (subscription, sequence, kind, envelope, at) values ($1, $2, $3, $4, chassis.now())", out
    )
    await tx.execute(
        "update subscription s set sequence = e.sequence from unnest($1::uuid[], $2::bigint[]) e(id, sequence) where s.id = e.id",
        list(ends),
        list(ends.values()),
    )


# -- On the way -------------------------------------------------------------------------------------------------------------

_TAKE = """
update subscription set holder = $1, epoch = epoch + 1, in_hand_until = clock_timestamp() + $2 where id = any (array(
  select id from subscription s where state = 'active' and sent < sequence and next_try_at <= chassis.now()
    and exists (select from client c where c.client_id = s.client_id and c.active)
    and in_hand_until < clock_timestamp() and (channel = 'webhook' or ($4 and topic_ready))
  order by next_try_at, id limit $3 for update skip locked))
returning id, client_id, channel, url, sent, tries, failing_since, epoch
"""


async def take(store: Store, holder: UUID, in_hand: timedelta, most: int, with_topics: bool) -> list[dict[str, Any]]:
    """Subscriptions that something waits for and nobody has in hand; for a while they are in this process's.

    A system that the directory has put out of use gets nothing more, also not of what it was given before.
    """
    async with store.connection() as connection:
        return [dict(row) for row in await connection.fetch(_TAKE, holder, in_hand, most, with_topics)]


async def next_of(store: Store, subscription: UUID, sent: int, most: int) -> list[Any]:
    async with store.connection() as connection:
        return await connection.fetch(
            "select sequence, kind, envelope::text as body from outward where subscription = $1 and sequence > $2"
            " order by sequence limit $3",
            *(subscription, sent, most),
        )


async def secrets_of(store: Store, subscription: UUID) -> list[Any]:
    async with store.connection() as connection:
        return await connection.fetch("select number, salt, until from subscription_secret where subscription = $1", subscription)


_TAKEN = """
with moved as (
  update subscription set sent = $3, tries = 0, failing_since = null, trouble = null, next_try_at = '-infinity',
    in_hand_until = clock_timestamp() + $7, proven_at = case when $8 then chassis.now() else proven_at end
  where id = $1 and epoch = $2 and sent < $3 and state <> 'ended' returning id
), noted as (
  update outward o set taken_at = chassis.now() from moved
  where o.subscription = moved.id and o.sequence between $4 and $3 returning o.sequence
)
insert into outward_try (subscription, sequence, number, at, outcome, ms)
select $1, n.sequence,
  1 + coalesce((select max(number) from outward_try t where t.subscription = $1 and t.sequence = n.sequence), 0),
  chassis.now(), $5, $6 from noted n returning true
"""


async def taken(store: Store, line: Any, first: int, last: int, outcome: str, ms: int, in_hand: timedelta, proves: bool) -> bool:
    """The endpoint has these, all of them. False where another has the subscription in hand by now."""
    async with store.connection() as connection:
        done = await connection.fetchval(_TAKEN, line["id"], line["epoch"], last, first, outcome, ms, in_hand, proves)
    return bool(done)


_FAILED = """
with moved as (
  update subscription set tries = tries + 1, failing_since = coalesce(failing_since, chassis.now()), trouble = $4,
    next_try_at = $5, in_hand_until = '-infinity', state = case when $6::text is null then state else 'paused' end,
    paused_why = coalesce($6, paused_why), paused_at = case when $6::text is null then paused_at else chassis.now() end
  where id = $1 and epoch = $2 and state = 'active' returning id
)
insert into outward_try (subscription, sequence, number, at, outcome, ms)
select $1, $3, 1 + coalesce((select max(number) from outward_try t where t.subscription = $1 and t.sequence = $3), 0),
  chassis.now(), $4, $7 from moved returning true
"""


async def failed(store: Store, line: Any, sequence: int, outcome: str, again: datetime, paused: str | None, ms: int) -> None:
    async with store.connection() as connection:
        await connection.execute(_FAILED, line["id"], line["epoch"], sequence, outcome, again, paused, ms)


async def give_back(store: Store, line: Any) -> None:
    async with store.connection() as connection:
        await connection.execute(
            "update subscription set in_hand_until = '-infinity' where id = $1 and epoch = $2", line["id"], line["epoch"]
        )


async def give_all_back(connection: Connection, holder: UUID) -> None:
    await connection.execute("update subscription set in_hand_until = '-infinity' where holder = $1", holder)


# -- The clock's part -------------------------------------------------------------------------------------------------------


async def due_for_test(tx: Tx) -> list[Any]:
    """Subscriptions whose line has not been tested for a while, marked as being so now; of systems that are in use."""
    return await tx.fetch(
        """
        update subscription s set tested_at = chassis.now()
        where state = 'active' and tested_at <= chassis.now() - $1::interval
          and exists (select from client c where c.client_id = s.client_id and c.active) returning id, municipality
        """,
        outward.TEST_EVERY,
    )


async def ask_test(tx: Tx, subscription: UUID, municipality: str, content: dict[str, Any]) -> None:
    await tx.execute(
        "insert into outward_waiting (municipality, kind, about, meant_for, envelope) values ($1, $2, $3, $3, $4)",
        *(municipality, outward.TEST, subscription, content),
    )


async def forget_old(tx: Tx) -> None:
    """What is older than can be replayed, and taken or given up."""
    await tx.execute(
        """
        delete from outward o using subscription s where s.id = o.subscription and o.at < chassis.now() - $1::interval
          and (o.sequence <= s.sent or s.state <> 'active')
        """,
        outward.KEPT_FOR,
    )


async def lines(tx: Tx) -> tuple[float, int]:
    """Seconds since the longest unproven line was proven, and how many are paused; of systems that are in use."""
    row = await tx.fetchrow(
        """
        select coalesce(max(extract(epoch from chassis.now() - coalesce(proven_at, made_at)))
            filter (where state = 'active'), 0)::float as unproven,
          count(*) filter (where state = 'paused' and paused_why <> 'by-owner')::int as paused
        from subscription join client using (client_id) where state <> 'ended' and active
        """
    )
    assert row is not None, "one row always"
    return row["unproven"], row["paused"]


async def topics_wanted(store: Store) -> list[tuple[UUID, str]]:
    """Subscriptions that are to have a topic of their own, each with the one principal that may read it."""
    async with store.connection() as connection:
        rows = await connection.fetch(
            "select id, principal from subscription where channel = 'topic' and state <> 'ended' order by id"
        )
    return [(row["id"], row["principal"]) for row in rows]


async def topics_are_ready(store: Store, subscriptions: Iterable[UUID]) -> None:
    async with store.connection() as connection:
        await connection.execute("update subscription set topic_ready = true where id = any ($1)", list(subscriptions))


# -- The owner's part -------------------------------------------------------------------------------------------------------


def owner_of(caller: Caller) -> Owner | None:
    """The asking system itself; None for a person."""
    if caller.client_id is None:
        return None
    party = caller.party
    hears = Subscriber(party.kind, party.municipality, frozenset(caller.sends_for), caller.roles)
    municipality = party.municipality if party.kind == "municipality" else None
    return Owner(caller.client_id, municipality, party.organisation if party.kind == "organisation" else None, hears)


async def systems_of(tx: Tx, municipality: str) -> list[Owner]:
    """A municipality's own systems that are active, by name."""
    rows = await tx.fetch(
        "select * from client where kind = 'municipality' and municipality = $1 and active order by client_id", municipality
    )
    return [Owner(row["client_id"], municipality, None, _subscriber(row)) for row in rows]


async def add(tx: Tx, number: UUID, owner: Owner, channel: str, url: str | None, rules: list[Any]) -> None:
    """`channel` topic: the owner's principal alone may read it."""
    principal = f"User:{owner.client_id}" if channel == "topic" else None
    await tx.execute(
        """
        insert into subscription (id, client_id, municipality, organisation, channel, url, principal, rules, made_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, chassis.now())
        """,
        *(number, owner.client_id, owner.municipality, owner.organisation, channel, url, principal, rules),
    )


async def own(tx: Tx, client_id: str | None, number: UUID) -> Any:
    """A subscription of this very client, locked; None for any other. Of no client: any of the asking municipality's."""
    return await tx.fetchrow(
        "select * from subscription where id = $1 and client_id = coalesce($2, client_id) for update", number, client_id
    )


async def seen_by(tx: Tx, client_id: str | None, number: UUID | None = None) -> list[Any]:
    """This client's; of no client: all of the asking municipality's, as row-level security shows them."""
    return await tx.fetch(
        "select * from subscription where client_id = coalesce($1, client_id) and ($2::uuid is null or id = $2) order by id",
        *(client_id, number),
    )


async def remember(tx: Tx, subscription: UUID, caller: Caller, what: str) -> None:
    """A line of the subscription's history, in the change's own transaction."""
    await tx.execute(
        "insert into subscription_change (id, subscription, municipality, at, by_professional, by_system, what)"
        " values ($1, $2, $3, chassis.now(), $4, $5, $6)",
        *(new_id(), subscription, caller.party.municipality, caller.professional),
        *(None if caller.professional else caller.client_id, what),
    )


async def history_of(tx: Tx, subscription: UUID, limit: int) -> list[Any]:
    """The newest first."""
    return await tx.fetch(
        "select at, by_professional, by_system, what from subscription_change where subscription = $1 order by id desc limit $2",
        *(subscription, limit),
    )


async def add_secret(tx: Tx, subscription: UUID, number: int, salt: bytes, former_until: datetime) -> None:
    """Former secrets sign until then beside the new one."""
    await tx.execute(
        "update subscription_secret set until = least(coalesce(until, 'infinity'), $2) where subscription = $1",
        *(subscription, former_until),
    )
    await tx.execute(
        "insert into subscription_secret (subscription, number, salt, made_at) values ($1, $2, $3, chassis.now())",
        *(subscription, number, salt),
    )


async def newest_secret(tx: Tx, subscription: UUID) -> int:
    found: int = await tx.fetchval(
        "select coalesce(max(number), 0) from subscription_secret where subscription = $1", subscription
    )
    return found


async def set_rules(tx: Tx, subscription: UUID, rules: Sequence[Mapping[str, Any]]) -> None:
    """What is given out from now on goes by these; the row is locked by `own`."""
    await tx.execute("update subscription set rules = $2 where id = $1", subscription, list(rules))


async def end(tx: Tx, subscription: UUID) -> None:
    await tx.execute(
        "update subscription set state = 'ended', paused_why = null, epoch = epoch + 1 where id = $1 and state <> 'ended'",
        subscription,
    )


async def set_paused(tx: Tx, subscription: UUID, why: str | None, at: datetime) -> None:
    """`why` None: it goes on, at once."""
    await tx.execute(
        """
        update subscription set state = case when $2::text is null then 'active' else 'paused' end, paused_why = $2,
          paused_at = case when $2::text is null then null else $3::timestamptz end, tries = 0, failing_since = null,
          trouble = null, next_try_at = '-infinity' where id = $1 and state <> 'ended'
        """,
        *(subscription, why, at),
    )


async def oldest_kept(tx: Tx, row: Any) -> int:
    found: int | None = await tx.fetchval("select min(sequence) from outward where subscription = $1", row["id"])
    return found if found is not None else row["sequence"] + 1


async def set_sent(tx: Tx, subscription: UUID, sent: int) -> None:
    """Whoever has it in hand loses it: `epoch` moves on."""
    await tx.execute(
        """
        update subscription set sent = $2, epoch = epoch + 1, in_hand_until = '-infinity', tries = 0, failing_since = null,
          trouble = null, next_try_at = '-infinity' where id = $1
        """,
        *(subscription, sent),
    )


async def log_of(tx: Tx, subscription: UUID, after: int, limit: int) -> list[dict[str, Any]]:
    """Each event of the subscription with every try, by sequence."""
    rows = await tx.fetch(
        """
        select o.sequence, o.kind, o.envelope->>'id' as event, o.envelope->>'matchedrule' as rule, o.at, o.taken_at,
          coalesce((select jsonb_agg(
              jsonb_build_object('number', t.number, 'at', t.at, 'outcome', t.outcome, 'ms', t.ms) order by t.number)
            from outward_try t where t.subscription = o.subscription and t.sequence = o.sequence), '[]') as tries
        from outward o where o.subscription = $1 and o.sequence > $2 order by o.sequence limit $3
        """,
        *(subscription, after, limit),
    )
    return [dict(row) for row in rows]


def body_of(text: str) -> bytes:
    """The bytes that are signed and sent: those of the envelope as stored, always the same."""
    return orjson.dumps(orjson.loads(text))
