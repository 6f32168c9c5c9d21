"""HTTP of persons.

Looking people up, registering by hand, identity for those who may, custody, consents, and decisions to disclose.
"""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, RuleViolated, require
from services.chassis.request import Change, OpenChange, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.chassis.settings import Secrets
from services.events.access import may
from services.events.persons import ChildIdentified, CustodyChanged
from services.persons import repository
from services.persons.domain import disclosure, matching
from services.persons.domain.identifiers import Identifier, current_first, preferred
from services.persons.endpoints import consents as consenting
from services.persons.endpoints import family, family_letters, lives, looks, naming, searching
from services.persons.endpoints.related import living, related
from services.persons.repository import Person, consents
from services.persons.repository import lives as lives_repository
from services.persons.schemas import (
    ChildIn,
    ChildRegisteredOut,
    ContactIn,
    CustodyHolderIn,
    CustodyIn,
    IdentifiersIn,
    LookupIn,
    PersonFound,
    Purpose,
    RecipientsOut,
)

runtime = runtime_of("persons")
router = APIRouter(prefix="/persons", tags=["persons"], route_class=UsualRoute)
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]


class OnlySundhedsplejenTakesChildrenIn(NotAllowed):
    """A child is registered by hand by sundhedsplejen, the intake, or a system of the municipality with the role `intake`."""


class OnlyAMunicipalityLooksPeopleUp(NotAllowed):
    """Sending organisations and services name people to us; they do not ask whom we know."""


class TheUnitMustBeNamed(NotUnderstood):
    """A system has no unit of its own: say in which unit the child is taken in."""


class TheIdentifierStandsOnAnotherPerson(RuleViolated):
    """People decide whether the two are one; nothing was changed."""


@router.post("/lookup", summary="Find a person of one's own municipality by a number")
async def look_up(body: LookupIn, request: Looking) -> PersonFound:
    """404 for everyone not known in the caller's own municipality, wherever else they may be.

    Each question is logged, also one without an answer.
    """
    secrets, numbers = request.runtime.settings.secrets, [it.identifier() for it in body.identifiers]
    async with request.begin() as looking:
        municipality = looking.caller.party.municipality
        if looking.caller.party.kind != "municipality" or municipality is None:
            raise OnlyAMunicipalityLooksPeopleUp
        found = await repository.find(looking.tx, secrets, numbers, municipality)
        # What was asked for stands in the log even if nobody was found: under the number's blind index, which reads as nothing.
        asked = UUID(bytes=repository.blind(secrets, preferred(numbers)[0])[:16])
        await looking.saw(found["id"] if found else asked, "lookup", body.purpose)
    if found is None:
        raise NotFound("Nobody in this municipality is known by that.")
    return PersonFound(person=found["id"], kind=found["kind"], status=found["status"])


@router.post("/children", status_code=201, summary="Register a child by hand", response_model=ChildRegisteredOut)
async def register_child(body: ChildIn, request: Changing) -> Response:
    """201 with the child's reference, whether new or known before; 202 without one where people must decide first."""
    secrets = request.runtime.settings.secrets
    async with request.begin() as changing:
        told = await _told(body, changing)
        details = body.mother.model_dump(exclude={"identifiers"}, exclude_none=True) if body.mother else None
        heard = await repository.identify(changing.tx, secrets, told, details)
        warnings = ["cpr-without-modulus-11"] if any(it.lacks_modulus_11 for it in told.identifiers) else []
        if heard.known_elsewhere:
            return await changing.answer(202, {"child": None, "new": False, "state": "people-decide", "warnings": warnings})
        child = next(it for it in heard.children if not told.children or told.children[0].order == it.after.order)
        return await changing.answer(
            201, {"child": child.after.id, "new": child.before is None, "state": "registering", "warnings": warnings}
        )


async def _told(body: ChildIn, changing: OpenChange) -> matching.Told:
    caller, municipality = changing.caller, changing.caller.party.municipality
    if municipality is None or not (
        any(seat.unit_kind in repository.TAKES_IN for seat in caller.seats)
        or "intake" in caller.roles
        or await repository.leads_intake(changing.tx, municipality, caller.professional)
    ):
        raise OnlySundhedsplejenTakesChildrenIn
    unit = body.unit or next(
        (seat.unit for seat in sorted(caller.seats, key=lambda it: it.unit_kind not in repository.TAKES_IN)), None
    )
    if unit is None:
        raise TheUnitMustBeNamed
    numbers, born = _identifiers(body.identifiers), body.born_at is not None
    child = matching.ToldChild(body.order, numbers, body.sex, body.born_at)
    mother = _identifiers(body.mother.identifiers) if body.mother else ()
    # A child with a number of its own is registered as itself, born or not yet: an expected child has none.
    return matching.Told(
        "birth" if born or numbers else "pregnancy",
        municipality,
        unit,
        changing.at,
        mother,
        (child,) if born or numbers else (),
        body.due_on,
    )


