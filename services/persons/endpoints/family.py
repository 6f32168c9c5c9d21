"""HTTP of a family's own log-in: a pass of five minutes, its consents, who is tovholder, what is planned, and who has looked."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import AwareDatetime

from services.chassis.calendar import date_of
from services.chassis.errors import CallerIsUnknown, LogInAgain, NotFound
from services.chassis.party import Bearer
from services.chassis.request import Change, OpenChange, OpenReading, Reading, change, reading
from services.chassis.service import Runtime, runtime_of
from services.persons import repository
from services.persons.domain import family as rules
from services.persons.domain.identifiers import Identifier
from services.persons.endpoints import consents as consenting
from services.persons.endpoints import family_shown as shown
from services.persons.endpoints.looks import looked
from services.persons.repository import consents
from services.persons.repository import family as families
from services.persons.repository.consents import Custody
from services.persons.schemas import (
    ConsentIn,
    ConsentsOut,
    DisclosureOut,
    DisclosuresOut,
    FamilyConsentIn,
    FamilyOut,
    FamilyWithdrawalIn,
    LookOut,
    LooksOut,
    PassOut,
)

runtime = runtime_of("persons")
router = APIRouter(prefix="/family")
_CPR = "urn:oid:1.2.208.176.1.2"


@dataclass(frozen=True)
class _PassBearer(Bearer):
    """Who holds a pass; stored answers are the person's, whichever of their passes they came with."""

    person: str = ""

    @property
    def client(self) -> str:
        return f"family|{self.person}"


async def by_pass(_: Runtime, authorization: str | None) -> Bearer:
    """A pass is a person's reference and a secret; the database says whether it stands. LogInAgain for what is none."""
    scheme, given = (authorization or "").partition(" ")[::2]
    person, secret = given.partition(".")[::2]
    try:
        named = UUID(person)
    except ValueError:
        named = None
    if scheme.lower() != "bearer" or named is None or not secret:
        raise LogInAgain("This address takes a family's pass: ask for one with your log-in.")
    return _PassBearer({"pass": families.digest(secret).hex(), "person": str(named)}, str(named))


Changing = Annotated[Change, Depends(change(runtime, by_pass))]
Looking = Annotated[Reading, Depends(reading(runtime, by_pass))]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("/pass", summary="For a family: a pass of five minutes by its own log-in")
async def give_pass(request: Request, authorization: str | None = Header(None, include_in_schema=False)) -> PassOut:
    """The log-in's token says who; a CPR number in it maps the log-in to the person once, and is neither kept nor logged.

    Takes no Idempotency-Key: asking again gives another pass, and the one before stands until it ends.
    """
    run = runtime(request)
    bearer = await run.tokens.bearer(authorization)
    number = await run.tokens.claim(authorization, run.settings.cpr_claim)
    blinds = [repository.blind(run.settings.secrets, Identifier.as_told(_CPR, number))] if number else []
    secret = secrets.token_urlsafe(32)
    found = await families.give_pass(run.store, bearer.who, blinds, secret, rules.PASS_SECONDS)
    if found is None:
        raise rules.NobodyIsKnownByThatLogIn
    given = {"pass": f"{found['person']}.{secret}", "seconds": rules.PASS_SECONDS, "children": found["children"]}
    return PassOut.model_validate(given)


@asynccontextmanager
async def opened_reading(request: Reading) -> AsyncIterator[OpenReading]:
    """ThePassHasEnded where it is too old, or custody has changed since it was given."""
    try:
        async with request.begin() as looking:
            yield looking
    except CallerIsUnknown as error:
        raise rules.ThePassHasEnded from error


@asynccontextmanager
async def opened_change(request: Change) -> AsyncIterator[OpenChange]:
    """The same for a change."""
    try:
        async with request.begin() as changing:
            yield changing
    except CallerIsUnknown as error:
        raise rules.ThePassHasEnded from error


async def own_child(opened: OpenChange | OpenReading, child: UUID) -> Custody:
    """NotFound for everybody else's."""
    found = await families.child_of(opened.tx, child)
    if found is None:
        raise NotFound("There is no such child, or it is not yours to answer for.")
    return found


@router.get("", summary="For a family: its children, their tovholder and what is planned")
async def see_family(request: Looking) -> FamilyOut:
    """As far as the other services say it now: what one of them does not answer is null, and named in `unavailable`."""
    async with opened_reading(request) as looking:
        family = await families.family_of(looking.tx)
        for child in family.children:
            await looking.saw(child, "own-page", "own-access")
        mothers = {child: (await own_child(looking, child)).mother for child in family.children}
        asked_on = await families.surveyed_on(looking.tx, family.person)
    found = await asyncio.gather(
        *(shown.child(request.runtime, child, mothers[child] == family.person) for child in family.children)
    )
    again_from = rules.survey_again_from(asked_on, date_of(looking.at))
    return FamilyOut(person=family.person, children=list(found), survey_from=again_from)


