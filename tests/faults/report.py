"""A run as one HTML page with a table and a timeline, and its summary as Markdown."""

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from statistics import median

from services import catalogue
from tests.faults.checks import CHECKS, duplicates
from tests.faults.history import Operation, Struck
from tests.faults.running import Run

_WIDTH, _HEIGHT, _LEFT, _TOP = 1180, 220, 50, 120


def written(run: Run, folder: Path) -> Path:
    """`report.html`, `summary.md` and the whole history, in a folder. Returns the page."""
    folder.mkdir(parents=True, exist_ok=True)
    run.evidence.history.write(folder / "history.jsonl")
    (folder / "summary.md").write_text(summary(run))
    page = folder / "report.html"
    page.write_text(_page(run))
    return page


def keep_logs(logs: Iterable[Path], folder: Path) -> None:
    """Beside the page, of as many services as have begun one."""
    for log in logs:
        if log.exists():
            shutil.copy(log, folder / log.name)


# -- What both say -----------------------------------------------------------------------------------------------------------


def _figures(run: Run) -> list[tuple[str, str]]:
    operations = run.evidence.history.operations
    outcomes = Counter(one.type for one in operations)
    records = sum(len(rows) for rows in run.evidence.topics.values())
    twice = sum(duplicates(run.evidence, name) for name in catalogue.names())
    recoveries = [one.recovery_seconds for one in run.evidence.history.struck if one.recovery_seconds is not None]
    quiet = run.evidence.quiet_after_seconds
    size, addresses = run.size, run.evidence.addresses
    return [
        ("when", f"{run.at:%Y-%m-%d %H:%M} UTC, {run.seconds:.0f} s"),
        ("seed", str(run.seed)),
        (
            "size",
            f"{size.children} children, {size.clients} clients, {size.aim:.0f} operations/s aimed at, {run.brokers} broker(s)",
        ),
        ("operations", f"{len(operations):,}: {outcomes['ok']:,} ok, {outcomes['fail']:,} refused, {outcomes['info']:,} unknown"),
        ("reached", f"{len(operations) / max(1.0, _lasted(run)):.0f} operations/s over the whole run, faults included"),
        ("addresses of the registry asked", f"{len(addresses)} of {len(addresses) + len(run.evidence.unasked)}"),
        ("faults", str(len(run.evidence.history.struck))),
        ("events", f"{sum(len(rows) for rows in run.evidence.ledger.values()):,} in the ledgers, {records:,} records on topics"),
        ("records twice", f"{twice:,} that the product sent again ({twice / max(1, records):.2%})"),
        (
            "first change after a fault",
            f"median {median(recoveries):.2f} s, worst {max(recoveries):.2f} s" if recoveries else "–",
        ),
        ("everything heard after the last fault", "never" if quiet is None else f"{quiet:.1f} s"),
        ("looks at the chain during faults", f"{len(run.evidence.samples):,}"),
        ("complaints", str(len(run.broken))),
    ]


def _lasted(run: Run) -> float:
    times = [one.t_complete for one in run.evidence.history.operations]
    return max(times) - run.evidence.began if times else 0.0


def _within(struck: Struck, operations: Iterable[Operation]) -> list[Operation]:
    end = struck.recovered or struck.ceased
    return [one for one in operations if one.t_complete >= struck.began and one.t_invoke <= end]


def _rows(run: Run) -> list[tuple[Struck, Counter[str], dict[str, int]]]:
    """Each fault with the outcomes of the operations it met, and the complaints of its time, by check."""
    found = []
    for struck in run.evidence.history.struck:
        end = struck.recovered or struck.ceased
        complaints = {
            name: sum(one.at is not None and struck.began <= one.at <= end for one in own) for name, own in run.complaints.items()
        }
        met = Counter[str](one.type for one in _within(struck, run.evidence.history.operations))
        found.append((struck, met, complaints))
    return found


def _whole(run: Run) -> dict[str, int]:
    return {name: len(found) for name, found in run.complaints.items()}


# -- Markdown ----------------------------------------------------------------------------------------------------------------


def summary(run: Run) -> str:
    """The figures and one line per kind of fault, over all its times."""
    lines = [f"| {name} | {value} |" for name, value in _figures(run)]
    heads = ["fault", "times", "lasted s", "first change after it s", "ok / refused / unknown", *CHECKS]
    table = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    by_name: dict[tuple[str, str], list[tuple[Struck, Counter[str], dict[str, int]]]] = {}
    for row in _rows(run):
        by_name.setdefault((row[0].matter, row[0].name), []).append(row)
    for (matter, name), own in sorted(by_name.items(), key=lambda it: (int(it[0][0][1:]), it[0][1])):
        met = sum((row[1] for row in own), Counter[str]())
        cells = [
            f"{matter} {name}", str(len(own)), f"{median(one.ceased - one.began for one, _, _ in own):.1f}", _recovery(own),
            f"{met['ok']} / {met['fail']} / {met['info']}", *(_mark(sum(row[2][check] for row in own)) for check in CHECKS),
        ]  # fmt: skip
        table.append(f"| {' | '.join(cells)} |")
    whole = [_mark(number) for number in _whole(run).values()]
    table.append(f"| **the whole run** | {len(run.evidence.history.struck)} | | | | {' | '.join(whole)} |")
    return "\n".join(["| | |", "| --- | --- |", *lines, "", *table, ""])


