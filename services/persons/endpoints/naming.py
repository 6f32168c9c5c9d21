"""What many people are called, asked for at once: a list of children on a page is one question, not fifty."""

from collections.abc import Collection
from dataclasses import dataclass
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
# Whoever is asked for a plusplads, or holds one, looks for that alone, whatever else they say.
_ASKED = "plusplads"
Looking = Annotated[Reading, Depends(reading(runtime_of("persons")))]


@router.get("/named", summary="What people are called, for a list of them", response_model=NamesOut)
async def named(
    request: Looking,
    person: Annotated[list[UUID], Query(min_length=1, max_length=100, description="Each of them, once or more often.")],
    purpose: Annotated[Purpose, Query()] = "care",
) -> Response:
    """Those who are nobody here, or not for the caller, are left out. Each who is shown is in the access log.

    A child that has no name yet is called by its mother's, for those who may see her. Who leads an institution that is asked for
    a plusplads, or holds one, is told what the child is called and nothing else (`only_name`).
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        found = await many.named(looking.tx, secrets, person)
        roles = await many.relations(looking.tx, secrets, looking.caller, found, looking.at)
        shown = [_as_shown(one, roles[one.id]) for one in found]
        through = {it.mother: it.mothers_class for it in shown if it.class_ and it.mother}
        mothers = {one.id: one for one in await many.named(looking.tx, secrets, through)}
        seen = [(it.one.id, it.class_) for it in shown if it.class_ and not it.one.merged_into]
        seen += [(mother, through[mother]) for mother in mothers]
        for subject, class_ in seen:
            await looking.saw(subject, class_, _ASKED if class_ == "name" else purpose)
    people = [_out(it, mothers.get(it.mother) if it.mother else None) for it in shown if it.class_]
    return answer(200, NamesOut(people=people).model_dump(mode="json"))


@dataclass(frozen=True)
class _Shown:
    """Someone as far as the caller sees them.

    `class_`: as which class of data; None: not at all. `mother`: by whose name they are called, seen as `mothers_class`.
    """

    one: Named
    class_: str | None
    mother: UUID | None
    mothers_class: str


def _as_shown(one: Named, roles: Collection[str]) -> _Shown:
    classes = ("identity", "name") if one.kind == "child" else ("mother",)
    class_ = next((class_ for class_ in classes if may(roles, class_, "see")), None)
    mothers_class = next((each for each in ("mother", "name") if may(roles, each, "see")), None)
    by_mother = mothers_class and not one.value("name")
    return _Shown(one, class_, one.mother if by_mother else None, mothers_class or "")


def _out(it: _Shown, mother: Named | None) -> NameOut:
    one, only_name = it.one, it.class_ == "name"
    if one.merged_into:
        return NameOut(person=one.id, kind=one.kind, merged_into=one.merged_into)
    told = ("name",) if only_name and one.value("name") else ("name", "born_at", "due_on")
    return NameOut(
        person=one.id, kind=one.kind, status=one.status, **{name: one.value(name) for name in told},
        mother_name=mother.value("name") if mother else None, only_name=only_name,
        protected=one.protected or (mother is not None and mother.protected),
    )  # fmt: skip
