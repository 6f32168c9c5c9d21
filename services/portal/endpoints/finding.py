"""Finding a child by number or name: asked by POST, with a purpose, and logged by persons whether somebody is found or not."""

import re
from typing import Any

from fastapi import APIRouter, Response

from services.portal.apis import TheServiceSaysNo
from services.portal.endpoints.visiting import CPR, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/find", route_class=PageRoute)
_NUMBER = re.compile(r"\d{6}-?\d{4}")


@router.get("")
async def search(visit: Visiting) -> Response:
    return _page(visit)


def _page(visit: Visit, status: int = 200, nobody: bool = False, adult: bool = False, named: Any = None) -> Response:
    return visit.page("find.html", status, typed=visit.typed_in("/portal/find"), nobody=nobody, adult=adult, named=named)


@router.post("")
async def found(sent: Sending) -> Response:
    """Number and name are in no address and in no log of ours."""
    typed = sent.typed
    number, name = typed.one("cpr"), typed.one("name")
    if not number and not name:
        typed.wrong["cpr"] = sent.say("Skriv et CPR-nummer eller et navn.")
    if name and not number and len(set(name.split())) < 2:
        typed.wrong["name"] = sent.say("Skriv både fornavn og efternavn.")
    if number and not _NUMBER.fullmatch(number):
        typed.wrong["cpr"] = sent.say("Et CPR-nummer har ti cifre.")
    purpose = typed.must("purpose", sent.say("Vælg, hvorfor du søger. Det bliver registreret."))
    if typed.wrong:
        return _page(sent, 422)
    if not number:
        return await _by_name(sent, name, purpose)
    body = {"identifiers": [{"system": CPR, "value": number.replace("-", "")}], "purpose": purpose}
    try:
        person = (await sent.apis.ask("POST", "persons", "/persons/lookup", body=body)).body
    except TheServiceSaysNo as no:
        if no.code != 404:
            raise
        return _page(sent, nobody=True)
    if person["kind"] != "child":
        return _page(sent, adult=True)
    return sent.to(f"/portal/barn/{person['person']}")


async def _by_name(sent: Sent, name: str, purpose: str) -> Response:
    """Among the children one stands by; the answer is a page of its own making, so that the name is in no address."""
    body = {"name": name[:120], "purpose": purpose}
    found = (await sent.apis.ask("POST", "persons", "/persons/search", body=body)).body
    children = await sent.apis.children(found["children"])
    return _page(sent, named={"children": children, "more": found["more"]})
