"""A child's consents, letters, and who has looked: for those who answer for the child."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.errors import NotFound
from services.portal import words as spoken
from services.portal.apis import as_uuid
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/barn", route_class=PageRoute)
_LOOKS = 100
_CONSENT_FIELDS = {
    "only-a-holder-of-custody-may-consent": "given_by", "custody-is-not-registered-yet": "given_by",
    "only-the-mother-may-consent-for-herself": "given_by", "a-consent-ends-after-it-begins": "until_on",
    "a-consent-names-what-it-covers": "categories-1",
}  # fmt: skip


# -- who has looked --------------------------------------------------------------------------------------------------------


@router.get("/{ref}/adgang")
async def who_looked(ref: UUID, visit: Visiting, efter: str = "") -> Response:
    """Time, purpose and organisation of each look, from every service's own access log; the newest first."""
    before = efter if _is_time(efter) else None
    found, person = await asyncio.gather(
        visit.apis.get("persons", f"/persons/{ref}/access", limit=_LOOKS, before=before), visit.apis.child(ref)
    )
    lines = found["lines"]
    names = await visit.apis.names_of([it["professional"] for it in lines])
    return visit.page("looks.html", child=ref, person=person, lines=lines, names=names, next=found["before"])


def _is_time(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


# -- letters ---------------------------------------------------------------------------------------------------------------


@router.get("/{ref}/breve")
async def letters(ref: UUID, visit: Visiting) -> Response:
    """What the family has been written, and each letter's fate."""
    found, person = await asyncio.gather(
        visit.apis.get("notifications", f"/notifications/children/{ref}/letters"), visit.apis.child(ref)
    )
    lines = found["letters"]
    names = await visit.apis.names_of([it["tovholder"] for it in lines])
    family = await visit.apis.children({it["person"] for it in lines})
    return visit.page("letters.html", child=ref, person=person, letters=lines, names=names, family=family)


@router.get("/{ref}/breve/{delivery}.pdf")
async def letter(ref: UUID, delivery: str, visit: Visiting) -> Response:
    """The words as they were sent; the address is in no copy."""
    if as_uuid(delivery) is None:
        raise NotFound
    found = await visit.apis.file("notifications", f"/notifications/letters/{as_uuid(delivery)}")
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'inline; filename="brev.pdf"',
        "x-content-type-options": "nosniff",
    }
    return Response(found.content, 200, headers, "application/pdf")


# -- consents --------------------------------------------------------------------------------------------------------------


@router.get("/{ref}/samtykker")
async def consents(ref: UUID, visit: Visiting) -> Response:
    return await _consents_page(visit, ref)


async def _consents_page(visit: Visit, ref: UUID, status: int = 200) -> Response:
    found, person, child = await asyncio.gather(
        visit.apis.get("persons", f"/persons/{ref}/consents", limit=200), visit.apis.child(ref),
        visit.apis.get("registry", f"/registry/children/{ref}"),
    )  # fmt: skip
    may = found["may_consent"]
    givers = list(dict.fromkeys([*may["child"], *may["mother"]]))
    adults = await visit.apis.children([*givers, *(it["given_by"] for it in found["consents"])])
    names = {id: each.get("name") or visit.say("Navn ikke oplyst") for id, each in adults.items()}
    names |= await visit.apis.names_of([it["recorded_by"] for it in found["consents"] if it["recorded_by"]])
    holder = child["tovholder"]
    action = f"/portal/barn/{ref}/samtykker"
    return visit.page(
        "consents.html", status, child=ref, person=person, consents=found["consents"], names=names, custody=found["custody"],
        givers=[(id, names.get(id, "…")) for id in givers], categories=list(spoken.CATEGORIES),
        mine=holder is not None and holder["professional"] == str(visit.me), action=action, typed=visit.typed_in(action),
    )  # fmt: skip


@router.post("/{ref}/samtykker")
async def consent_recorded(ref: UUID, sent: Sending) -> Response:
    """By the tovholder, as the family has said it; who may give it is persons' rule."""
    body = _consent(sent)
    if not sent.typed.wrong:
        try:
            await sent.post("persons", f"/persons/{ref}/consents", body, about=ref, at_field=_CONSENT_FIELDS)
            return sent.to(f"/portal/barn/{ref}/samtykker", "consented")
        except Again:
            pass
    return await _consents_page(sent, ref, 422)


def _consent(sent: Sent) -> dict[str, Any]:
    typed = sent.typed
    categories = [it for it in typed.many("categories") if it in spoken.CATEGORIES]
    if not categories:
        typed.wrong["categories-1"] = sent.say("Vælg, hvad samtykket omfatter.")
    about = "mother" if categories and all(it.startswith("mother-") for it in categories) else "child"
    if about == "child" and any(it.startswith("mother-") for it in categories):
        typed.wrong["categories-1"] = sent.say("Oplysninger om mor kræver et samtykke for sig.")
    body = {
        "given_by": typed.must("given_by", sent.say("Vælg, hvem der giver samtykket.")),
        "recipient_kind": typed.must("recipient_kind", sent.say("Vælg, hvem oplysningerne må gå til.")),
        "purpose": typed.must("purpose", sent.say("Vælg, hvad oplysningerne skal bruges til.")),
        "from_on": typed.one("from_on") or sent.today.isoformat(),
        "about": about, "categories": categories,
    }  # fmt: skip
    return {**body, **({"until_on": typed.one("until_on")} if typed.one("until_on") else {})}


@router.post("/{ref}/samtykker/{consent}/tilbage")
async def consent_withdrawn(ref: UUID, consent: UUID, sent: Sending) -> Response:
    """At any time, without a reason."""
    await sent.post("persons", f"/persons/consents/{consent}/withdrawal", about=ref)
    return sent.to(f"/portal/barn/{ref}/samtykker", "consent-withdrawn")