def _identifiers(given: Sequence[Any]) -> tuple[Identifier, ...]:
    return tuple(it.identifier() for it in given)


@router.post("/children/{ref}/identifiers", status_code=201, summary="Give a child another number")
async def add_identifiers(ref: UUID, body: IdentifiersIn, request: Changing) -> Response:
    """A twin gets its CPR, a replacement number is followed by the real one: the same child, known by both."""
    secrets = request.runtime.settings.secrets
    async with request.begin() as changing:
        numbers = _identifiers(body.identifiers)
        await repository.take_turns(changing.tx, secrets, numbers)
        child = await related(changing, secrets, ref, "identity", "act")
        for number in numbers:
            owner = await repository.owner_of(changing.tx, secrets, number)
            if owner and owner.person != child.id:
                raise TheIdentifierStandsOnAnotherPerson
        claims = {**child.claims, **{it: child.claims.get(it, frozenset()) | {matching.BY_HAND} for it in numbers}}
        await repository.write_claims(changing.tx, secrets, child.id, child.municipality, child.claims, claims)
        added = [it for it in preferred(numbers) if it not in child.claims]
        if added and child.kind == "child":
            kinds = list(dict.fromkeys(it.kind for it in added))
            changing.tx.publish(child.id, ChildIdentified(child=child.id, municipality=child.municipality, kinds=kinds))
        warnings = ["cpr-without-modulus-11"] if any(it.lacks_modulus_11 for it in numbers) else []
        return await changing.answer(201, {"child": child.id, "added": len(added), "warnings": warnings})


