"""Who is concerned with a child: kept as it is heard, and remembered while a transaction lasts, so that a batch asks once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from services.chassis.store import Tx
from services.events.directory import AbsenceRegistered, UnitChanged
from services.events.envelope import Seat
from services.events.registry import TovholderChanged
from services.notifications.domain import Known, Next


@dataclass
class Case:
    """A child as it is known here. `is_plain`: neither closed nor merged into another; of one that is not, SQL must be asked."""

    holder: Seat | None = None
    version: int = 0
    is_plain: bool = True
    supporters: set[UUID] = field(default_factory=set)
    # As it was before this transaction wrote anything of it.
    next: Next | None = None


@dataclass
class _Remembered:
    """What this transaction has read, kept as true as what it has written since."""

    cases: dict[UUID, Case] = field(default_factory=dict)
    nexts: dict[UUID, Next | None] = field(default_factory=dict)
    units: dict[UUID, tuple[tuple[UUID, ...], bool] | None] = field(default_factory=dict)
    deputies: dict[tuple[UUID, date], UUID | None] = field(default_factory=dict)


def _remembered(tx: Tx) -> _Remembered:
    found: _Remembered = tx.remembered(_Remembered)
    return found


# -- What is heard ----------------------------------------------------------------------------------------------------------


async def keep_unit(tx: Tx, unit: UnitChanged) -> None:
    _remembered(tx).units.pop(unit.unit, None)
    await tx.later(
        """
        insert into unit (id, municipality, district, leaders, kind, private) values ($1, $2, $3, $4, $5, $6)
        on conflict (id) do update set municipality = excluded.municipality, district = excluded.district,
          leaders = excluded.leaders, kind = excluded.kind, private = excluded.private
        """,
        *(unit.unit, unit.municipality, unit.district, unit.leaders, unit.kind, unit.private),
    )


async def keep_absence(tx: Tx, absence: AbsenceRegistered) -> None:
    _remembered(tx).deputies.clear()
    await tx.later(
        """
        insert into absence (id, professional, municipality, from_on, until_on, deputy) values ($1, $2, $3, $4, $5, $6)
        on conflict (id) do update set from_on = excluded.from_on, until_on = excluded.until_on, deputy = excluded.deputy
        """,
        *(absence.absence, absence.professional, absence.municipality, absence.from_on, absence.until_on),
        absence.deputy.professional if absence.deputy else None,
    )


async def end_absence(tx: Tx, absence: UUID, ended_on: date) -> None:
    """`ended_on` is the first day back."""
    _remembered(tx).deputies.clear()
    await tx.later("update absence set until_on = $2::date - 1 where id = $1", absence, ended_on)


async def keep_supporter(tx: Tx, child: UUID, supporter: Seat) -> None:
    await tx.later(
        "insert into supporter (child, professional, unit) values ($1, $2, $3) on conflict do nothing",
        *(child, supporter.professional, supporter.unit),
    )
    if case := _remembered(tx).cases.get(child):
        case.supporters.add(supporter.professional)


async def drop_supporter(tx: Tx, child: UUID, supporter: Seat) -> None:
    await tx.later(
        "delete from supporter where child = $1 and professional = $2 and unit = $3",
        *(child, supporter.professional, supporter.unit),
    )
    # They may stand by the child in another unit too.
    _remembered(tx).cases.pop(child, None)


async def keep_tovholder(tx: Tx, changed: TovholderChanged, version: int) -> None:
    """The newest version wins, in whatever order they are applied."""
    await tx.later(
        """
        insert into child_case as c (child, municipality, holder, holder_unit, version) values ($1, $2, $3, $4, $5)
        on conflict (child) do update set municipality = excluded.municipality, holder = excluded.holder,
          holder_unit = excluded.holder_unit, version = excluded.version, closed = false where c.version < excluded.version
        """,
        *(changed.child, changed.municipality, changed.tovholder.professional, changed.tovholder.unit, version),
    )
    case = _remembered(tx).cases.get(changed.child)
    if case and case.is_plain and case.version < version:
        case.holder, case.version = changed.tovholder, version
    else:
        _remembered(tx).cases.pop(changed.child, None)


# One statement for a question and its end, so that a batch writes all of them in one go and in order.
_NEXT = """
insert into next_tovholder as n (child, municipality, handover, professional, unit, agreed, open)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (child) do update set municipality = excluded.municipality, handover = excluded.handover,
  professional = excluded.professional, unit = excluded.unit, agreed = excluded.agreed, open = excluded.open
  where excluded.open or n.handover = excluded.handover
