"""Looks up in the database whether what must always be true is true, whatever has happened before."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services import catalogue
from services.demo.story import Played
from services.notifications.domain import audiences

PATIENCE = 60.0


class Look(Protocol):
    """Rows of a query in a service's own tables, as its machine role."""

    async def __call__(self, service: str, query: str, *arguments: object) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Finding:
    """One invariant: how much was looked at, and what breaks it, in words."""

    name: str
    looked_at: str
    broken: list[str] = field(default_factory=list)

    def row(self) -> tuple[str, str, str]:
        return self.name, self.looked_at, "[red]broken[/red]" if self.broken else "[green]holds[/green]"


async def check(look: Look, played: Played, breathe: Callable[[], Awaitable[None]]) -> list[Finding]:
    """Waits until everything said has been heard and told, then looks at each invariant."""
    unheard = await _quiet(look, breathe)
    return [
        Finding("Each reading named exactly one tovholder", _readings(played), played.without),
        await _one_tovholder(look),
        await _no_gap(look),
        await _one_open_handover(look),
        await _dense_versions(look),
        await _only_rightful_changes(look),
        await _ledger_is_feed(look),
        Finding("What was said was heard, everywhere", f"{len(catalogue.SERVICES)} services", unheard),
        await _nothing_laid_aside(look),
        await _everyone_told(look),
        await _every_delivery_accounted_for(look),
        await _nothing_personal(look, played.personal),
    ]


def _readings(played: Played) -> str:
    return f"{played.reads} readings" + (f", {played.refused} put off" if played.refused else "")