def _recovery(own: Sequence[tuple[Struck, Counter[str], dict[str, int]]]) -> str:
    found = [one.recovery_seconds for one, _, _ in own]
    return "never" if None in found else f"{max(it for it in found if it is not None):.2f}"


def _mark(number: int) -> str:
    return "✓" if number == 0 else str(number)


# -- The page ----------------------------------------------------------------------------------------------------------------

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1240px;
padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:1rem 0}
th,td{border-bottom:1px solid #ddd;
padding:.25rem .5rem;text-align:left;vertical-align:top}
.bad{color:#a11;font-weight:600}.scroll{overflow-x:auto}svg text{font-size:11px}
"""


def _page(run: Run) -> str:
    good = "holds" if not run.broken else f"{len(run.broken)} complaints"
    figures = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in _figures(run))
    wrong = "".join(f"<li class=bad>{escape(one)}</li>" for one in run.broken[:500])
    legend = "".join(f"<li><b>{name}</b> {escape(title)}</li>" for name, (title, _) in CHECKS.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Faults, seed {run.seed}</title><style>{_STYLE}</style>"
        f"<h1>Faults: {good}</h1><table>{figures}</table>"
        f"<h2>Operations a second, and the faults</h2><div class=scroll>{_timeline(run)}</div>"
        f"<h2>Fault by fault</h2><div class=scroll>{_table(run)}</div>"
        "<p>A complaint stands with the fault in whose time it came to light; the last line counts all, also those of the whole"
        f" run.</p><h2>Checks</h2><ul>{legend}</ul><h2>Complaints</h2><ul>{wrong or '<li>none</li>'}</ul></html>"
    )


def _table(run: Run) -> str:
    heads = ["", "fault", "at s", "lasted s", "first change after it s", "ok", "refused", "unknown", *CHECKS, "note"]
    rows = []
    for struck, met, complaints in _rows(run):
        seconds = struck.recovery_seconds
        cells = [
            struck.matter, escape(struck.name), f"{struck.began - run.evidence.began:.1f}", f"{struck.ceased - struck.began:.1f}",
            "never" if seconds is None else f"{seconds:.2f}", str(met["ok"]), str(met["fail"]), str(met["info"]),
            *(_cell(number) for number in complaints.values()), escape(struck.note),
        ]  # fmt: skip
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    whole = "".join(f"<td>{_cell(number)}</td>" for number in _whole(run).values())
    rows.append(f"<tr><th></th><th colspan=7>the whole run</th>{whole}<td></td></tr>")
    return f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _cell(number: int) -> str:
    return "✓" if number == 0 else f"<span class=bad>{number}</span>"


def _timeline(run: Run) -> str:
    """Answers per second, well and refused; a band per fault, from its beginning to its end."""
    seconds = max(1.0, _lasted(run))
    began = run.evidence.began
    scale = (_WIDTH - _LEFT) / seconds
    well = Counter(int(one.t_complete - began) for one in run.evidence.history.operations if one.type == "ok")
    other = Counter(int(one.t_complete - began) for one in run.evidence.history.operations if one.type != "ok")
    most = max([1, *well.values(), *other.values()])
    parts = [f"<svg viewBox='0 0 {_WIDTH} {_TOP + _HEIGHT + 30}' width={_WIDTH} role=img aria-label='operations per second'>"]
    for number, struck in enumerate(run.evidence.history.struck):
        at = _LEFT + (struck.began - began) * scale
        wide = max(1.5, (struck.ceased - struck.began) * scale)
        text = f"{struck.matter} {escape(struck.name)}"
        parts.append(
            f"<g><title>{text}</title><rect x={at:.1f} y={_TOP} width={wide:.1f} height={_HEIGHT} fill='#c33' opacity=.16 />"
            f"<text transform='translate({at + 3:.1f} {_TOP - 4}) rotate(-55)'>{number + 1} {struck.matter}</text></g>"
        )
    parts += [_line(well, seconds, scale, most, "#157"), _line(other, seconds, scale, most, "#b60")]
    base = _TOP + _HEIGHT
    parts.append(f"<line x1={_LEFT} y1={base} x2={_WIDTH} y2={base} stroke='#888' />")
    parts.append(f"<text x=0 y={_TOP + 10}>{most}/s</text><text x=0 y={base}>0</text><text x={_LEFT} y={base + 20}>0 s</text>")
    parts.append(f"<text x={_WIDTH - 60} y={base + 20}>{seconds:.0f} s</text>")
    parts.append(f"<text x={_LEFT + 60} y={base + 20} fill='#157'>answered well</text>")
    parts.append(f"<text x={_LEFT + 170} y={base + 20} fill='#b60'>refused or unknown</text></svg>")
    return "".join(parts)


def _line(counted: Counter[int], seconds: float, scale: float, most: int, colour: str) -> str:
    points = [(_LEFT + second * scale, _TOP + _HEIGHT * (1 - counted[second] / most)) for second in range(int(seconds) + 1)]
    drawn = " ".join(f"L{x:.1f} {y:.1f}" for _, (x, y) in pairwise(points))
    return f"<path d='M{points[0][0]:.1f} {points[0][1]:.1f} {drawn}' fill=none stroke='{colour}' stroke-width=1.5 />"
