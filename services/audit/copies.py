"""What other services keep of the registry is what the registry says: who is tovholder of each child."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.audit.findings import NAMED, Difference, Finding, Look, Side, differing, digests, finding
from services.audit.trail import passed

_HOLDERS = """
select distinct on (a.child_id) a.child_id::text as key, concat_ws(' ', a.professional, a.unit) as value,
    concat_ws(' ', c.status, coalesce((select max(l.version) from ledger l
      where l.subject = a.child_id and l.type = 'dk.tovholder.registry.tovholder_changed.v1'), 0)) as note
  from assignment a join child c on c.id = a.child_id order by a.child_id, a.started_at desc
"""
_KEPT = "select {child}::text as key, concat_ws(' ', {professional}, {unit}) as value, null as note from {table} where {holds}"
# Who keeps a copy, and where.
_COPIES = {
    "sundhedspleje": _KEPT.format(
        child="child", professional="holder", unit="holder_unit", table="child_case", holds="holder is not null"
    ),
    "daycare": _KEPT.format(child="id", professional="holder", unit="holder_unit", table="child", holds="holder is not null"),
    "notifications": _KEPT.format(
        child="child", professional="holder", unit="holder_unit", table="child_case", holds="holder is not null"
    ),
    "persons": _KEPT.format(child="child", professional="professional", unit="unit", table="standing", holds="role = 'holder'"),
}


async def copies_equal_the_registry(look: Look) -> Finding:
    """Of every child with a tovholder. A closed child's may be kept or not; what has not been heard yet is on its way."""
    said = Side("registry", _HOLDERS)
    known = await digests(look, said)
    differences: list[Difference] = []
    for service, query in _COPIES.items():
        async for page in differing(look, said, Side(service, query), known):
            differences += await _others(look, service, page)
            if len(differences) > NAMED:
                break
    children = sum(number for number, _ in known.values())
    return finding(
        "Each service's copy names the registry's tovholder", f"{children} children, {len(_COPIES)} copies", differences
    )


async def _others(look: Look, service: str, page: Sequence[tuple[str, Any, Any]]) -> list[Difference]:
    notes = {child: spoken["note"].split(" ") for child, spoken, _ in page if spoken}
    running = {child: (UUID(child), int(version)) for child, (status, version) in notes.items() if status != "closed"}
    heard = await passed(look, service, "registry", list(running.values()))
    return [
        Difference(f"{service} names {'nobody' if kept is None else 'another'} as tovholder of child {child}")
        for child, _, kept in page
        if running.get(child) in heard
    ] + [
        Difference(f"{service} names a tovholder of {child}, whom the registry does not know")
        for child, spoken, _ in page
        if spoken is None
    ]


CHECKS = (copies_equal_the_registry,)
