"""Figures for evaluation: charts drawn here, each with its table and its definition, and the same as files."""

import asyncio
import re
from typing import Any

from babel.numbers import format_decimal, format_percent
from fastapi import APIRouter, Response

from services.chassis.errors import NotAllowed, NotFound
from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.domain import charts
from services.portal.endpoints.visiting import PageRoute, Visit, Visiting

router = APIRouter(prefix="/tal", route_class=PageRoute)
_PERIOD = re.compile(r"20[0-9]{2}(-Q[1-4])?")
_FORMS = ("csv", "json", "xlsx")


@router.get("")
async def figures(visit: Visiting, periode: str = "", enhed: str = "") -> Response:
    """The newest quarter that has been counted, unless another is asked for."""
    if not visit.leads:
        raise NotAllowed
    known, units = await asyncio.gather(
        visit.apis.get("indicators", "/indicators/periods"),
        visit.apis.get("directory", "/directory/units", municipality=visit.apis.municipality),
    )
    periods = [*known["quarters"], *known["years"]]
    period = periode if periode in periods else next(iter(periods), None)
    unit, names = as_uuid(enhed), {it["id"]: it["name"] for it in units["units"]}
    if period:
        found = await visit.apis.get("indicators", "/indicators/figures", period=period, unit=unit)
    else:
        found = await visit.apis.get("indicators", "/indicators/definitions")
    shown = [_shown(visit, it, names) for it in found["figures"]]
    parts = [(part, [it for it in shown if it["part"] == part and it["chart"]]) for part, _ in charts.PARTS]
    return visit.page(
        "figures.html", period=period, periods=periods, unit=str(unit or ""), units=sorted(names.items(), key=lambda it: it[1]),
        parts=[(part, those) for part, those in parts if those], silent=[it for it in shown if not it["chart"]],
        since=found.get("since"),
    )  # fmt: skip


def _shown(visit: Visit, figure: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    words, danish, lines = pages.words(visit.language), visit.language == "da", figure.get("lines", [])

    def label(it: dict[str, Any]) -> str:
        unit = words.say(_OTHER) if it["unit"] == "none" else names.get(it["unit"] or "", "…") if it["unit"] else ""
        told = [words.of("counted", it[name]) for name in ("code", "word") if it[name]]
        return ", ".join([*([unit] if unit else []), *told]) or words.say(_ALL)

    def text(it: dict[str, Any]) -> str:
        return _number(visit, figure, it)

    for it in lines:
        it["label"], it["text"] = label(it), text(it)
    return {
        **figure, "title": figure["title_da"] if danish else figure["title"],
        "counts": figure["counts_da"] if danish else figure["counts"], "part": charts.part_of(figure["figure"]),
        "lines": lines, "chart": charts.drawn(lines, figure["kind"], label, text),
    }  # fmt: skip


def _(text: str) -> str:
    return text


_ALL = _("Hele kommunen")
_OTHER = _("Ingen bestemt enhed")
_HIDDEN = _("under 5")


def _number(visit: Visit, figure: dict[str, Any], it: dict[str, Any]) -> str:
    words, value = pages.words(visit.language), it["value"]
    if value is None:
        return words.say(_HIDDEN)
    if figure["kind"] == "share":
        return str(format_percent(value, format="#,##0.# %", locale=visit.language))
    number = str(format_decimal(value, locale=visit.language))
    return f"{number} {words.of('counted-unit', figure['unit'])}" if figure["unit"] else number


@router.get("/tovholder.{form}")
async def file(form: str, visit: Visiting, periode: str = "", enhed: str = "") -> Response:
    """The service's own file, as it gives it."""
    if form not in _FORMS or not _PERIOD.fullmatch(periode):
        raise NotFound
    found = await visit.apis.file("indicators", f"/indicators/export.{form}", period=periode, unit=as_uuid(enhed))
    kept = {name: found.headers[name] for name in ("content-type", "content-disposition") if name in found.headers}
    return Response(found.content, 200, {**kept, "cache-control": "no-store", "x-content-type-options": "nosniff"})
