"""Finding a child by its number: asked for by POST, with a purpose, and logged by persons whether somebody is found or not."""

import re

from fastapi import APIRouter, Response

from services.portal.apis import TheServiceSaysNo
from services.portal.endpoints.visiting import CPR, PageRoute, Sending, Visit, Visiting

router = APIRouter(prefix="/find", route_class=PageRoute)
_NUMBER = re.compile(r"\d{6}-?\d{4}")


@router.get("")
async def search(visit: Visiting) -> Response:
    return _page(visit)


def _page(visit: Visit, status: int = 200, nobody: bool = False, adult: bool = False) -> Response:
    return visit.page("find.html", status, typed=visit.typed_in("/portal/find"), nobody=nobody, adult=adult)


@router.post("")
async def found(sent: Sending) -> Response:
    """The number is in no address and in no log of ours."""
    typed = sent.typed
    number = typed.must("cpr", sent.say("Skriv et CPR-nummer."))
    if number and not _NUMBER.fullmatch(number):
        typed.wrong["cpr"] = sent.say("Et CPR-nummer har ti cifre.")
    purpose = typed.must("purpose", sent.say("Vælg, hvorfor du søger. Det bliver registreret."))
    if typed.wrong:
        return _page(sent, 422)
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