@router.get("/{ref:uuid}", summary="Who a person is, for those who may know")
async def identity(
    ref: UUID, request: Looking, purpose: Annotated[Purpose, Query()] = "care", reveal: Annotated[bool, Query()] = False
) -> Response:
    """A protected address is masked until `reveal=true` asks for it, which is logged as such.

    A merged reference names the one that lives on. ETag: the version of what was said of the person last, for If-Match.
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        person = await repository.person_of(looking.tx, secrets, ref)
        if person is None:
            raise NotFound("There is no such person, or not for you.")
        relations = await consents.relations(looking.tx, looking.caller, person, looking.at)
        class_ = "identity" if person.kind == "child" else "mother"
        require(may(relations, class_, "see"), bool(relations))
        if person.merged_into:
            return answer(200, {"person": ref, "merged_into": person.merged_into})
        masked = await repository.address_is_masked(looking.tx, person, date_of(looking.at))
        revealed = reveal and masked
        await looking.saw(ref, "protected-address" if revealed else class_, purpose)
        version = await repository.version_of(looking.tx, ref)
        return answer(200, await _shown(looking, person, may(relations, "mother", "see"), revealed, masked), version)


async def _shown(looking: OpenReading, person: Person, with_mother: bool, revealed: bool, masked: bool) -> dict[str, Any]:
    contact = dict(person.contact)
    if masked and not revealed:
        contact.pop("address", None)
    shown = {
        "person": person.id, "kind": person.kind, "municipality": person.municipality, "status": person.status,
        **{name: person.value(name) for name in ("name", "sex", "born_at", "due_on")},
        "identifiers": [
            {"system": it.system, "value": it.value, "kind": it.kind, "former": former}
            for it, former in current_first(person.claims)
        ],
        **lives_repository.life_of(person),
        "protected": person.protected, "contact": contact,
    }  # fmt: skip
    if person.kind == "child":
        holders = await repository.custody_of(looking.tx, person.id, date_of(looking.at)) if with_mother else ()
        shown |= {
            "order": person.order, "sibling_of": person.pregnancy if person.pregnancy != person.id else None,
            "mother": person.mother if with_mother else None,
            "custody": {"registered": person.custody_registered, "holders": sorted(holders)},
        }  # fmt: skip
    return shown


@router.post("/children/{ref}/custody", status_code=201, summary="Register who holds custody")
async def register_custody(ref: UUID, body: CustodyIn, request: Changing) -> Response:
    """Until this is done custody counts as not registered, and the mother alone consents and is told."""
    secrets = request.runtime.settings.secrets
    async with request.begin() as changing:
        child = await related(changing, secrets, ref, "identity", "act")
        holders = [await _guardian(changing, secrets, child, one) for one in body.holders]
        await consents.register_custody(changing.tx, child, holders, body.from_on)
        changing.tx.publish(
            child.id,
            CustodyChanged(child=child.id, municipality=child.municipality, holders=sorted(holders), from_on=body.from_on),
        )
        return await changing.answer(201, {"child": child.id, "holders": sorted(holders)})


async def _guardian(changing: OpenChange, secrets: Secrets, child: Person, given: CustodyHolderIn) -> UUID:
    if given.person:
        known = await repository.person_of(changing.tx, secrets, given.person)
        if known is None or known.kind != "adult" or known.municipality != child.municipality:
            raise NotFound("A holder named is not known here.")
        return known.id
    numbers = _identifiers(given.identifiers)
    if not numbers:
        raise NotUnderstood("Each holder is a person already known, or someone with a number.")
    owner = await repository.owner_of(changing.tx, secrets, preferred(numbers)[0])
    if owner and owner.municipality != child.municipality:
        raise TheIdentifierStandsOnAnotherPerson
    contact = {"email": given.email} if given.email else {}
    return (
        owner.person
        if owner
        else await repository.add_adult(changing.tx, secrets, child.municipality, numbers, given.name, contact, changing.at)
    )


@router.post("/{ref}/contact", status_code=201, summary="How a person is reached")
async def set_contact(ref: UUID, body: ContactIn, request: Changing) -> Response:
    """Replaces what is named; what is not named stays."""
    secrets = request.runtime.settings.secrets
    async with request.begin() as changing:
        person = await related(changing, secrets, ref, "identity", "act")
        await repository.write_contact(changing.tx, secrets, person, {**person.own_contact, **body.model_dump(exclude_none=True)})
        return await changing.answer(201, {"person": ref})


@router.get("/{ref}/recipients", summary="For services: whom of the family to tell, now", response_model_exclude_none=True)
async def recipients(
    ref: UUID, request: Looking, letter: Annotated[bool, Query()] = False, about: Annotated[disclosure.About, Query()] = "child"
) -> RecipientsOut:
    """Before birth the pregnant woman alone; until custody is registered the mother; then each holder of custody.

    Nobody once the child has died or the pregnancy has ended: sending asks here each time. `letter`: each with their own name,
    postal address and number, for an envelope or Digital Post; a protected one too, since protection never stops a letter.
    `about`: of what is the mother's own she alone is told, whoever holds custody.
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        looking.only_services()
        child = await living(looking.tx, secrets, ref)
        custody = await repository.custody_of(looking.tx, child.id, date_of(looking.at))
        told = disclosure.to_be_told(child.status == "born", child.mother, custody, child.custody_registered, about)
        known = [person for one in told if (person := await repository.person_of(looking.tx, secrets, one))]
        people = [person for person in known if not person.do_not_contact and person.died_at is None]
        for person in people:
            await looking.saw(person.id, "protected-address" if letter and person.protected else "mother", "notice")
        return RecipientsOut.model_validate(
            {
                "do_not_contact": child.do_not_contact
                or not child.life.is_running
                or (bool(known) and all(person.do_not_contact for person in known)),
                "recipients": [
                    {
                        "person": it.id,
                        "kind": "mother" if it.id == child.mother else "guardian",
                        "address": {"email": it.contact["email"]} if "email" in it.contact else {},
                        **(_for_letter(it) if letter else {}),
                    }
                    for it in people
                ],
            }
        )


def _for_letter(person: Person) -> dict[str, Any]:
    address = {name: person.contact[key] for name, key in (("email", "email"), ("post", "address")) if key in person.contact}
    numbers = [number.value for number, former in current_first(person.claims) if number.kind == "cpr" and not former]
    cpr = numbers[0] if numbers else None
    return {"address": address, "name": person.value("name"), "cpr": cpr, "protected": person.protected}


router.include_router(lives.router)
router.include_router(family.router)
router.include_router(family_letters.router)
router.include_router(consenting.router)
router.include_router(looks.router)
router.include_router(searching.router)
router.include_router(naming.router)
