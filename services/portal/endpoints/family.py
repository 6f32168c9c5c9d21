"""A family's own page: its tovholder, what is planned, consents, letters, who has looked, and the way to the survey."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime
from starlette.requests import Request

from services.portal import pages
from services.portal.endpoints.family_visiting import (
    FamilySending,
    FamilySent,
    FamilyVisit,
    FamilyVisiting,
    NobodyHasAChildByThisLogIn,
    family_at,
    for_child,
)
from services.portal.endpoints.visiting import Again, PageRoute, language_of, runtime
from services.portal.forms import Typed
from services.portal.words.family import ABOUT_CHILD, ABOUT_MOTHER, CONSENT_PURPOSES, CONSENT_RECIPIENTS

router = APIRouter(route_class=PageRoute, prefix="/familie")
_LOOKS_ON_A_PAGE = 50
_CONSENT = "/portal/familie/samtykker/nyt"
_CONSENT_FIELDS = {
    "a-consent-ends-after-it-begins": "until_on",
    "a-consent-names-what-it-covers": "categories",
    "custody-is-not-registered-yet": "categories",
    "only-a-holder-of-custody-may-consent": "categories",
    "only-the-mother-may-consent-for-herself": "categories",
}


@router.get("")
async def own_page(request: Request) -> Response:
    """Whoever answers for no child here is told so, and how they can log in as a family."""
    try:
        visit = await family_at(request)
        family = await visit.family()
    except NobodyHasAChildByThisLogIn:
        settings = runtime(request).settings
        return pages.page(
            "family_nobody.html", language_of(request), settings, 403, visit=None, done=None, address="/portal/familie"
        )
    return visit.page("family.html", children=family["children"], survey_from=family["survey_from"], today=visit.today)


# -- consents -------------------------------------------------------------------------------------------------------------------


@router.get("/samtykker")
async def consents(visit: FamilyVisiting) -> Response:
    children, child = await visit.chosen()
    found = await visit.apis.get("persons", "/persons/family/consents", child=child["child"], limit=200)
    me = (await visit.family())["person"]
    may = {about: me in who for about, who in found["may_consent"].items()}
    standing = [it for it in found["consents"] if it["state"] in ("given", "ahead")]
    former = [it for it in found["consents"] if it["state"] not in ("given", "ahead")]
    return visit.page(
        "family_consents.html", children=children, child=child, standing=standing, former=former, me=me, may=may,
        waits=not found["custody"]["registered"], place="/samtykker",
    )  # fmt: skip


@router.get("/samtykker/nyt")
async def new_consent(visit: FamilyVisiting, om: str = "barn") -> Response:
    return await _consent_page(visit, om)


async def _consent_page(visit: FamilyVisit, about: str, status: int = 200) -> Response:
    typed = visit.typed_in(_CONSENT)
    children, child = await visit.chosen() if not typed.one("barn") else await _child_of(visit, typed.one("barn"))
    about = "mor" if (typed.one("om") or about) == "mor" and child["is_mother"] else "barn"
    categories = pages.words(visit.language).choices("about-mother" if about == "mor" else "about-child")
    return visit.page(
        "family_consent.html", status, children=children, child=child, about=about, categories=categories, typed=typed
    )


async def _child_of(visit: FamilyVisit, asked: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    children = (await visit.family())["children"]
    return children, next((one for one in children if one["child"] == asked), children[0])


@router.post("/samtykker/nyt")
async def give_consent(sent: FamilySending) -> Response:
    typed = sent.typed
    body = {
        "child": typed.one("barn"),
        "about": "mother" if typed.one("om") == "mor" else "child",
        "recipient_kind": _one_of(typed, "recipient_kind", CONSENT_RECIPIENTS, sent.say("Vælg, hvem der må få oplysningerne.")),
        "purpose": _one_of(typed, "purpose", CONSENT_PURPOSES, sent.say("Vælg, hvad oplysningerne må bruges til.")),
        "categories": [it for it in typed.many("categories") if it in ABOUT_CHILD or it in ABOUT_MOTHER],
        "from_on": sent.today.isoformat(),
        "until_on": _day(sent, "until_on"),
    }
    if not body["categories"]:
        typed.wrong["categories"] = sent.say("Vælg mindst én oplysning.")
    if not typed.wrong:
        try:
            await sent.post("persons", "/persons/family/consents", body, at_field=_CONSENT_FIELDS)
            return sent.to(for_child("/samtykker", typed.one("barn")), "consented")
        except Again:
            pass
    return await _consent_page(sent, typed.one("om"), 422)


def _one_of(typed: Typed, name: str, known: dict[str, str], message: str) -> str:
    if (code := typed.one(name)) not in known:
        typed.wrong[name] = message
    return code


def _day(sent: FamilySent, name: str) -> str | None:
    text = sent.typed.one(name)
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError:
        sent.typed.wrong[name] = sent.say("Skriv en dato, eller lad feltet stå tomt.")
        return None


@router.post("/samtykker/{consent}/tilbage")
async def withdraw_consent(consent: UUID, sent: FamilySending) -> Response:
    """At any time, with no reason asked."""
    await sent.post("persons", "/persons/family/consents/withdrawal", {"consent": str(consent)})
    return sent.to(for_child("/samtykker", sent.typed.one("barn")), "consent-withdrawn")


# -- letters --------------------------------------------------------------------------------------------------------------------


@router.get("/breve")
async def letters(visit: FamilyVisiting) -> Response:
    children, child = await visit.chosen()
    found = await visit.apis.get("persons", "/persons/family/letters", child=child["child"])
    return visit.page("family_letters.html", children=children, child=child, letters=found["letters"], place="/breve")


@router.get("/breve/{letter}")
async def letter_page(letter: UUID, visit: FamilyVisiting) -> Response:
    """In the reader's language, as it was written."""
    _, child = await visit.chosen()
    found = await visit.apis.get("persons", f"/persons/family/letters/{letter}", child=child["child"])
    words = next((it for it in found["words"] if it["language"] == visit.language), found["words"][0])
    return visit.page("family_letter.html", child=child, letter=letter, words_=words)


