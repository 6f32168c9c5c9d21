"""Who has looked at a child's data: gathered from every service's access log, for the family and who answers for the child."""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime

from services.chassis.errors import NotFound, require
from services.chassis.request import Reading, reading
from services.chassis.service import Runtime, runtime_of
from services.events.access import may
from services.persons import repository
from services.persons.domain import family as rules
from services.persons.domain.family import Look
from services.persons.repository import consents
from services.persons.schemas import ChildLookOut, ChildLooksOut, PeersLooks

router = APIRouter()
Looking = Annotated[Reading, Depends(reading(runtime_of("persons")))]
Limit = Annotated[int, Query(ge=1, le=200)]
# Where there is data of a family. Each serves the lines of its own access log to this service alone.
_SERVICES = ("midwife", "persons", "registry", "sundhedspleje", "daycare", "notifications")


async def looked(
    run: Runtime, subjects: Collection[UUID], before: datetime | None, limit: int, machinery: bool = True
) -> tuple[Sequence[Look], datetime | None]:
    """The newest lines about these subjects, and where the next page begins. TryAgainSoon where a service does not answer.

    `machinery` false: without what the product's services asked each other.
    """
    asked = [(service, about) for service in _SERVICES for about in subjects]
    query = {"limit": limit, "machinery": machinery, **({"before": before.isoformat()} if before else {})}
    answers = await asyncio.gather(
        *(run.peers.get(service, f"/{service}/access", subject=about, **query) for service, about in asked)
    )
    looks = [
        Look(line.at, service, about, line.party, line.professional, line.class_, line.purpose)
        for (service, about), found in zip(asked, answers, strict=True)
        for line in PeersLooks.model_validate(found).lines
    ]
    return rules.newest(looks, limit)


@router.get("/{ref}/access", summary="Who has looked at a child's data, for who answers for the child")
async def see_access(ref: UUID, request: Looking, before: AwareDatetime | None = None, limit: Limit = 100) -> ChildLooksOut:
    """The child's own lines, the newest first; its mother's are hers. 503 where a service does not answer.

    This look is itself a line, from the next time on. Underretning is left out, as for the family.
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        person = await repository.person_of(looking.tx, secrets, ref)
        if person is None or person.kind != "child":
            raise NotFound("There is no such child, or not for you.")
        relations = await consents.relations(looking.tx, looking.caller, person, looking.at)
        require(may(relations, "access-log", "see"), bool(relations))
        await looking.saw(person.id, "access-log", "supervision")
    page, next_before = await looked(request.runtime, (person.id,), before, limit)
    lines = [
        ChildLookOut(
            at=it.at, service=it.service, party=it.party, professional=it.professional, what=it.class_, purpose=it.purpose
        )
        for it in page
    ]
    return ChildLooksOut(lines=lines, before=next_before)
