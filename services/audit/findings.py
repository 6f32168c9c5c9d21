"""What an audit finds, and how two large sets of rows are compared without holding either."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

# So many differences of one check are named; then it looks no further. Nobody reads more, and what is held stays small.
NAMED = 1000
_BUCKETS = 1024
_BUCKETS_AT_ONCE = 64
RUNBOOK = "deploy/runbooks/audit.md"


class Look(Protocol):
    """Rows of a query in a service's own tables, as its machine role."""

    async def __call__(self, service: str, query: str, *arguments: object) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Difference:
    """What is not as it must be, in words without a name, and the command or page that mends it.

    `by_itself`: mends it where that is safe beside everything that runs; None where a person must decide.
    """

    what: str
    mend: str = RUNBOOK
    by_itself: Callable[[], Awaitable[None]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Finding:
    """One invariant: how much was looked at, and what breaks it."""

    name: str
    looked_at: str
    differences: Sequence[Difference] = ()
    more: bool = False

    @property
    def broken(self) -> list[str]:
        """What breaks it, in words."""
        return [difference.what for difference in self.differences] + (["and more"] if self.more else [])

    def row(self) -> tuple[str, str, str]:
        return self.name, self.looked_at, "[red]broken[/red]" if self.broken else "[green]holds[/green]"

    def still(self, again: "Finding") -> "Finding":
        """What stands in both looks: what was on its way at the first has arrived, or has changed, at the second."""
        both = set(self.differences) & set(again.differences)
        more = bool(both) and self.more and again.more
        return Finding(again.name, again.looked_at, [one for one in again.differences if one in both], more)


def found(name: str, looked_at: str, words: Sequence[str], mend: str = RUNBOOK) -> Finding:
    """A finding whose differences a person must mend."""
    return finding(name, looked_at, [Difference(what, mend) for what in words])


def finding(name: str, looked_at: str, differences: Sequence[Difference]) -> Finding:
    """A finding that names the first differences and says whether there are more."""
    return Finding(name, looked_at, differences[:NAMED], len(differences) > NAMED)


@dataclass(frozen=True)
class Side:
    """One of two sets that must be equal. `query` gives `key`, `value` and `note`, texts all; a note is not compared."""

    service: str
    query: str
    arguments: tuple[object, ...] = ()


Digests = dict[int, tuple[int, int]]


async def digests(look: Look, side: Side) -> Digests:
    """Number and sum of hashes per bucket: a thousand numbers for any number of rows."""
    rows = await look(
        side.service,
        f"select (hashtextextended(key, 0) & {_BUCKETS - 1})::int as bucket, count(*) as number,"  # noqa: S608 - our own text
        f" sum(hashtextextended(key || ' ' || value, 1)::numeric) as digest from ({side.query}) x group by 1",
        *side.arguments,
    )
    return {row["bucket"]: (row["number"], int(row["digest"])) for row in rows}


async def differing(
    look: Look, one: Side, other: Side, known: Digests | None = None
) -> AsyncIterator[list[tuple[str, Any | None, Any | None]]]:
    """Pages of keys whose value differs, or that one side lacks, with both rows. `known`: the digests of `one`, if there already.

    Only buckets that differ are read, some at a time: what is held is a fraction of the sets, however much differs.
    """
    mine, theirs = known if known is not None else await digests(look, one), await digests(look, other)
    buckets = sorted(bucket for bucket in mine.keys() | theirs.keys() if mine.get(bucket) != theirs.get(bucket))
    for start in range(0, len(buckets), _BUCKETS_AT_ONCE):
        chosen = buckets[start : start + _BUCKETS_AT_ONCE]
        left, right = await _rows(look, one, chosen), await _rows(look, other, chosen)
        pairs = [(key, left.get(key), right.get(key)) for key in sorted(left.keys() | right.keys())]
        yield [
            (key, first, second)
            for key, first, second in pairs
            if first is None or second is None or first["value"] != second["value"]
        ]


async def _rows(look: Look, side: Side, buckets: Sequence[int]) -> dict[str, Any]:
    rows = await look(
        side.service,
        f"select * from ({side.query}) x where (hashtextextended(key, 0) & {_BUCKETS - 1})::int"  # noqa: S608 - our own text
        f" = any (${len(side.arguments) + 1})",
        *side.arguments,
        list(buckets),
    )
    return {row["key"]: row for row in rows}


async def some(look: Look, service: str, query: str, *arguments: object) -> Sequence[Any]:
    """As many rows of a query for what is wrong as are named, and one more."""
    return await look(service, f"{query} limit {NAMED + 1}", *arguments)


async def one(look: Look, service: str, query: str, *arguments: object) -> Any:
    """The only row of a query."""
    (row,) = await look(service, query, *arguments)
    return row
