"""I9: every event's audience was computed, and every delivery is accounted for."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services import catalogue
from services.audit.findings import NAMED, Difference, Finding, Look, Side, differing, finding, found, one, some
from services.audit.trail import passed
from services.notifications.domain import audiences

_UNDELIVERED = "deploy/runbooks/notices-undelivered.md"
# Facts told under another name than their event's: the free-text message that a person must place; an end that is told without
# a letter to the family.
_TO_PLACE = "message_to_place"
_ALSO_TOLD_AS = {"case_closed": "case_closed_quietly"}


async def everyone_told(look: Look) -> Finding:
    """Each fact of which somebody is to be told has its notice, and each notice its deliveries."""
    differences: list[Difference] = []
    facts = 0
    for service in catalogue.SERVICES:
        kinds = [kind for kind in sorted(audiences()) if kind in _kinds_of(service.name)]
        if not kinds:
            continue
        types = [f"dk.tovholder.{service.name}.{kind}.v1" for kind in kinds if kind != _TO_PLACE]
        said = Side(
            service.name,
            "select envelope->>'id' as key, '' as value, concat_ws(' ', type, subject, version) as note from ledger"
            " where type = any ($1)"
            " or type = 'dk.tovholder.midwife.notification_received.v1' and envelope->'data'->>'state' = 'to-place'",
            (types,),
        )
        told_as = [*kinds, *(_ALSO_TOLD_AS[kind] for kind in kinds if kind in _ALSO_TOLD_AS)]
        notices = Side(
            "notifications",
            "select distinct event as key, '' as value, kind as note from notice where kind = any ($1)",
            (told_as,),
        )
        facts += (await one(look, service.name, f"select count(*) as number from ({said.query}) x", types))["number"]  # noqa: S608
        async for page in differing(look, said, notices):
            differences += await _untold(look, service.name, page)
            if len(differences) > NAMED:
                break
    rows = await some(
        look,
        "notifications",
        "select id, kind from notice n where not exists (select from delivery d where d.notice = n.id) order by id",
    )
    differences += [Difference(f"notice {row['id']} of {row['kind']} went to nobody", _UNDELIVERED) for row in rows]
    return finding("I9  everyone concerned was told", f"{facts} facts", differences)


async def _untold(look: Look, source: str, page: Sequence[tuple[str, Any, Any]]) -> list[Difference]:
    facts = {event: tuple(fact["note"].split(" ")) for event, fact, _ in page if fact}
    heard = await passed(look, "notifications", source, [(UUID(subject), int(version)) for _, subject, version in facts.values()])
    return [
        Difference(f"nobody was told of {kind} {event}", "deploy/runbooks/dead-letters.md")
        for event, (kind, subject, version) in facts.items()
        if (UUID(subject), int(version)) in heard
    ] + [Difference(f"a notice of {notice['note']} {event}, which nobody said") for event, fact, notice in page if fact is None]


def _kinds_of(source: str) -> set[str]:
    (service,) = (one for one in catalogue.SERVICES if one.name == source)
    return {event.type.split(".")[3] for event in service.says} | ({_TO_PLACE} if source == "midwife" else set())


async def every_delivery_accounted_for(look: Look) -> Finding:
    """Delivered, seen, told, stopped by the family's wish, passed on; queued and not long due; or failed and shown to someone."""
    rows = await some(
        look,
        "notifications",
        "select id, state, reason, shown_to from delivery where (state = 'failed' and (reason is null or shown_to is null))"
        " or (state = 'queued' and next_try_at < chassis.now() - interval '1 hour') order by id",
    )
    counted = await look("notifications", "select state, count(*) as number from delivery group by state order by state")
    words = [
        f"delivery {row['id']} is {row['state']} {'and shown to nobody' if row['state'] == 'failed' else 'and long due'}"
        for row in rows
    ]
    return found(
        "I9  every delivery is accounted for",
        ", ".join(f"{row['number']} {row['state']}" for row in counted),
        words,
        _UNDELIVERED,
    )


CHECKS = (everyone_told, every_delivery_accounted_for)
