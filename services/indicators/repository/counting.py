"""Counts a quarter that has settled: one statement per counter of figures.yaml, for all municipalities at once."""

from collections import Counter as Tally
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.calendar import date_of, start_of
from services.chassis.store import Tx
from services.indicators.domain import hospital
from services.indicators.domain.definitions import Counter, Definitions, Mark
from services.indicators.domain.figures import Counted
from services.indicators.domain.periods import Quarter
from services.indicators.domain.releasing import Atom

_UNITS = (
    "select distinct on (unit) unit, code as unit_kind from fact where kind = 'unit-changed' and at < $2"
    " order by unit, at desc, version desc"
)
# A child's chain is said in the order of its versions: whoever takes the baton takes it from the one before.
_CHAINS = """
with said as (
  select f.municipality, f.child, f.kind, f.at, f.unit, f.version, f.before,
      lag(f.kind) over w as kind_before, lead(f.kind) over w as kind_after, lag(f.seat) over w as held_before
    from fact f where f.child is not null and f.at < $2
      and f.kind in ('child-registered', 'tovholder-changed', 'case-closed', 'case-reopened')
    window w as (partition by f.child order by f.version)
), children as (
  select s.child, (array_agg(s.municipality order by s.version desc))[1] as municipality,
      (array_agg(s.unit order by s.version desc) filter (where s.unit is not null))[1] as unit,
      (array_agg(s.kind order by s.version desc))[1] as last_kind, max(s.at) as last_at,
      bool_or(
        s.kind in ('child-registered', 'case-reopened') and s.kind_after is distinct from 'tovholder-changed'
        or s.kind = 'tovholder-changed' and (s.kind_before is null or s.kind_before = 'case-closed'
          or s.kind_before = 'tovholder-changed' and s.before is distinct from s.held_before)
      ) as is_broken
    from said s group by s.child
)
select municipality, unit, is_broken, count(*) as number from children
  where (last_kind <> 'case-closed' or last_at >= $1) group by 1, 2, 3
"""


async def count(tx: Tx, known: Definitions, quarter: Quarter, at: datetime) -> int:
    """Counts the quarter once; counted before, nothing happens. Returns how many rows were written."""
    begun = await tx.fetchval(
        "insert into quarter (starts_on, counted_at) values ($1, $2) on conflict do nothing returning 1", quarter.starts_on, at
    )
    if not begun:
        return 0
    written = 0
    for name, counter in known.counters.items():
        if counter.special == "chain":
            rows = await _chains(tx, quarter)
        elif counter.special == "hospital":
            rows = await _hospital(tx, quarter)
        elif counter.special is None:
            rows = await _by_facts(tx, counter, quarter)
        else:
            continue
        written += len(rows)
        await _write(tx, quarter, name, rows)
    await tx.execute("delete from reached")
    return written


Row = tuple[str, UUID | None, str | None, dict[str, str], int, dict[str, float]]


async def _write(tx: Tx, quarter: Quarter, counter: str, rows: Iterable[Row]) -> None:
    for municipality, unit, code, marks, number, amounts in rows:
        await tx.later(
            "insert into atom (municipality, quarter, counter, unit, code, marks, number, amounts)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8)",
            *(municipality, quarter.starts_on, counter, unit, code, marks, number, amounts),
        )


async def _by_facts(tx: Tx, counter: Counter, quarter: Quarter) -> list[Row]:
    asked = _Asked(quarter)
    rows = await tx.fetch(asked.statement(counter), *asked.arguments)
    found: list[Row] = []
    for row in rows:
        marks = {mark: row[f"w{place}"] for place, mark in enumerate(counter.marks)}
        amounts = {mark: float(row[f"a{place}"] or 0) for place, (mark, what) in enumerate(counter.marks.items()) if what.sums}
        found.append((row["municipality"], row["unit"], row["code"], marks, row["number"], amounts))
    return found


