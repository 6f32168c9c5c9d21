"""A municipality's programmes as a file: what holds now, a new one with its day, checked and compared before it takes effect."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.chassis.calendar import date_of
from services.chassis.errors import CallerIsUnknown, NotAllowed, NotFound, NotUnderstood, RuleViolated
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.request import Change, OpenChange, answer
from services.chassis.route import UsualRoute
from services.sundhedspleje.domain.programmes import definitions
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.endpoints.related import Changing, Looking
from services.sundhedspleje.repository import plans, written
from services.sundhedspleje.schemas.programmes import FileComparedOut, FileIn, FileLine, FileOut

router = APIRouter(prefix="/programme-file", route_class=UsualRoute)


class OnlyAnAdministratorWritesProgrammes(NotAllowed):
    """What families are offered is written by the municipality's administrator, as the directory names them."""


class TheProgrammesMakeNoSense(NotUnderstood):
    """`mistakes` says for each place what is wrong and what is allowed; nothing was kept."""


class ADayOfEffectLiesAhead(RuleViolated):
    """A file holds from tomorrow on at the earliest: until then it can be taken back."""


class AnotherFileIsComing(RuleViolated):
    """One file at a time waits for its day; take that one back first."""


class OnlyAComingFileIsTakenBack(RuleViolated):
    """What has taken effect stands; a new file changes it from another day on."""


@router.get("", response_model=FileOut, summary="The file that holds today, the one that is coming, and those before")
async def see_file(request: Looking) -> Response:
    """For the municipality's own people: it names no family."""
    async with request.begin() as look:
        municipality = _municipality(look.caller)
        content = await written.text(look.tx, municipality, date_of(look.at))
        lines = [FileLine(**row) for row in await written.all_of(look.tx, municipality)]
    return answer(200, FileOut(content=content, on=date_of(look.at), files=lines).model_dump(mode="json"))


@router.post("", response_model=FileComparedOut, summary="A new file from a day on; dry_run: only what it would change")
async def write_file(
    request: Changing,
    body: FileIn,
    dry_run: Annotated[bool, Query(description="Check and compare; keep nothing.")] = False,
) -> Response:
    """Every mistake is told with its line. What has taken effect is not rewritten: families were offered it."""
    await _only_an_administrator(request)
    async with request.begin() as opened:
        municipality, today = _municipality(opened.caller), date_of(opened.at)
        compared = await _compared(opened, municipality, body, today)
        if await written.coming(opened.tx, municipality, today):
            raise AnotherFileIsComing
        number = None if dry_run else new_id()
        if number and opened.caller.professional:
            await written.keep(opened.tx, number, municipality, body.content, body.from_on, opened.caller.professional, opened.at)
        out = FileComparedOut(file=number, from_on=body.from_on, changes=[vars(it) for it in compared])
        return await opened.answer(200, out.model_dump(mode="json"))


async def _compared(opened: OpenChange, municipality: str, body: FileIn, today: date) -> list[definitions.Difference]:
    if body.from_on <= today:
        raise ADayOfEffectLiesAhead
    try:
        after = plans.read_text(body.content, Programmes, written.FILE)
    except plans.TheFileMakesNoSense as error:
        raise TheProgrammesMakeNoSense(mistakes=list(error.mistakes)[:100]) from error
    before = await written.programmes(opened.tx, municipality, body.from_on)
    if mistakes := definitions.rewritten(before, after, body.from_on):
        raise TheProgrammesMakeNoSense(mistakes=[f"{written.FILE}: {it}" for it in mistakes[:100]])
    return definitions.differences(before, after, body.from_on)


@router.post("/{number}/withdrawal", response_model=FileLine, summary="Take a coming file back before its day")
async def take_back(number: UUID, request: Changing) -> Response:
    await _only_an_administrator(request)
    async with request.begin() as opened:
        municipality = _municipality(opened.caller)
        coming = await written.coming(opened.tx, municipality, date_of(opened.at))
        known = {row["id"]: row for row in await written.all_of(opened.tx, municipality)}
        if number not in known:
            raise NotFound("There is no such file, or not for you.")
        if coming is None or coming["id"] != number or opened.caller.professional is None:
            raise OnlyAComingFileIsTakenBack
        await written.withdraw(opened.tx, number, opened.caller.professional, opened.at)
        line = {**known[number], "withdrawn_by": opened.caller.professional, "withdrawn_at": opened.at}
        return await opened.answer(200, FileLine(**line).model_dump(mode="json"))


def _municipality(caller: Caller) -> str:
    if caller.party.kind != "municipality" or caller.party.municipality is None:
        raise NotAllowed("A municipality's programmes are for its own people and systems.")
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
