"""I4 and what carries it: versions are dense, ledger rows stand in the feed, hearers have applied what they passed."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from services import catalogue
from services.audit.findings import NAMED, Difference, Finding, Look, Side, differing, digests, finding, found, one, some
from services.chassis import who
from services.chassis.ids import partition_of

_HIGHEST = "select subject::text as key, max(version)::text as value, null::text as note from ledger group by subject"
_SEEN = "select subject::text as key, version::text as value, null::text as note from seen where source = $1"


async def dense_versions(look: Look) -> Finding:
    """I4: at each source, and the version that the source answers with is that of the last event."""
    words, number = [], 0
    for service in catalogue.names():
        number += (await one(look, service, "select count(*) as number from (select distinct subject from ledger) s"))["number"]
        rows = await some(
            look,
            service,
            "select subject from ledger group by subject having min(version) <> 1 or max(version) <> count(*) order by subject",
        )
        words += [f"{service}: the events of {row['subject']} have a hole" for row in rows]
        rows = await some(
            look,
            service,
            "select s.id from subject s left join (select subject, max(version) as version from ledger group by subject) l"
            " on l.subject = s.id where s.version <> coalesce(l.version, 0) order by s.id",
        )
        words += [f"{service}: the version of {row['id']} is not that of its last event" for row in rows]
    rows = await some(
        look,
        "registry",
        "select c.id from child c left join (select subject, max(version) as version from ledger group by subject) l"
        " on l.subject = c.id where c.version <> coalesce(l.version, 0) order by c.id",
    )
    words += [f"registry: the version of child {row['id']} is not that of its last event" for row in rows]
    return found("I4  versions run 1, 2, 3 … without a hole", f"{number} subjects", words)


async def ledger_is_feed(look: Look) -> Finding:
    """Each ledger row has one place in the feed, the feed is dense per partition and ends where the relay says."""
    differences: list[Difference] = []
    number = 0
    for service in catalogue.names():
        number += (await one(look, service, "select count(*) as number from ledger"))["number"]
        apart = await some(
            look,
            service,
            "select coalesce(l.subject, f.subject) as subject, coalesce(l.version, f.version) as version,"
            " l.subject is null as unsaid,"
            " exists (select from outbox o where o.subject = l.subject and o.version = l.version) as waits"
            " from ledger l full join feed f using (subject, version) where l.subject is null or f.subject is null"
            " order by 1, 2",
        )
        differences += [_apart(service, row) for row in apart]
        ends = await look(
            service,
            "select r.partition from relay r left join (select partition, min(position) as first, max(position) as last,"
            " count(*) as number from feed group by partition) f using (partition)"
            " where (coalesce(f.first, 1), coalesce(f.last, 0), coalesce(f.number, 0)) <> (1, r.position, r.position)"
            " or r.sent > r.position or r.derived > r.position order by 1",
        )
        differences += [
            Difference(f"{service}: the feed of partition {row['partition']} has a hole, or ends elsewhere") for row in ends
        ]
    return finding("What was kept is what was sent: ledger = feed", f"{number} events", differences)


def _apart(service: str, row: Any) -> Difference:
    event = f"version {row['version']} of {row['subject']}"
    if row["unsaid"]:
        return Difference(f"{service}: the feed has {event}, the ledger has not")
    if row["waits"]:
        return Difference(f"{service}: {event} waits for a relay", "deploy/runbooks/outbox-not-sent.md")
    return Difference(f"{service}: {event} has no place in the feed")


async def nobody_is_ahead(look: Look) -> Finding:
    """No hearer has a position that its source's feed has not reached."""
    words, number = [], 0
    ends = {service: await _ends(look, service) for service in catalogue.names()}
    for service in catalogue.names():
        for row in await look(service, "select source, partition, position from position order by source, partition"):
            number += 1
            if row["position"] > ends.get(row["source"], {}).get(row["partition"], 0):
                words.append(f"{service} is ahead of the feed of {row['source']} in partition {row['partition']}")
    return found("Nobody has heard what was never said", f"{number} positions", words, "deploy/runbooks/restore.md")


async def _ends(look: Look, service: str) -> dict[int, int]:
    return {row["partition"]: row["position"] for row in await look(service, "select partition, position from relay")}


async def what_was_passed_was_applied(look: Look) -> Finding:
    """Whoever's position is behind an event has applied it, or shows it to a person; what is still before it is on its way."""
    differences: list[Difference] = []
    pairs = 0
    for source in catalogue.names():
        said = Side(source, _HIGHEST)
        known = await digests(look, said)
        for service in catalogue.SERVICES:
            if source not in hears(service):
                continue
            pairs += 1
            async for page in differing(look, said, Side(service.name, _SEEN, (source,)), known):
                differences += await _missed(look, service.name, source, page)
                if len(differences) > NAMED:
                    break
    return finding("What was passed was applied", f"{pairs} hearers of a source", differences)


