"""What many people are called, asked for at once: a list of children on a page is one question, not fifty."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.request import Reading, answer, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.events.access import may
from services.persons.repository import many
from services.persons.repository.many import Named
from services.persons.schemas import NameOut, NamesOut, Purpose

router = APIRouter(route_class=UsualRoute)
Looking = Annotated[Reading, Depends(reading(runtime_of("persons")))]


@router.get("/named", summary="What people are called, for a list of them", response_model=NamesOut)
async def named(
    request: Looking,
    person: Annotated[list[UUID], Query(min_length=1, max_length=100, description="Each of them, once or more often.")],
    purpose: Annotated[Purpose, Query()] = "care",
) -> Response:
    """Those who are nobody here, or not for the caller, are left out. Each who is shown is in the access log.

    A child that has no name yet is called by its mother's, for those who may see her.
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        found = await many.named(looking.tx, secrets, person)
        roles = await many.relations(looking.tx, secrets, looking.caller, found, looking.at)
        shown = [one for one in found if may(roles[one.id], _class_of(one), "see")]
        with_mother = [one for one in shown if one.mother and may(roles[one.id], "mother", "see")]
        mothers = await many.named(
            looking.tx, secrets, [one.mother for one in with_mother if one.mother and not one.value("name")]
        )
        for one in [*(one for one in shown if not one.merged_into), *mothers]:
            await looking.saw(one.id, _class_of(one), purpose)
    known = {one.id: one for one in mothers}
    return answer(200, NamesOut(people=[_out(one, known if one in with_mother else {}) for one in shown]).model_dump(mode="json"))


def _class_of(one: Named) -> str:
    return "identity" if one.kind == "child" else "mother"


def _out(one: Named, mothers: Mapping[UUID, Named]) -> NameOut:
    if one.merged_into:
        return NameOut(person=one.id, kind=one.kind, merged_into=one.merged_into)
    mother = mothers.get(one.mother) if one.mother else None
    return NameOut(
        person=one.id, kind=one.kind, status=one.status, **{name: one.value(name) for name in ("name", "born_at", "due_on")},
        mother_name=mother.value("name") if mother else None, protected=one.protected,
    )  # fmt: skip
