"""Letters to families: those of a child, the words of one, and when the first one goes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.chassis.errors import NotAllowed, NotFound
from services.chassis.request import Reading, answer
from services.chassis.route import UsualRoute
from services.chassis.sealed import seal_of
from services.events.envelope import Municipality
from services.notifications import repository
from services.notifications.endpoints.asking import Changing, Looking, related
from services.notifications.letters import sending
from services.notifications.letters.page import drawn
from services.notifications.letters.writing import Words
from services.notifications.repository import letters as letters_repository
from services.notifications.schemas import LetterOut, LetterRuleIn, LetterRuleOut, LettersOut, LetterWordsOut, WordsOut

router = APIRouter(route_class=UsualRoute)
Code = Annotated[Municipality, Path()]


class OnlyTheIntakeSLeaderSetsThis(NotAllowed):
    """The leader who stands in the municipality's intake decides when families are written to."""


@router.get("/children/{child}/letters", summary="Letters to a child's family", response_model=LettersOut)
async def of_child(request: Looking, child: UUID) -> Response:
    async with request.begin() as look:
        await related(look, child, "see")
        if not await repository.knows(look.tx, child):
            raise NotFound
        rows = await letters_repository.of_child(look.tx, child)
        await look.saw(child, "deliveries")
    return answer(200, {"letters": [LetterOut(**row).model_dump(exclude_none=True) for row in rows]})


@router.get("/letters/{delivery}", summary="A letter as it was sent, without its address", response_class=Response)
async def one(request: Looking, delivery: UUID) -> Response:
    """PDF. The address is in no copy: it may be protected, also from the other holder of custody. Nor is the survey's link."""
    words = await _words(request, delivery)
    return Response(drawn(words, ()), 200, {"cache-control": "no-store"}, "application/pdf")


@router.get("/letters/{delivery}/words", summary="The words of a letter, to be read on a page", response_model=LetterWordsOut)
async def words_of(request: Looking, delivery: UUID) -> Response:
    """In each language it was written in, Danish first; no address, as in the PDF."""
    words = await _words(request, delivery)
    return answer(
        200,
        LetterWordsOut(
            delivery=delivery,
            words=[WordsOut(language=it.language, subject=it.subject, paragraphs=list(it.paragraphs)) for it in words],
        ).model_dump(),
    )


async def _words(request: Reading, delivery: UUID) -> list[Words]:
    async with request.begin() as look:
        row = await letters_repository.one(look.tx, delivery)
        if row is None:
            raise NotFound
        await related(look, row["child"], "see")
        seal = await seal_of(look.tx, request.runtime.settings.secrets, row["municipality"], row["child"])
        words = sending.opened(seal, row["words"])
        await look.saw(row["child"], "deliveries")
        return words


@router.get("/municipalities/{municipality}/letters", summary="When the first letter goes", response_model=LetterRuleOut)
async def rule(request: Looking, municipality: Code) -> Response:
    async with request.begin() as look:
        is_own = look.caller.party.municipality == municipality
        if not is_own and not (look.caller.is_service and await letters_repository.is_known(look.tx, municipality)):
            raise NotFound
        days, _ = await letters_repository.rule_of(look.tx, municipality)
    return answer(200, {"municipality": municipality, "first_after_working_days": days})


@router.put("/municipalities/{municipality}/letters", summary="Choose when the first letter goes", response_model=LetterRuleOut)
async def set_rule(request: Changing, municipality: Code, body: LetterRuleIn) -> Response:
    """After so many working days a family is told of a mere registration; of an acceptance at once."""
    async with request.begin() as begun:
        caller = begun.caller
        if caller.party.municipality != municipality:
            raise NotFound
        if not await repository.leads_intake(begun.tx, municipality, caller.professional):
            raise OnlyTheIntakeSLeaderSetsThis
        days = body.first_after_working_days
        await letters_repository.set_rule(begun.tx, municipality, days, caller.professional, begun.at)
        return await begun.answer(200, {"municipality": municipality, "first_after_working_days": days})