def hears(service: Any) -> set[str]:
    """The sources of all that a service's consumer reads; each hears the directory of who is who."""
    return {event.source for event in (*service.handlers, *who.HANDLERS)}


async def _missed(look: Look, service: str, source: str, page: Sequence[tuple[str, Any, Any]]) -> list[Difference]:
    versions = {UUID(key): (int(said["value"]) if said else 0, int(seen["value"]) if seen else 0) for key, said, seen in page}
    behind = [(subject, applied + 1) for subject, (said, applied) in versions.items() if applied < said]
    gone_by = await passed(look, service, source, behind)
    letters = await look(service, "select subject from dead_letter where source = $1 and resolved_at is null", source)
    shown = {row["subject"] for row in letters}
    differences = []
    for subject, (said, applied) in versions.items():
        what = f"{service} has applied version {applied} of {subject}; {source} has said {said}"
        if applied > said:
            differences.append(Difference(what, "deploy/runbooks/restore.md"))
        elif (subject, applied + 1) in gone_by and subject not in shown:
            differences.append(Difference(what, "tovholder audit --mend", partial(_raise_gap, look, service, source, subject)))
    return differences


async def passed(look: Look, service: str, source: str, events: Sequence[tuple[UUID, int]]) -> set[tuple[UUID, int]]:
    """Which of these events (subject, version) a hearer's position is at or behind; the others are on their way."""
    at = {
        row["partition"]: row["position"]
        for row in await look(service, "select partition, position from position where source = $1", source)
    }
    placed = await look(
        source,
        "select f.subject, f.version, f.partition, f.position from unnest($1::uuid[], $2::bigint[]) e(subject, version)"
        " join feed f on f.subject = e.subject and f.version = e.version",
        [subject for subject, _ in events],
        [version for _, version in events],
    )
    return {(row["subject"], row["version"]) for row in placed if row["position"] <= at.get(row["partition"], 0)}


async def _raise_gap(look: Look, service: str, source: str, subject: UUID) -> None:
    """Parks the subject's last event: within half a minute the running consumer fetches what is missing before it."""
    last = await one(
        look, source, "select version, envelope from ledger where subject = $1 order by version desc limit 1", subject
    )
    await look(
        service,
        "insert into parked (source, subject, version, envelope) values ($1, $2, $3, $4) on conflict do nothing",
        source,
        subject,
        last["version"],
        last["envelope"],
    )


async def nothing_laid_aside(look: Look) -> Finding:
    """Dead letters are shown to a person until one has decided."""
    differences, number = [], 0
    for service in catalogue.names():
        number += (await one(look, service, "select count(*) as number from dead_letter"))["number"]
        rows = await some(
            look, service, "select id, source, type, reason from dead_letter where resolved_at is null order by first_at"
        )
        differences += [
            Difference(
                f"{service} could not apply {row['type']} of {row['source']}: {row['reason']}",
                f"POST /{service}/dead-letters/{row['id']}/replay",
            )
            for row in rows
        ]
    return finding("No event was laid aside", f"{number} letters", differences)


async def nothing_waits_too_long(look: Look) -> Finding:
    """What waits for earlier versions or for a subject not yet known does so for minutes, not for hours."""
    differences = []
    for service in catalogue.names():
        for table in ("parked", "kept"):
            rows = await some(
                look,
                service,
                f"select source, subject, min(version) as version from {table}"  # noqa: S608 - one of two names
                " where since < clock_timestamp() - interval '1 hour' group by source, subject"
                " order by source, subject",
            )
            differences += [
                Difference(
                    f"{service}: version {row['version']} of {row['subject']} of {row['source']} is {table} for an hour",
                    "deploy/runbooks/consumer-behind.md",
                )
                for row in rows
            ]
    return finding("Nothing waits for more than an hour to be applied", f"{len(catalogue.SERVICES)} services", differences)


async def every_partition_is_its_own(look: Look, partitions: int) -> Finding:
    """A subject's events stand in the one partition that is computed from it: a sample of each partition's ends."""
    words = []
    for service in catalogue.names():
        for row in await look(
            service,
            "select f.partition, f.subject from relay r cross join lateral (select * from feed f where f.partition = r.partition"
            " order by f.position desc limit 100) f",
        ):
            if partition_of(row["subject"], partitions) != row["partition"]:
                words.append(f"{service}: {row['subject']} stands in partition {row['partition']}")
    return found("Each subject has one partition", f"{len(catalogue.SERVICES)} feeds", sorted(set(words)))


CHECKS: Sequence[Callable[[Look], Awaitable[Finding]]] = (
    dense_versions,
    ledger_is_feed,
    nobody_is_ahead,
    what_was_passed_was_applied,
    nothing_laid_aside,
    nothing_waits_too_long,
)
