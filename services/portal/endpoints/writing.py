"""For administrators: the municipality's programmes as a file of YAML, compared before it is kept, in force from a day on."""

import difflib
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import TheServiceSaysNo
from services.portal.endpoints.administering import Administering, Changing
from services.portal.endpoints.visiting import PageRoute, Sent, Visit

router = APIRouter(prefix="/administration/programmer", route_class=PageRoute)
_PLACE, _FILE = "/portal/administration/programmer", "/sundhedspleje/programme-file"
_FIELDS = {"a-day-of-effect-lies-ahead": "from_on", "another-file-is-coming": "from_on"}


@router.get("")
async def file(visit: Administering) -> Response:
    return await _page(visit)


async def _page(visit: Visit, status: int = 200, mistakes: tuple[str, ...] = (), compared: Any = None) -> Response:
    """`compared`: what the text in the form would change; only then it can be kept."""
    found = await visit.apis.get("sundhedspleje", _FILE)
    files = found["files"]
    names = await visit.apis.names_of([*(it["uploaded_by"] for it in files), *(it["withdrawn_by"] for it in files)])
    typed = visit.typed_in(f"{_PLACE}/se") if visit.typed.action.endswith("/se") else visit.typed_in(_PLACE)
    content = typed.one("content") or found["content"].rstrip()
    return visit.page(
        "administration_programmes.html", status, files=files, names=names, mistakes=mistakes, compared=compared, typed=typed,
        content=content, today=visit.today.isoformat(), lines=_lines(found["content"], content) if compared else [],
    )  # fmt: skip


def _lines(before: str, after: str) -> list[tuple[str, str]]:
    """(sign, line) of a comparison, three lines around each change."""
    told = difflib.unified_diff(before.strip().splitlines(), after.strip().splitlines(), lineterm="", n=3)
    return [(line[:1], line[1:]) for line in list(told)[2:]]


@router.post("/se")
async def compare(sent: Changing) -> Response:
    """Every mistake with its line, or what would change; nothing is kept. A file goes before the text in the field."""
    compared, mistakes = await _asked(sent, dry_run=True)
    if compared is None:
        return await _page(sent, 422, mistakes)
    return await _page(sent, compared=compared)


@router.post("")
async def keep(sent: Changing) -> Response:
    compared, mistakes = await _asked(sent, dry_run=False)
    if compared is None:
        return await _page(sent, 422, mistakes)
    return sent.to(_PLACE, "configured")


async def _asked(sent: Sent, dry_run: bool) -> tuple[Any, tuple[str, ...]]:
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
        return (await sent.apis.ask("POST", "sundhedspleje", _FILE, query, body, sent.key)).body, ()
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


@router.post("/{number}/tilbage")
async def take_back(number: UUID, sent: Changing) -> Response:
    """A coming file, before its day."""
    await sent.post("sundhedspleje", f"{_FILE}/{number}/withdrawal", {})
    return sent.to(_PLACE, "configuration-dropped")