class _Asked:
    """A counter's statement and its arguments; every word of figures.yaml is an argument, never part of the statement."""

    def __init__(self, quarter: Quarter) -> None:
        self.arguments: list[Any] = [start_of(quarter.starts_on), start_of(quarter.settles_on), start_of(quarter.next.starts_on)]

    def _argument(self, value: Any) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def statement(self, counter: Counter) -> str:
        """From $1 until $3 it was said; until $2 what was said of it counts."""
        marks = list(counter.marks.values())
        begun = "coalesce(begun.happened, b.happened)" if counter.from_ else "b.happened"
        looks = "".join(self._look(place, mark) for place, mark in enumerate(marks))
        words = "".join(f", {self._word(place, mark)} as w{place}" for place, mark in enumerate(marks))
        amounts = "".join(f", {self._amount(place, mark, begun)} as a{place}" for place, mark in enumerate(marks) if mark.sums)
        unit = "null::uuid"
        if "unit" in counter.by:
            found_by = f"m{counter.place_of(counter.unit)}.unit" if counter.unit in counter.marks else ""
            unit = {"own": "b.unit", "holder": "coalesce(b.unit, h.unit)"}.get(counter.unit, found_by)
        code = "b.code" if "code" in counter.by else "null::text"
        grouped = ", ".join(str(place) for place in range(1, 4 + len(marks)))
        return (
            f"with units as ({_UNITS}), base as ({self._base(counter)})"
            f" select b.municipality, {unit} as unit, {code} as code{words}, count(*)::int as number{amounts} from base b"
            f"{self._from(counter)}{_HOLDER if counter.unit == 'holder' else ''}{looks} group by {grouped}"
        )

    def _base(self, counter: Counter) -> str:
        same = {"child": "f.child", "thing": "f.thing, f.code", None: ""}[counter.once]
        once, order = (f"distinct on ({same}) ", f" order by {same}, f.at desc, f.version desc") if same else ("", "")
        codes = f" and f.code = any ({self._argument(list(counter.codes))}::text[])" if counter.codes else ""
        unless = ""
        if counter.unless:
            same, said = counter.unless.same, self._argument(list(counter.unless.said))
            details = list(counter.unless.details)
            told = f" and x.detail = any ({self._argument(details)}::text[])" if details else ""
            unless = (
                f" and not exists (select from fact x where x.{same} = f.{same} and x.kind = any ({said}::text[])"
                f"{told} and x.at < $2)"
            )
        kinds = self._argument(list(counter.each))
        when = f"f.kind = any ({kinds}::text[]) and f.at >= $1 and f.at < $3"
        return f"select {once}f.* from fact f where {when}{codes}{unless}{order}"

    def _from(self, counter: Counter) -> str:
        if counter.from_ is None:
            return ""
        return (
            " left join lateral (select x.happened from fact x where x.thing = b.thing"
            f" and x.kind = {self._argument(counter.from_)}::text order by x.at, x.version limit 1) begun on true"
        )

    def _look(self, place: int, mark: Mark) -> str:
        if not mark.said:
            return ""
        wanted = [f"x.{mark.same} = b.{mark.same}", f"x.kind = any ({self._argument(list(mark.said))}::text[])", "x.at < $2"]
        if mark.later:
            wanted.append("x.at >= b.at")
        if mark.before:
            wanted.append("x.at < b.happened")
        if mark.same_unit:
            wanted.append("x.unit = b.unit")
        if mark.unless:
            kinds = self._argument(list(mark.unless))
            wanted.append(
                f"not exists (select from fact y where y.thing = x.thing and y.kind = any ({kinds}::text[]) and y.at < $2)"
            )
        which = ["true"]
        if mark.details:
            which.append(f"x.detail = any ({self._argument(list(mark.details))}::text[])")
        if mark.not_details:
            which.append(f"x.detail <> all ({self._argument(list(mark.not_details))}::text[])")
        if mark.unit_kind:
            which.append(
                f"exists (select from units u where u.unit = x.unit and u.unit_kind = {self._argument(mark.unit_kind)}::text)"
            )
        about, such = " and ".join(wanted), " and ".join(which)
        if mark.count:
            last = (
                f"select distinct on (x.kind, x.code) x.detail, x.unit from fact x where {about}"
                " order by x.kind, x.code, x.at desc, x.version desc"
            )
            return f" left join lateral (select count(*) as times from ({last}) x where {such}) m{place} on true"
        return (
            f" left join lateral (select x.kind, x.detail, x.unit, x.happened from fact x where {about} and {such}"
            f" order by x.at, x.version limit 1) m{place} on true"
        )

    def _word(self, place: int, mark: Mark) -> str:
        if mark.own:
            return f"coalesce(b.{mark.own}, 'no')"
        if mark.count:
            return f"case when m{place}.times > 0 then 'yes' else 'no' end"
        cases = "".join(
            f" when m{place}.kind = {self._argument(kind)}::text then"
            f" {f'm{place}.detail' if word == 'detail' else self._argument(word) + '::text'}"
            for kind, word in mark.said.items()
        )
        return f"coalesce(case{cases} end, 'no')"

    def _amount(self, place: int, mark: Mark, begun: str) -> str:
        if mark.count:
            return f"sum(m{place}.times)"
        return f"sum(extract(epoch from m{place}.happened - {begun}))"