@router.get("/consents", summary="For a family: its consents about a child")
async def see_consents(child: UUID, request: Looking, after: UUID | None = None, limit: Limit = 50) -> ConsentsOut:
    """Those about the child by every holder of custody; those about the mother for her alone."""
    async with opened_reading(request) as looking:
        own = await own_child(looking, child)
        family = await families.family_of(looking.tx)
        await looking.saw(child, "consent", "own-access")
        found = await consents.recorded(looking.tx, child, after, limit)
        holders = await repository.custody_of(looking.tx, child, date_of(looking.at))
        is_mother = own.mother == family.person
        return ConsentsOut.model_validate(
            {
                "child": child,
                "custody": {"registered": own.registered, "holders": sorted(holders)},
                "may_consent": {
                    "child": sorted(holders) if own.registered else [own.mother] if own.mother else [],
                    "mother": [own.mother] if is_mother else [],
                },
                "consents": [consenting.shown(it, looking) for it in found],
                "next": found[-1].id if len(found) == limit else None,
            }
        )


@router.post("/consents", status_code=201, summary="For a family: consent")
async def give_consent(body: FamilyConsentIn, request: Changing) -> Response:
    """Given by whoever the pass is for: about a child whose custody they hold, or, by the mother, about herself."""
    async with opened_change(request) as changing:
        child = await own_child(changing, body.child)
        family = await families.family_of(changing.tx)
        given = ConsentIn(given_by=family.person, **body.model_dump(exclude={"child"}))
        return await consenting.give(changing, child, given)


@router.post("/consents/withdrawal", status_code=201, summary="For a family: withdraw a consent")
async def withdraw_consent(body: FamilyWithdrawalIn, request: Changing) -> Response:
    """One's own, at any time, with no reason asked. What was disclosed before stays disclosed."""
    async with opened_change(request) as changing:
        family, giver = await families.family_of(changing.tx), await families.giver_of(changing.tx, body.consent)
        if giver is None:
            raise NotFound("There is no such consent, or it is not yours to see.")
        if giver != family.person:
            raise rules.OnlyWhoGaveAConsentWithdrawsIt
        consent = await consents.consent(changing.tx, body.consent)
        assert consent is not None, "seen a moment ago, and never deleted"
        child = await own_child(changing, consent["child"])
        return await consenting.withdraw(
            changing, body.consent, consent["withdrawn_at"] is not None, child.id, child.municipality
        )


@router.get("/disclosures", summary="For a family: what may have been disclosed of a child, to whom and on what basis")
async def see_disclosures(child: UUID, request: Looking, after: UUID | None = None, limit: Limit = 50) -> DisclosuresOut:
    """Each answer a service got when it asked, refusals too; what is about the mother for her alone."""
    async with opened_reading(request) as looking:
        own, family = await own_child(looking, child), await families.family_of(looking.tx)
        await looking.saw(child, "consent", "own-access")
        rows = await consents.disclosed(looking.tx, child, after, limit)
        is_mother = own.mother == family.person
        lines = [
            DisclosureOut(
                **{
                    **row,
                    "allowed": rules.of_disclosure(row["allowed"], is_mother),
                    "withheld": rules.of_disclosure(row["withheld"], is_mother),
                    "bases": {it: row["bases"][it] for it in rules.of_disclosure(row["bases"], is_mother)},
                }
            )
            for row in rows
        ]
        return DisclosuresOut(disclosures=lines, next=lines[-1].id if len(lines) == limit else None)


@router.get("/access", summary="For a family: who has looked at a child's data, and at one's own")
async def see_access(
    child: UUID, request: Looking, before: AwareDatetime | None = None, limit: Limit = 100, machinery: bool = True
) -> LooksOut:
    """From every service's access log, the newest first. 503 where one does not answer: half of it would look like all.

    `machinery` false: without what the product's services asked each other, and what the family itself has looked at.
    """
    async with opened_reading(request) as looking:
        await own_child(looking, child)
        family = await families.family_of(looking.tx)
        await looking.saw(child, "own-page", "own-access")
    run = request.runtime
    page, next_before = await looked(run, (child, family.person), before, limit, machinery)
    lookers = await shown.lookers(run, page)
    lines = [
        LookOut(
            at=it.at, service=it.service, about="child" if it.about == child else "self", party=it.party,
            professional=it.professional, name=lookers[it.party, it.professional].name,
            organisation=lookers[it.party, it.professional].organisation, what=it.class_, purpose=it.purpose,
        )
        for it in page
    ]  # fmt: skip
    return LooksOut(lines=lines, before=next_before)
