"""HTTP of a family's letters, checked against its pass, and of the anonymous survey it may answer."""

import hashlib
import hmac
from datetime import date
from uuid import UUID

import orjson
from fastapi import APIRouter, Response

from services.chassis.calendar import date_of
from services.chassis.errors import CannotBeApplied, NotFound
from services.chassis.request import AnsweredBefore, Change, Reading, answer
from services.persons.domain import family as rules
from services.persons.endpoints.family import Changing, Looking, opened_change, opened_reading, own_child
from services.persons.repository import family as families
from services.persons.schemas import FamilyLetterOut, FamilyLettersOut, FamilyLetterWordsOut, PeersLetters, SurveyOut

router = APIRouter(prefix="/family")


@router.get("/letters", summary="For a family: the letters to oneself about a child")
async def see_letters(child: UUID, request: Looking) -> FamilyLettersOut:
    """The newest first. A letter is its recipient's own: those to the other holder of custody are not among them."""
    return FamilyLettersOut(letters=await _letters(request, child))


@router.get("/letters/{delivery}", summary="For a family: the words of a letter")
async def read_letter(delivery: UUID, child: UUID, request: Looking) -> FamilyLetterWordsOut:
    """In each language it was written in, Danish first; without any address."""
    await _own(request, child, delivery)
    return FamilyLetterWordsOut.model_validate(
        await request.runtime.peers.get("notifications", f"/notifications/letters/{delivery}/words")
    )


@router.get("/letters/{delivery}/pdf", summary="For a family: a letter as PDF", response_class=Response)
async def letter_as_pdf(delivery: UUID, child: UUID, request: Looking) -> Response:
    """As it was sent, without its address."""
    await _own(request, child, delivery)
    content = await request.runtime.peers.file("notifications", f"/notifications/letters/{delivery}")
    return Response(content, 200, {"cache-control": "no-store"}, "application/pdf")


async def _own(request: Reading, child: UUID, delivery: UUID) -> None:
    """NotFound for a letter to somebody else: it is looked for among one's own, so that nobody's else is touched."""
    if all(it.letter != delivery for it in await _letters(request, child)):
        raise NotFound("There is no such letter, or it is not yours to read.")


async def _letters(request: Reading, child: UUID) -> list[FamilyLetterOut]:
    async with opened_reading(request) as looking:
        await own_child(looking, child)
        # Also those written about a record that was merged into the child's, or to one of this person's own.
        about, own = await families.stands_for(looking.tx, child), await families.own_references(looking.tx)
        await looking.saw(child, "own-page", "own-access")
    found: list[FamilyLetterOut] = []
    for each in about:
        try:
            said = await request.runtime.peers.get("notifications", f"/notifications/children/{each}/letters")
        except CannotBeApplied:
            continue
        found += [
            FamilyLetterOut(letter=it.delivery, kind=it.kind, tovholder=it.tovholder, made_at=it.made_at, state=it.state)
            for it in PeersLetters.model_validate(said).letters
            if it.person in own
        ]
    return sorted(found, key=lambda it: it.made_at, reverse=True)


@router.post("/survey", status_code=201, summary="For a family: a link to the anonymous survey")
async def give_survey(request: Changing) -> Response:
    """One link in ninety days. That somebody was given one is kept, by day; which it was, and what was answered, is not."""
    try:
        async with opened_change(request) as changing:
            family, today = await families.family_of(changing.tx), date_of(changing.at)
            given_on = await families.survey_given(changing.tx, family.person, today, rules.survey_may_be_given_from(today))
            if given_on != today:
                raise rules.OneSurveyInNinetyDays(given_on=given_on.isoformat())
            own = changing.caller.party.municipality
            stored = {"person": str(family.person), "given_on": today.isoformat(), "municipality": own}
            await changing.answer(201, stored)
    except AnsweredBefore as before:
        stored = orjson.loads(bytes(before.response.body))
    return answer(201, SurveyOut(link=await _link(request, stored)).model_dump())


async def _link(request: Change, given: dict[str, str | None]) -> str:
    """The same for the same person on the same day: asked for under a key that tells nobody who it was."""
    whose = f"survey\x1f{given['person']}\x1f{date.fromisoformat(str(given['given_on']))}"
    key = hmac.digest(request.runtime.settings.secrets.blind_index_key(), whose.encode(), hashlib.sha256).hex()
    body = {"municipality": given["municipality"], "number": 1}
    made = await request.runtime.peers.post("indicators", "/indicators/survey/links", body, key)
    return str(made["links"][0])
