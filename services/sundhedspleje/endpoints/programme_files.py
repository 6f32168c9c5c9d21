"""A municipality's programmes and visit plans as files: what holds now, a new one with its day, compared before it holds."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import CallerIsUnknown, NotAllowed, NotFound, NotUnderstood, RuleViolated
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, Reading, answer
from services.chassis.route import UsualRoute
from services.sundhedspleje.endpoints.related import Changing, Looking
from services.sundhedspleje.repository import comparing, plans, written
from services.sundhedspleje.repository.written import PROGRAMMES, VISITS, Name
from services.sundhedspleje.schemas.programmes import FileComparedOut, FileIn, FileLine, FileOut, VisitFileComparedOut

router = APIRouter(route_class=UsualRoute)
DryRun = Annotated[bool, Query(description="Check and compare; keep nothing.")]
# The differences; a refusal where the file makes no sense, or rewrites what stands.
Compare = Callable[[OpenChange, str, FileIn], Awaitable[list[Any]]]


class OnlyAnAdministratorWritesProgrammes(NotAllowed):
    """What families are offered is written by the municipality's administrator, as the directory names them."""


class TheProgrammesMakeNoSense(NotUnderstood):
    """`mistakes` says for each place what is wrong and what is allowed; nothing was kept."""


class TheVisitPlansMakeNoSense(NotUnderstood):
    """`mistakes` says for each place what is wrong and what is allowed; nothing was kept."""


class ADayOfEffectLiesAhead(RuleViolated):
    """A file holds from tomorrow on at the earliest: until then it can be taken back."""


class AnotherFileIsComing(RuleViolated):
    """One file at a time waits for its day; take that one back first."""


class OnlyAComingFileIsTakenBack(RuleViolated):
    """What has taken effect stands; a new file changes it from another day on."""


@router.get("/programme-file", response_model=FileOut, summary="The file that holds today, what is coming, and those before")
async def see_file(request: Looking) -> Response:
    """For the municipality's own people: it names no family."""
    return await _seen(request, PROGRAMMES)


@router.post("/programme-file", response_model=FileComparedOut, summary="A new file from a day on; dry_run: only what changes")
async def write_file(request: Changing, body: FileIn, dry_run: DryRun = False) -> Response:
    """Every mistake is told with its line. What has taken effect is not rewritten: families were offered it."""
    return await _written(request, body, dry_run, PROGRAMMES, _programmes)


@router.post("/programme-file/{number}/withdrawal", response_model=FileLine, summary="Take a coming file back before its day")
async def take_back(number: UUID, request: Changing) -> Response:
    return await _taken_back(request, number, PROGRAMMES)


@router.get("/visit-plan-file", response_model=FileOut, summary="The visit plans that hold today, what is coming, those before")
async def see_visit_file(request: Looking) -> Response:
    """For the municipality's own people: it names no family."""
    return await _seen(request, VISITS)


@router.post(
    "/visit-plan-file", response_model=VisitFileComparedOut, summary="New visit plans from a day on; dry_run: only what changes"
)
async def write_visit_file(request: Changing, body: FileIn, dry_run: DryRun = False) -> Response:
    """Every mistake is told with its line. A plan that has taken effect is not rewritten: visits were planned by it."""
    return await _written(request, body, dry_run, VISITS, _visits)


@router.post(
    "/visit-plan-file/{number}/withdrawal", response_model=FileLine, summary="Take coming visit plans back before their day"
)
async def take_visit_file_back(number: UUID, request: Changing) -> Response:
    return await _taken_back(request, number, VISITS)


async def _seen(request: Reading, name: Name) -> Response:
    async with request.begin() as look:
        municipality = _municipality(look.caller)
        content = await written.text(look.tx, municipality, date_of(look.at), name)
        lines = [FileLine(**row) for row in await written.all_of(look.tx, municipality, name)]
    return answer(200, FileOut(content=content, on=date_of(look.at), files=lines).model_dump(mode="json"))


async def _written(request: Change, body: FileIn, dry_run: bool, name: Name, compare: Compare) -> Response:
    await _only_an_administrator(request)
    async with request.begin() as opened:
        municipality, today = _municipality(opened.caller), date_of(opened.at)
        if body.from_on <= today:
            raise ADayOfEffectLiesAhead
        compared = await compare(opened, municipality, body)
        if await written.coming(opened.tx, municipality, today, name):
            raise AnotherFileIsComing
        number, by = None if dry_run else new_id(), opened.caller.professional
        if number and by:
            await written.keep(opened.tx, number, municipality, name, body.content, body.from_on, by, opened.at)
        model = FileComparedOut if name == PROGRAMMES else VisitFileComparedOut
        out = model.model_validate({"file": number, "from_on": body.from_on, "changes": [vars(it) for it in compared]})
        return await opened.answer(200, out.model_dump(mode="json"))


async def _programmes(opened: OpenChange, municipality: str, body: FileIn) -> list[Any]:
    try:
        return list(await comparing.programmes(opened.tx, municipality, body.content, body.from_on))
    except plans.TheFileMakesNoSense as error:
        raise TheProgrammesMakeNoSense(mistakes=list(error.mistakes)[:100]) from error


async def _visits(opened: OpenChange, municipality: str, body: FileIn) -> list[Any]:
    try:
        return list(await comparing.visits(opened.tx, municipality, body.content, body.from_on))
    except plans.TheFileMakesNoSense as error:
        raise TheVisitPlansMakeNoSense(mistakes=list(error.mistakes)[:100]) from error


async def _taken_back(request: Change, number: UUID, name: Name) -> Response:
    await _only_an_administrator(request)
    async with request.begin() as opened:
        municipality = _municipality(opened.caller)
        coming = await written.coming(opened.tx, municipality, date_of(opened.at), name)
        known = {row["id"]: row for row in await written.all_of(opened.tx, municipality, name)}
        if number not in known:
            raise NotFound("There is no such file, or not for you.")
        if coming is None or coming["id"] != number or opened.caller.professional is None:
            raise OnlyAComingFileIsTakenBack
        await written.withdraw(opened.tx, number, opened.caller.professional, opened.at)
        line = {**known[number], "withdrawn_by": opened.caller.professional, "withdrawn_at": opened.at}
        return await opened.answer(200, FileLine(**line).model_dump(mode="json"))


def _municipality(caller: Caller) -> str:
    if caller.party.kind != "municipality" or caller.party.municipality is None:
        raise NotAllowed("A municipality's programmes and visit plans are for its own people and systems.")
    return caller.party.municipality


async def _only_an_administrator(request: Change) -> None:
    """Asked of the directory at that moment, before the transaction: no peer is asked inside one."""
    async with request.runtime.store.request(request.who, None, None, only_reads=True) as (_, opened):
        if opened is None:
            raise CallerIsUnknown
        caller = Caller.of(request.bearer, opened["caller"])
    if caller.professional is None:
        raise OnlyAnAdministratorWritesProgrammes
    found = await request.runtime.peers.get("directory", f"/directory/professionals/{caller.professional}")
    if not found["administers"] or found["state"] != "active":
        raise OnlyAnAdministratorWritesProgrammes
