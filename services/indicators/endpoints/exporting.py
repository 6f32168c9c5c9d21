"""Figures as people take them along: JSON, CSV and a spreadsheet, each number beside its definition."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson
import xlsxwriter
from fastapi import Response

from services.indicators.domain.definitions import Definitions
from services.indicators.domain.figures import Line
from services.indicators.domain.periods import SETTLES_DAYS
from services.indicators.domain.releasing import LIMIT
from services.indicators.schemas import DefinitionOut, DefinitionsOut, FigureOut, FiguresOut, LineOut

RULES = [
    (
        "A fact counts in the quarter in which it was said; what was said of it afterwards counts until"
        f" {SETTLES_DAYS} days after the quarter's end. Then the quarter is counted, once, and never changes."
    ),
    (
        f"A number from 1 to {LIMIT - 1} is not told, nor one from which such a number follows by adding or subtracting"
        " what is told for other units, codes, quarters or the year."
    ),
    "Numbers are of what the definition counts; a line that is not there is 0.",
]
_HEADINGS = ("figure", "title", "period", "unit", "code", "word", "value", "number", "of", "told", "counts", "events", "formula")
_HIDDEN = f"<{LIMIT}"


def definitions_out(known: Definitions) -> DefinitionsOut:
    return DefinitionsOut(figures=list(_definitions(known)), rules=RULES)


def _definitions(known: Definitions) -> Iterator[DefinitionOut]:
    for name, figure in known.figures.items():
        yield DefinitionOut(
            figure=name,
            title=figure.title,
            title_da=figure.title_da,
            counts=figure.counts,
            counts_da=figure.counts_da,
            events=list(figure.events),
            formula=figure.formula,
            kind=figure.as_,
            unit=figure.unit if figure.as_ == "mean" else None,
        )


def figures_out(known: Definitions, chosen: Sequence[Line], municipality: str, period: str, since: datetime | None) -> FiguresOut:
    """Every figure, those without a number too."""
    by_figure: dict[str, list[LineOut]] = {}
    for line in chosen:
        by_figure.setdefault(line.figure, []).append(
            LineOut(
                period=line.period,
                unit=line.unit or None,
                code=line.code or None,
                word=line.word or None,
                value=line.value,
                number=line.number,
                of=line.of,
                told=line.is_told,
            )
        )
    return FiguresOut(
        municipality=municipality,
        period=period,
        since=since,
        figures=[FigureOut(**one.model_dump(), lines=by_figure.get(one.figure, [])) for one in _definitions(known)],
    )


def as_json(found: FiguresOut) -> Response:
    body = {**found.model_dump(mode="json"), "rules": RULES}
    return _file(orjson.dumps(body, option=orjson.OPT_INDENT_2), "application/json", found, "json")


def as_csv(found: FiguresOut) -> Response:
    """UTF-8 with a mark at its beginning, so that spreadsheets read Danish letters."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    writer.writerows(_rows(found))
    return _file(b"\xef\xbb\xbf" + text.getvalue().encode(), "text/csv; charset=utf-8", found, "csv")


def as_xlsx(found: FiguresOut) -> Response:
    """Two sheets: the numbers, and what they mean."""
    content = io.BytesIO()
    # Nothing that a code may look like becomes a formula or a link.
    with xlsxwriter.Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    ) as book:
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        numbers, meaning = book.add_worksheet("Figures"), book.add_worksheet("Definitions")
        numbers.write_row(0, 0, _HEADINGS, bold)
        for place, row in enumerate(_rows(found), 1):
            numbers.write_row(place, 0, row)
        numbers.freeze_panes(1, 0)
        numbers.set_column(0, len(_HEADINGS) - 1, 18)
        meaning.write_row(0, 0, ("figure", "title", "counts", "events", "formula"), bold)
        for place, figure in enumerate(found.figures, 1):
            meaning.write_row(
                place, 0, (figure.figure, figure.title, figure.counts, ", ".join(figure.events), figure.formula), wrapped
            )
        for place, rule in enumerate(RULES, len(found.figures) + 2):
            meaning.write_string(place, 0, rule)
        meaning.set_column(0, 4, 40)
    return _file(content.getvalue(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", found, "xlsx")


def _rows(found: FiguresOut) -> Iterator[tuple[str | float | int, ...]]:
    for figure in found.figures:
        for line in figure.lines:
            yield (
                *(figure.figure, figure.title, line.period, line.unit or "all", line.code or "", line.word or ""),
                *(_number(line.value), _number(line.number), "" if line.of is None and line.told else _number(line.of)),
                "yes" if line.told else "no",
                *(figure.counts, ", ".join(figure.events), figure.formula),
            )


def _number(value: float | None) -> str | float:
    return _HIDDEN if value is None else value


def _file(content: bytes, kind: str, found: FiguresOut, form: str) -> Response:
    name = f"tovholder-{found.municipality}-{found.period}.{form}"
    return Response(content, 200, {"content-disposition": f'attachment; filename="{name}"'}, kind)
