"""Finding a child by a name: asked for by POST, with a purpose, among the children one stands by; every question is logged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.chassis.errors import NotAllowed, NotUnderstood
from services.chassis.request import Reading, reading
from services.chassis.sealed import blind_index
from services.chassis.service import runtime_of
from services.events.access import may
from services.persons import repository
from services.persons.repository import consents, names
from services.persons.schemas import NamedOut, SearchIn

router = APIRouter()
Looking = Annotated[Reading, Depends(reading(runtime_of("persons")))]
# So many are looked through; a name that fits more is no name to find somebody by.
_LOOKED_THROUGH = 200
_SHOWN = 20


class OnlyAPersonSearchesByName(NotAllowed):
    """A professional of a municipality searches by name; systems know numbers, and look them up."""


class ANameHasTwoWords(NotUnderstood):
    """A first name and a family name, written out: one word alone would list the families of a town."""


@router.post("/search", summary="Find a child one stands by, by its name, its mother's or a holder of custody's")
async def search(body: SearchIn, request: Looking) -> NamedOut:
    """Whole words, case apart, all of them. Only children whose identity the caller may see; nobody else is hinted at.

    Logged with the purpose: the question, also one without an answer, and each child that is shown.
    """
    secrets = request.runtime.settings.secrets
    words = body.name.split()
    async with request.begin() as looking:
        if looking.caller.professional is None or looking.caller.party.kind != "municipality":
            raise OnlyAPersonSearchesByName
        if len(set(words)) < 2:
            raise ANameHasTwoWords
        # What was asked for stands in the log under a keyed hash, which reads as nothing.
        asked = blind_index(secrets.blind_index_key(), "name", " ".join(sorted(word.casefold() for word in words)))
        await looking.saw(UUID(bytes=asked[:16]), "lookup", body.purpose)
        found = await names.children_named(looking.tx, secrets, body.name, _LOOKED_THROUGH)
        own = []
        for child in found:
            person = await repository.person_of(looking.tx, secrets, child)
            if person is not None and may(
                await consents.relations(looking.tx, looking.caller, person, looking.at), "identity", "see"
            ):
                own.append(child)
        for child in own[:_SHOWN]:
            await looking.saw(child, "lookup", body.purpose)
    return NamedOut(children=own[:_SHOWN], more=len(own) > _SHOWN)