async def _quiet(look: Look, breathe: Callable[[], Awaitable[None]]) -> list[str]:
    """What still waits after a while; nothing, as a rule."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        waits = await _waiting(look)
        if not waits or asyncio.get_running_loop().time() > deadline:
            return waits
        await breathe()


async def _waiting(look: Look) -> list[str]:
    ends = {}
    waits = []
    for service in catalogue.names():
        ends[service] = {
            row["partition"]: row["position"] for row in await look(service, "select partition, position from relay")
        }
        (row,) = await look(
            service,
            "select (select count(*) from outbox) as outbox, (select count(*) from kept) as kept,"
            " (select count(*) from parked) as parked",
        )
        waits += [f"{service}: {row[name]} in {name}" for name in ("outbox", "kept", "parked") if row[name]]
    for service in catalogue.names():
        for row in await look(service, "select source, partition, position from position"):
            if row["position"] < ends[row["source"]].get(row["partition"], 0):
                waits.append(f"{service} has not heard all of {row['source']}")
    (row,) = await look("notifications", "select count(*) as queued from delivery where state = 'queued'")
    return waits + ([f"{row['queued']} deliveries are queued"] if row["queued"] else [])


async def _one_tovholder(look: Look) -> Finding:
    rows = await look(
        "registry",
        "select c.id, c.status, count(a.*) as open, count(s.*) as on_open_seat from child c"
        " left join assignment a on a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity'"
        " left join seat s on s.professional = a.professional and s.unit = a.unit and s.open group by c.id, c.status",
    )
    wrong = [
        str(row["id"]) for row in rows if (row["open"], row["on_open_seat"]) != ((0, 0) if row["status"] == "closed" else (1, 1))
    ]
    return Finding("I1  one tovholder per child, on an open seat", f"{len(rows)} children", [f"child {child}" for child in wrong])


async def _no_gap(look: Look) -> Finding:
    rows = await look(
        "registry",
        "select child_id, seq, coalesce(seq = number and (number = 1 or before = started_at) and started_at < finished_at, false)"
        " as fits"
        " from (select child_id, seq, started_at, finished_at, lag(finished_at) over chain as before,"
        "   row_number() over chain as number"
        " from assignment window chain as (partition by child_id, episode order by started_at)) links",
    )
    wrong = [f"link {row['seq']} of child {row['child_id']}" for row in rows if not row["fits"]]
    return Finding("I2  the chain has no gap and no overlap", f"{len(rows)} links", wrong)


async def _one_open_handover(look: Look) -> Finding:
    rows = await look(
        "registry",
        "select child_id, count(*) filter (where state in ('proposed', 'scheduled')) as open, count(*) as handovers"
        " from handover group by child_id",
    )
    wrong = [f"child {row['child_id']} has {row['open']}" for row in rows if row["open"] > 1]
    return Finding("I3  at most one open handover per child", f"{sum(row['handovers'] for row in rows)} handovers", wrong)


async def _dense_versions(look: Look) -> Finding:
    """At each source, and the version that the source answers with is that of the last event."""
    wrong, number = [], 0
    for service in catalogue.names():
        rows = await look(
            service, "select subject, min(version) as first, max(version) as last, count(*) as number from ledger group by 1"
        )
        number += len(rows)
        wrong += [f"{service} of {row['subject']}" for row in rows if (row["first"], row["last"]) != (1, row["number"])]
        rows = await look(
            service,
            "select id from subject s where version <> (select coalesce(max(version), 0) from ledger where subject = s.id)",
        )
        wrong += [f"{service} of {row['id']}" for row in rows]
    rows = await look(
        "registry", "select id from child c where version <> (select coalesce(max(version), 0) from ledger where subject = c.id)"
    )
    return Finding(
        "I4  versions run 1, 2, 3 … without a hole", f"{number} subjects", wrong + [f"child {row['id']}" for row in rows]
    )


async def _only_rightful_changes(look: Look) -> Finding:
    """Acceptance by the named receiver, at once or on its date; registration; stand-in; override with a reason; nothing else."""
    rows = await look(
        "registry",
        "select a.child_id, a.seq, a.why, coalesce(case"
        "   when a.why in ('acceptance', 'effect') then h.state = 'effected' and h.accepted_by = a.professional"
        "     and h.receiver = a.professional and h.receiver_unit = a.unit"
        "   when a.why in ('registration', 'sibling') then a.seq = 1"
        "   when a.why = 'override' then a.reason is not null and a.by is not null"
        "   when a.why = 'stand-in' then a.seq > 1"
        "   else a.why in ('merge', 'reopening') end, false) as rightful"
        " from assignment a left join handover h on h.id = a.handover and h.child_id = a.child_id",
    )
    (told,) = await look("registry", "select count(*) as number from ledger where type like '%.tovholder_changed.v1'")
    wrong = [f"link {row['seq']} of child {row['child_id']} ({row['why']})" for row in rows if not row["rightful"]]
    if told["number"] != len(rows):
        wrong.append(f"{told['number']} changes were told of, {len(rows)} made")
    return Finding("I5  the baton moved only as it may", f"{len(rows)} changes", wrong)


async def _ledger_is_feed(look: Look) -> Finding:
    wrong, number = [], 0
    for service in catalogue.names():
        (row,) = await look(
            service,
            "select (select count(*) from ledger) as events,"
            " (select count(*) from ledger l full join feed f using (subject, version)"
            "   where l.subject is null or f.subject is null) as apart,"
            " (select count(*) from"
            "   (select max(position) as last, count(*) as number, min(position) as first from feed group by partition) p"
            "   where first <> 1 or last <> number) as holes",
        )
        number += row["events"]
        wrong += [f"{service}: {row[name]} {name}" for name in ("apart", "holes") if row[name]]
    return Finding("What was kept is what was sent: ledger = feed", f"{number} events", wrong)


async def _nothing_laid_aside(look: Look) -> Finding:
    wrong = []
    for service in catalogue.names():
        rows = await look(service, "select source, type, reason from dead_letter where resolved_at is null")
        wrong += [f"{service} could not apply {row['type']} of {row['source']}: {row['reason']}" for row in rows]
    return Finding("No event was laid aside", f"{len(catalogue.SERVICES)} services", wrong)


async def _everyone_told(look: Look) -> Finding:
    """Each fact of which somebody is to be told has its notice, and each notice its deliveries."""
    kinds, facts, wrong = _told_kinds(), 0, []
    notices = {row["event"] for row in await look("notifications", "select event from notice")}
    for service in catalogue.names():
        for row in await look(
            service, "select type, envelope->>'id' as id from ledger where split_part(type, '.', 4) = any ($1)", kinds
        ):
            facts += 1
            if row["id"] not in notices:
                wrong.append(f"nobody was told of {row['type']} {row['id']}")
    rows = await look(
        "notifications", "select id, kind from notice n where not exists (select from delivery d where d.notice = n.id)"
    )
    return Finding(
        "I9  everyone concerned was told",
        f"{facts} facts",
        wrong + [f"notice {row['id']} of {row['kind']} went to nobody" for row in rows],
    )


def _told_kinds() -> list[str]:
    return sorted(audiences())


async def _every_delivery_accounted_for(look: Look) -> Finding:
    """Delivered, seen, stopped by the family's wish, or failed and shown to a person who can act."""
    rows = await look("notifications", "select id, state, reason, shown_to from delivery")
    wrong = [
        f"delivery {row['id']} is {row['state']}{' and shown to nobody' if row['state'] == 'failed' else ''}"
        for row in rows
        if row["state"] == "queued" or (row["state"] == "failed" and (row["reason"] is None or row["shown_to"] is None))
    ]
    counted = {state: sum(1 for row in rows if row["state"] == state) for state in sorted({row["state"] for row in rows})}
    return Finding(
        "I9  every delivery is accounted for", ", ".join(f"{number} {state}" for state, number in counted.items()), wrong
    )


async def _nothing_personal(look: Look, personal: Sequence[str]) -> Finding:
    wrong, number = [], 0
    for service in catalogue.names():
        (row,) = await look(
            service,
            "select count(*) as events, count(*) filter (where exists"
            " (select from unnest($1::text[]) said where position(said in envelope::text) > 0)) as telling from ledger",
            list(personal),
        )
        number += row["events"]
        wrong += [f"{row['telling']} events of {service}"] if row["telling"] else []
    return Finding("I7  no number and no name of the family in an event", f"{number} events", wrong)
