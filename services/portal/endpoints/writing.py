"""For administrators: programmes and visit plans as files of YAML, compared before they are kept, in force from a day on."""

import difflib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import TheServiceSaysNo
from services.portal.endpoints.administering import Administering, Changing
from services.portal.endpoints.visiting import PageRoute, Sent, Visit

router = APIRouter(prefix="/administration", route_class=PageRoute)
_FIELDS = {"a-day-of-effect-lies-ahead": "from_on", "another-file-is-coming": "from_on"}


@dataclass(frozen=True)
class _File:
    """A kind of file: its page, its address at the service, and the template that says what it is about."""

    place: str
    api: str
    template: str


_PROGRAMMES = _File("/portal/administration/programmer", "/sundhedspleje/programme-file", "administration_programmes.html")
_VISITS = _File("/portal/administration/besoegsplaner", "/sundhedspleje/visit-plan-file", "administration_visit_plans.html")


@router.get("/programmer")
async def programmes(visit: Administering) -> Response:
    return await _page(visit, _PROGRAMMES)


@router.post("/programmer/se")
async def compare_programmes(sent: Changing) -> Response:
    """Every mistake with its line, or what would change; nothing is kept. A file goes before the text in the field."""
    return await _compared(sent, _PROGRAMMES)


@router.post("/programmer")
async def keep_programmes(sent: Changing) -> Response:
    return await _kept(sent, _PROGRAMMES)


@router.post("/programmer/{number}/tilbage")
async def take_programmes_back(number: UUID, sent: Changing) -> Response:
    """A coming file, before its day."""
    return await _taken_back(sent, _PROGRAMMES, number)


@router.get("/besoegsplaner")
async def visit_plans(visit: Administering) -> Response:
    return await _page(visit, _VISITS)


@router.post("/besoegsplaner/se")
async def compare_visit_plans(sent: Changing) -> Response:
    return await _compared(sent, _VISITS)


@router.post("/besoegsplaner")
async def keep_visit_plans(sent: Changing) -> Response:
    return await _kept(sent, _VISITS)


@router.post("/besoegsplaner/{number}/tilbage")
async def take_visit_plans_back(number: UUID, sent: Changing) -> Response:
    return await _taken_back(sent, _VISITS, number)


async def _page(visit: Visit, of: _File, status: int = 200, mistakes: tuple[str, ...] = (), compared: Any = None) -> Response:
    """`compared`: what the text in the form would change; only then it can be kept."""
    found = await visit.apis.get("sundhedspleje", of.api)
    files = found["files"]
    names = await visit.apis.names_of([*(it["uploaded_by"] for it in files), *(it["withdrawn_by"] for it in files)])
    typed = visit.typed_in(f"{of.place}/se") if visit.typed.action.endswith("/se") else visit.typed_in(of.place)
    content = typed.one("content") or found["content"].rstrip()
    return visit.page(
        of.template, status, files=files, names=names, mistakes=mistakes, compared=compared, typed=typed, place=of.place,
        content=content, today=visit.today.isoformat(), lines=_lines(found["content"], content) if compared else [],
    )  # fmt: skip


def _lines(before: str, after: str) -> list[tuple[str, str]]:
    """(sign, line) of a comparison, three lines around each change."""
    told = difflib.unified_diff(before.strip().splitlines(), after.strip().splitlines(), lineterm="", n=3)
    return [(line[:1], line[1:]) for line in list(told)[2:]]


async def _compared(sent: Sent, of: _File) -> Response:
    compared, mistakes = await _asked(sent, of, dry_run=True)
    if compared is None:
        return await _page(sent, of, 422, mistakes)
    return await _page(sent, of, compared=compared)


async def _kept(sent: Sent, of: _File) -> Response:
    compared, mistakes = await _asked(sent, of, dry_run=False)
    if compared is None:
        return await _page(sent, of, 422, mistakes)
    return sent.to(of.place, "configured")


async def _asked(sent: Sent, of: _File, dry_run: bool) -> tuple[Any, tuple[str, ...]]:
    typed = sent.typed
    if typed.one("file"):
        typed.fields["content"] = [typed.one("file")]
    content = typed.must("content", sent.say("Indsæt filens tekst."))
    on = typed.must("from_on", sent.say("Vælg den dag, filen skal gælde fra."))
    if typed.wrong:
        return None, ()
    query = {"dry_run": True} if dry_run else None
    try:
        body = {"content": content + "\n", "from_on": on}
        return (await sent.apis.ask("POST", "sundhedspleje", of.api, query, body, sent.key)).body, ()
    except TheServiceSaysNo as no:
        if no.code not in (409, 422):
            raise
        mistakes = tuple(str(it).partition(":")[2].strip() or str(it) for it in no.said.get("mistakes", ()))
        if mistakes:
            typed.wrong["content"] = sent.say("Filen giver ikke mening endnu. Hver fejl står herunder med linje.")
        else:
            field = _FIELDS.get(no.problem, "from_on")
            typed.wrong[field] = pages.words(sent.language).of("refusal", no.problem)
        return None, mistakes


async def _taken_back(sent: Sent, of: _File, number: UUID) -> Response:
    await sent.post("sundhedspleje", f"{of.api}/{number}/withdrawal", {})
    return sent.to(of.place, "configuration-dropped")
