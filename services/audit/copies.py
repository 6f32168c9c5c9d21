"""What other services keep of the registry is what the registry says: who is tovholder of each child."""

from uuid import UUID

from services.audit.findings import Difference, Finding, Look, Side, differing, digests, finding
from services.audit.trail import has_passed

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
    differences = []
    for service, query in _COPIES.items():
        async for child, spoken, kept in differing(look, said, Side(service, query), known):
            if spoken is None:
                differences.append(Difference(f"{service} names a tovholder of {child}, whom the registry does not know"))
                continue
            status, version = spoken["note"].split(" ")
            if status == "closed" or not await has_passed(look, service, "registry", UUID(child), int(version)):
                continue
            what = "names nobody as tovholder" if kept is None else "names another tovholder"
            differences.append(Difference(f"{service} {what} of child {child}"))
    children = sum(number for number, _ in known.values())
    return finding(
        "Each service's copy names the registry's tovholder", f"{children} children, {len(_COPIES)} copies", differences
    )


CHECKS = (copies_equal_the_registry,)