@router.get("/breve/{letter}/pdf")
async def letter_file(letter: UUID, visit: FamilyVisiting) -> Response:
    _, child = await visit.chosen()
    content = await visit.file(f"/persons/family/letters/{letter}/pdf", child=child["child"])
    headers = {
        "cache-control": "no-store",
        "content-disposition": 'attachment; filename="brev.pdf"',
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
    }
    return Response(content, 200, headers, "application/pdf")


# -- who has looked -------------------------------------------------------------------------------------------------------------


@router.get("/hvem")
async def who_has_looked(visit: FamilyVisiting, foer: AwareDatetime | None = None, alt: bool = False) -> Response:
    """`foer`: what was looked at before that instant; `alt`: also what the product's own services asked each other."""
    children, child = await visit.chosen()
    found = await visit.apis.get(
        "persons", "/persons/family/access", child=child["child"], machinery=alt, limit=_LOOKS_ON_A_PAGE,
        before=foer.isoformat() if foer else None,
    )  # fmt: skip
    before = datetime.fromisoformat(found["before"]).isoformat() if found["before"] else None
    return visit.page(
        "family_looks.html", children=children, child=child, looks=found["lines"], before=before, all=alt, later=foer is not None,
        place="/hvem",
    )  # fmt: skip


# -- the survey -----------------------------------------------------------------------------------------------------------------


@router.post("/spoergeskema")
async def survey(sent: FamilySending) -> Response:
    """A link that nobody can see who was given: shown once on a page, and kept nowhere."""
    given = await sent.post("persons", "/persons/family/survey")
    return sent.page("family_survey.html", link=given["link"])
