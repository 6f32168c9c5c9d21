"""HTTP of consents: given, withdrawn, listed with how they stand; and decisions to disclose, asked and looked up."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, require
from services.chassis.ids import new_id
from services.chassis.request import Change, OpenChange, OpenReading, Reading, change, reading
from services.chassis.service import runtime_of
from services.chassis.settings import Secrets
from services.events.access import may
from services.events.persons import ConsentGiven, ConsentWithdrawn
from services.persons import repository
from services.persons.domain import disclosure
from services.persons.endpoints.related import living, related
from services.persons.repository import Person, consents
from services.persons.repository.consents import Custody, Recorded
from services.persons.schemas import ConsentIn, ConsentOut, ConsentsOut, DecisionIn, DecisionOut, DisclosureOut, DisclosuresOut

runtime = runtime_of("persons")
router = APIRouter()
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/{ref}/consents", status_code=201, summary="Record a consent")
async def give_consent(ref: UUID, body: ConsentIn, request: Changing) -> Response:
    """`ref` is the child, also for what the mother releases about herself.

    Recorded by the tovholder or their deputy in absence.
    """
    async with request.begin() as changing:
        child = await related(changing, request.runtime.settings.secrets, ref, "consent", "act")
        return await give(changing, Custody(child.id, child.municipality, child.mother, child.custody_registered), body)


async def give(changing: OpenChange, child: Custody, body: ConsentIn) -> Response:
    """Checks, keeps and says a consent, whoever brings it. OnlyAHolderOfCustodyMayConsent and its like where it is not theirs."""
    consent = disclosure.Consent(
        body.given_by, body.about, body.recipient_kind, body.purpose, frozenset(body.categories), body.from_on, body.until_on
    )
    holders = await repository.custody_of(changing.tx, child.id, date_of(changing.at))
    disclosure.check_consent(consent, child.mother, holders, child.registered)
    number = new_id()
    await consents.add_consent(changing.tx, consent, number, child, changing.caller.professional, changing.at)
    given = ConsentGiven(
        consent_id=number, child=child.id, municipality=child.municipality, about=body.about,
        given_by=body.given_by, recipient_kind=body.recipient_kind,
        purpose=body.purpose, categories=sorted(consent.categories), from_on=body.from_on, until_on=body.until_on,
    )  # fmt: skip
    changing.tx.publish(child.id, given)
    return await changing.answer(201, {"consent": number, "child": child.id})


@router.post("/consents/{number}/withdrawal", status_code=201, summary="Withdraw a consent")
async def withdraw_consent(number: UUID, request: Changing) -> Response:
    """At any time, with no reason asked; what was disclosed before stays disclosed."""
    secrets = request.runtime.settings.secrets
    async with request.begin() as changing:
        consent = await consents.consent(changing.tx, number)
        if consent is None:
            raise NotFound("There is no such consent, or not for you.")
        child = await related(changing, secrets, consent["child"], "consent", "act")
        return await withdraw(changing, number, consent["withdrawn_at"] is not None, child.id, child.municipality)


async def withdraw(changing: OpenChange, number: UUID, is_withdrawn: bool, child: UUID, municipality: str) -> Response:
    """From now on it releases nothing. TheConsentIsAlreadyWithdrawn."""
    if is_withdrawn:
        raise disclosure.TheConsentIsAlreadyWithdrawn
    await consents.withdraw_consent(changing.tx, number, changing.caller.professional, changing.at)
    said = ConsentWithdrawn(consent_id=number, child=child, municipality=municipality, withdrawn_at=changing.at)
    changing.tx.publish(child, said)
    return await changing.answer(201, {"consent": number, "child": child})


@router.get("/{ref}/consents", summary="Consents of a child and its mother, and who may give them")
async def see_consents(ref: UUID, request: Looking, after: UUID | None = None, limit: Limit = 50) -> ConsentsOut:
    """In the order in which they were recorded, withdrawn and ended ones too. `custody.registered` false: the mother alone
    consents; without a mother consent is not yet possible.
    """
    async with request.begin() as looking:
        child = await _visible(looking, request.runtime.settings.secrets, ref)
        await looking.saw(child.id, "consent")
        found = await consents.recorded(looking.tx, child.id, after, limit)
        holders = await repository.custody_of(looking.tx, child.id, date_of(looking.at))
        return ConsentsOut.model_validate(
            {
                "child": child.id,
                "custody": {"registered": child.custody_registered, "holders": sorted(holders)},
                "may_consent": {
                    "child": sorted(holders) if child.custody_registered else [child.mother] if child.mother else [],
                    "mother": [child.mother] if child.mother else [],
                },
                "consents": [shown(it, looking) for it in found],
                "next": found[-1].id if len(found) == limit else None,
            }
        )


def shown(it: Recorded, looking: OpenReading) -> ConsentOut:
    """A consent as it stands today."""
    consent = it.consent
    return ConsentOut(
        id=it.id, about=consent.about, given_by=consent.given_by, recipient_kind=consent.recipient_kind, purpose=consent.purpose,
        categories=sorted(consent.categories), from_on=consent.from_on, until_on=consent.until_on,
        state=disclosure.state_of(consent, date_of(looking.at)), recorded_by=it.recorded_by, recorded_at=it.recorded_at,
        withdrawn_at=it.withdrawn_at,
    )  # fmt: skip


@router.get("/{ref}/disclosures", summary="What may have been disclosed of a child, to whom and on what basis")
async def see_disclosures(ref: UUID, request: Looking, after: UUID | None = None, limit: Limit = 50) -> DisclosuresOut:
    """Every answer that a service got when it asked, refusals too. What is based on s. 43(2) is told to the person afterwards."""
    async with request.begin() as looking:
        child = await _visible(looking, request.runtime.settings.secrets, ref)
        await looking.saw(child.id, "consent")
        rows = await consents.disclosed(looking.tx, child.id, after, limit)
        lines = [DisclosureOut.model_validate(dict(row)) for row in rows]
        return DisclosuresOut(disclosures=lines, next=lines[-1].id if len(lines) == limit else None)


async def _visible(looking: OpenReading, secrets: Secrets, ref: UUID) -> Person:
    """The child, for who may see its consents; a merged reference stands for the child that lives on."""
    person = await repository.person_of(looking.tx, secrets, ref)
    if person is None or person.kind != "child":
        raise NotFound("There is no such child, or not for you.")
    relations = await consents.relations(looking.tx, looking.caller, person, looking.at)
    require(may(relations, "consent", "see"), bool(relations))
    return await living(looking.tx, secrets, ref)


@router.post("/decisions", summary="For services: may this be disclosed, now?")
async def decide_disclosure(body: DecisionIn, request: Looking) -> DecisionOut:
    """Asked at the moment of giving; every answer is kept with its basis, but a preview's.

    Asking again makes another record and changes nothing else.
    """
    secrets = request.runtime.settings.secrets
    async with request.begin() as looking:
        looking.only_services()
        looking.tx.only_reads = body.preview
        child = await living(looking.tx, secrets, body.child)
        facts = await consents.facts_for(
            looking.tx, child, body.recipient_kind, body.purpose, body.categories, body.to_unit, body.invoked, looking.at
        )
        decision, number = disclosure.may_disclose(facts), None if body.preview else new_id()
        if number:
            await consents.record_decision(
                looking.tx, number, child, facts, decision, body.to_unit, looking.caller.client, looking.at
            )
        return DecisionOut(
            decision=number,
            basis=decision.basis,
            allowed=list(decision.allowed),
            withheld=list(decision.withheld),
            bases=dict(decision.bases),
            say=decision.say,
            consents=dict(decision.consents),
            awaited=sorted(decision.awaited),
        )
