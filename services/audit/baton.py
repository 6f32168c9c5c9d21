"""I1–I3 and I5: one tovholder per child, whole chains, one open handover at most, and the baton moved only as it may."""

from services.audit.findings import Finding, Look, found, one, some

_WITHOUT = "deploy/runbooks/child-without-tovholder.md"


async def one_tovholder(look: Look) -> Finding:
    """I1."""
    rows = await some(
        look,
        "registry",
        "select c.id, count(a.*) as open, count(s.*) as on_open_seat from child c"
        " left join assignment a on a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity'"
        " left join seat s on s.professional = a.professional and s.unit = a.unit and s.open group by c.id, c.status"
        " having count(a.*) <> (c.status <> 'closed')::int or count(s.*) <> (c.status <> 'closed')::int"
        " order by c.id",
    )
    number = (await one(look, "registry", "select count(*) as number from child"))["number"]
    words = [f"child {row['id']}: {row['open']} open links, {row['on_open_seat']} on an open seat" for row in rows]
    return found("I1  one tovholder per child, on an open seat", f"{number} children", words, _WITHOUT)


async def no_gap(look: Look) -> Finding:
    """I2: each link begins where the one before ended, and they are numbered without a hole."""
    rows = await some(
        look,
        "registry",
        "select child_id, seq from (select child_id, seq, started_at, finished_at, lag(finished_at) over chain as before,"
        "   row_number() over chain as number"
        " from assignment window chain as (partition by child_id, episode order by started_at)) links"
        " where not coalesce(seq = number and (number = 1 or before = started_at) and started_at < finished_at, false)"
        " order by child_id, seq",
    )
    number = (await one(look, "registry", "select count(*) as number from assignment"))["number"]
    words = [f"link {row['seq']} of child {row['child_id']}" for row in rows]
    return found("I2  the chain has no gap and no overlap", f"{number} links", words, _WITHOUT)


async def one_open_handover(look: Look) -> Finding:
    """I3."""
    rows = await some(
        look,
        "registry",
        "select child_id, count(*) as open from handover where state in ('proposed', 'scheduled')"
        " group by child_id having count(*) > 1 order by child_id",
    )
    number = (await one(look, "registry", "select count(*) as number from handover"))["number"]
    words = [f"child {row['child_id']} has {row['open']}" for row in rows]
    return found("I3  at most one open handover per child", f"{number} handovers", words)


async def only_rightful_changes(look: Look) -> Finding:
    """I5: acceptance by the named receiver, at once or on its date; registration; stand-in; override with a reason."""
    rows = await some(
        look,
        "registry",
        "select a.child_id, a.seq, a.why from assignment a left join handover h on h.id = a.handover and h.child_id = a.child_id"
        " where not coalesce(case"
        "   when a.why in ('acceptance', 'effect') then h.state = 'effected' and h.accepted_by = a.professional"
        "     and h.receiver = a.professional and h.receiver_unit = a.unit"
        "   when a.why in ('registration', 'sibling') then a.seq = 1"
        "   when a.why = 'override' then a.reason is not null and a.by is not null"
        "   when a.why = 'stand-in' then a.seq > 1"
        "   else a.why in ('merge', 'reopening') end, false) order by a.child_id, a.seq",
    )
    counted = await one(
        look,
        "registry",
        "select (select count(*) from assignment) as made,"
        " (select count(*) from ledger where type = 'dk.tovholder.registry.tovholder_changed.v1') as told",
    )
    words = [f"link {row['seq']} of child {row['child_id']} ({row['why']})" for row in rows]
    if counted["told"] != counted["made"]:
        words.append(f"{counted['told']} changes were told of, {counted['made']} made")
    return found("I5  the baton moved only as it may", f"{counted['made']} changes", words)


CHECKS = (one_tovholder, no_gap, one_open_handover, only_rightful_changes)