"""


def keep_next(tx: Tx, child: UUID, municipality: str, found: Next, is_open: bool) -> None:
    """A child has one open question at most; the end of an earlier one changes nothing."""
    tx.last(_NEXT, child, municipality, found.handover, found.seat.professional, found.seat.unit, found.agreed, is_open)
    nexts = _remembered(tx).nexts
    before = nexts.get(child)
    if is_open or before is None or before.handover == found.handover:
        nexts[child] = found if is_open else None


async def close_case(tx: Tx, child: UUID, version: int) -> None:
    """Until somebody is tovholder again."""
    _remembered(tx).cases.pop(child, None)
    await tx.execute("update child_case set closed = true, version = $2 where child = $1 and version < $2", child, version)


async def link_case(tx: Tx, child: UUID, merged_into: UUID | None) -> None:
    """Also what was merged into the child before goes to its survivor."""
    _remembered(tx).cases.clear()
    await tx.execute(
        "update child_case set merged_into = $2 where child = $1 or (merged_into = $1 and $2::uuid is not null)",
        child,
        merged_into,
    )


# -- What is known ----------------------------------------------------------------------------------------------------------


async def foresee(tx: Tx, children: Iterable[UUID]) -> None:
    """Reads in one go what a batch is about to ask, child by child."""
    cases = _remembered(tx).cases
    missing = [child for child in children if child not in cases]
    if not missing:
        return
    rows = await tx.fetch(
        """
        select s.child, c.holder, c.holder_unit, c.version, not c.closed and c.merged_into is null as is_plain,
          array(select professional from supporter where child = s.child) as supporters,
          n.handover, n.professional as next, n.unit as next_unit, n.agreed
        from unnest($1::uuid[]) s(child) left join child_case c on c.child = s.child
          left join next_tovholder n on n.child = s.child and n.open
        """,
        missing,
    )
    for row in rows:
        holder = Seat(professional=row["holder"], unit=row["holder_unit"]) if row["holder"] else None
        asked = Seat(professional=row["next"], unit=row["next_unit"]) if row["next"] else None
        next_ = Next(row["handover"], asked, row["agreed"]) if asked else None
        cases[row["child"]] = Case(holder, row["version"] or 0, row["is_plain"] is not False, set(row["supporters"]), next_)


async def known_of(
    tx: Tx,
    child: UUID,
    units: Iterable[UUID],
    professionals: Iterable[UUID],
    on: date,
    seats_in: Iterable[UUID] = (),
    holder_s_deputy: bool = False,
) -> Known:
    """What telling about a child needs. `seats_in`: further units of which it is asked whether they are private.

    `holder_s_deputy`: it is asked for the tovholder's as well as for those of `professionals`.

    `holder` is None for a child not known here; a unit not known is not among `leaders`.
    """
    await foresee(tx, [child])
    case = _remembered(tx).cases[child]
    holder = case.holder if case.is_plain else await _holder_in_their_place(tx, child)
    next_ = _remembered(tx).nexts.get(child, case.next)
    asked, beside = set(units), {*seats_in, *([next_.seat.unit] if next_ else [])}
    known = await _units(tx, asked | beside)
    absent = {*professionals, *([holder.professional] if holder and holder_s_deputy else [])}
    return Known(
        holder=holder,
        next=next_,
        supporters=tuple(sorted(case.supporters)),
        leaders={unit: found[0] for unit in asked if (found := known[unit])},
        deputies=await _deputies(tx, absent, on),
        private_units=frozenset(unit for unit, found in known.items() if found and found[1]),
    )


async def _holder_in_their_place(tx: Tx, child: UUID) -> Seat | None:
    """Of a merged child the survivor's tovholder, of a closed case the intake lead."""
    row: Any = await tx.fetchrow(
        """
        select case when c.closed then coalesce(i.lead, c.holder) else c.holder end as holder,
          case when c.closed then coalesce(i.unit, c.holder_unit) else c.holder_unit end as holder_unit
        from child_case own join child_case c on c.child = coalesce(own.merged_into, own.child)
          left join lateral (select lead, unit from intake where municipality = c.municipality
            order by (district is null) desc, unit limit 1) i on c.closed
        where own.child = $1
        """,
        child,
    )
    return Seat(professional=row["holder"], unit=row["holder_unit"]) if row and row["holder"] else None


async def _units(tx: Tx, units: set[UUID]) -> dict[UUID, tuple[tuple[UUID, ...], bool] | None]:
    """Unit → its leaders and whether it is private; None for one not known."""
    remembered = _remembered(tx).units
    if missing := [unit for unit in units if unit not in remembered]:
        rows: Sequence[Any] = await tx.fetch("select id, leaders, private from unit where id = any ($1)", missing)
        remembered.update(dict.fromkeys(missing))
        remembered.update({row["id"]: (tuple(row["leaders"]), row["private"]) for row in rows})
    return {unit: remembered[unit] for unit in units}


async def _deputies(tx: Tx, professionals: set[UUID], on: date) -> dict[UUID, UUID]:
    """Of those who are absent that day, who answers for them."""
    remembered = _remembered(tx).deputies
    if missing := [one for one in professionals if (one, on) not in remembered]:
        rows: Sequence[Any] = await tx.fetch(
            """
            select professional, deputy from absence where professional = any ($1) and deputy is not null
              and $2::date between from_on and coalesce(until_on, 'infinity')
            """,
            *(missing, on),
        )
        remembered.update(dict.fromkeys((one, on) for one in missing))
        remembered.update({(row["professional"], on): row["deputy"] for row in rows})
    return {one: deputy for one in professionals if (deputy := remembered[(one, on)])}
