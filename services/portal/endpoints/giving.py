"""An overlevering before a start: written topic by topic, looked at as the receiver would read it, and given."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal.apis import TheServiceSaysNo
from services.portal.domain.care_words import CATEGORIES
from services.portal.endpoints.visiting import Overtaken, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/starter", route_class=PageRoute)


@router.get("/{number}/overlevering")
async def begin(number: UUID, visit: Visiting) -> Response:
    return await _writing(visit, number)


async def _writing(visit: Visit, number: UUID, status: int = 200) -> Response:
    start, person, names = await _about(visit, number)
    place = f"/portal/starter/{number}/overlevering"
    typed = visit.typed_in(f"{place}/se", place)
    return visit.page("giving_what.html", status, start=start, person=person, names=names, typed=typed)


async def _about(visit: Visit, number: UUID) -> tuple[Any, Any, dict[str, str]]:
    start = await visit.apis.get("daycare", f"/daycare/starts/{number}")
    pedagogue = (start["pedagogue"] or {}).get("professional")
    person, names = await asyncio.gather(visit.apis.child(start["child"]), visit.apis.names_of([pedagogue], [start["unit"]]))
    return start, person, names


@router.post("/{number}/overlevering/se")
async def look(number: UUID, sent: Sending) -> Response:
    """What would pass now, and what not; nothing has been given yet."""
    texts = _texts(sent)
    if not texts:
        sent.typed.wrong["text-practical"] = sent.say("Skriv noget om mindst ét emne.")
    if sent.typed.wrong or sent.typed.one("ret"):
        return await _writing(sent, number, 422 if sent.typed.wrong else 200)
    start, person, names = await _about(sent, number)
    try:
        passes = (
            await sent.apis.ask("POST", "sundhedspleje", "/sundhedspleje/overleveringer/preview", body=_body(start, texts))
        ).body
    except TheServiceSaysNo as no:
        raise Overtaken(sent, no, start["child"]) from no
    return sent.page("giving_look.html", start=start, person=person, names=names, passes=passes, texts=texts)


@router.post("/{number}/overlevering")
async def give(number: UUID, sent: Sending) -> Response:
    """What passes is decided anew at this moment."""
    texts = _texts(sent)
    if not texts:
        return sent.to(f"/portal/starter/{number}/overlevering")
    start = await sent.apis.get("daycare", f"/daycare/starts/{number}")
    given = await sent.post("sundhedspleje", "/sundhedspleje/overleveringer", _body(start, texts), about=start["child"])
    return sent.to(f"/portal/starter/{number}", "overlevering-given" if given["categories"] else "nothing-passed")


def _texts(sent: Sent) -> dict[str, str]:
    return {category: sent.typed.one(f"text-{category}") for category in CATEGORIES if sent.typed.one(f"text-{category}")}


def _body(start: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    to = {"unit": start["unit"], **({"professional": start["pedagogue"]["professional"]} if start["pedagogue"] else {})}
    return {"child": start["child"], "to": to, "start": start["id"], "categories": list(texts), "text": texts}