_HOLDER = (
    " left join lateral (select x.unit from fact x where x.child = b.child and x.kind = 'tovholder-changed' and x.at <= b.at"
    " order by x.at desc, x.version desc limit 1) h on true"
)


async def _chains(tx: Tx, quarter: Quarter) -> list[Row]:
    rows = await tx.fetch(_CHAINS, start_of(quarter.starts_on), start_of(quarter.next.starts_on))
    return [
        (row["municipality"], row["unit"], None, {"chain": "broken" if row["is_broken"] else "unbroken"}, row["number"], {})
        for row in rows
    ]


async def broken_chains(tx: Tx, until: datetime) -> dict[str, int]:
    """By municipality: children of running cases whose chain of tovholdere has a gap, by what was said until then."""
    rows = await tx.fetch(_CHAINS, until, until)
    found: dict[str, int] = {}
    for row in rows:
        found[row["municipality"]] = found.get(row["municipality"], 0) + (row["number"] if row["is_broken"] else 0)
    return found


async def _hospital(tx: Tx, quarter: Quarter) -> list[Row]:
    """Stays by the message that told of their beginning; what was said until the quarter had settled may have undone them."""
    rows = await tx.fetch(
        "select f.municipality, f.child, f.happened, f.at, f.code, f.detail from fact f"
        " where f.kind = 'hospital-told' and f.at < $3"
        " and f.child in (select child from fact where kind = 'hospital-told' and at >= $1 and at < $2) order by f.child",
        *(start_of(quarter.starts_on), start_of(quarter.next.starts_on), start_of(quarter.settles_on)),
    )
    told: dict[tuple[str, bytes], list[hospital.Told]] = {}
    for row in rows:
        told.setdefault((row["municipality"], row["child"]), []).append(
            hospital.Told(row["happened"], row["at"], row["code"], row["detail"])
        )
    number: Tally[tuple[str, str]] = Tally()
    for (municipality, _), messages in told.items():
        for stay in hospital.stays(messages):
            if Quarter.of(date_of(stay.said_at)) == quarter:
                number[(municipality, "yes" if stay.again else "no")] += 1
    return [(municipality, None, None, {"again": again}, times, {}) for (municipality, again), times in sorted(number.items())]


async def counted(tx: Tx, known: Definitions, municipality: str, year: int) -> list[Counted]:
    """All that was counted of one municipality in a year, the survey's answers of quarters that are counted among it."""
    rows = await tx.fetch(
        "select quarter, counter, unit, code, marks, number, amounts from atom"
        " where municipality = $1 and extract(year from quarter) = $2::int"
        " union all select s.quarter, 'survey', s.unit, s.question, jsonb_build_object('score', s.score::text), s.number,"
        "   jsonb_build_object('score', s.score * s.number) from survey_sum s"
        "   join quarter q on q.starts_on = s.quarter and q.counted_at is not null"
        " where s.municipality = $1 and extract(year from s.quarter) = $2::int order by 1, 2, 3, 4, 5",
        municipality,
        year,
    )
    return [_counted(known.counters[row["counter"]], row) for row in rows if row["counter"] in known.counters]


def _counted(counter: Counter, row: asyncpg.Record) -> Counted:
    day: date = row["quarter"]
    words = tuple(str(row["marks"].get(mark, "no")) for mark in counter.marks)
    amounts = tuple(float(row["amounts"].get(mark, 0)) for mark in counter.marks)
    unit = str(row["unit"]) if row["unit"] else ("" if "unit" not in counter.by else "none")
    code = (row["code"] or "none") if "code" in counter.by else ""
    return Counted(row["counter"], Atom(str(Quarter(day)), unit, code, words), row["number"], amounts)
