"""One measured figure, its raw limit, and how figures are kept and shown."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

# Of the size a measurement is made with; 1 is the whole.
SHARE = 1.0


def part_of(number: int) -> int:
    """So many, or the part of them that a trial takes."""
    return max(1, round(number * SHARE))


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `raw_limit` is the same without our code, measured in the same run; `aim` as written in the issue."""

    name: str
    value: float
    unit: str
    raw_limit: float | None = None
    aim: str = ""


def median(name: str, values: Sequence[float], unit: str, raw_limit: float | None = None, aim: str = "") -> Figure:
    return Figure(name, statistics.median(values), unit, raw_limit, aim)


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Figures of this run over those of the same name before."""
    before = {found["name"]: found for found in json.loads(path.read_text())} if path.exists() else {}
    now = {
        figure.name: {"name": figure.name, "value": round(figure.value, 2), "unit": figure.unit, "raw_limit": figure.raw_limit}
        for figure in figures
    }
    path.write_text(json.dumps(list({**before, **now}.values()), indent=1) + "\n")


def show(figures: Sequence[Figure], out: Console) -> None:
    table = Table("figure", "value", "unit", "aim", "raw limit", "share of it")
    for figure in figures:
        share = f"{figure.value / figure.raw_limit:.0%}" if figure.raw_limit and figure.unit.endswith("/s") else ""
        raw = f"{figure.raw_limit:,.0f}" if figure.raw_limit else ""
        table.add_row(figure.name, f"{figure.value:,.1f}", figure.unit, figure.aim, raw, share)
    out.print(table)
