"""indicators over HTTP: figures with their definitions, as JSON, CSV or a spreadsheet, for those who lead or evaluate."""

import asyncio
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.chassis.errors import NotAllowed, NotUnderstood, RuleViolated
from services.chassis.party import Caller
from services.chassis.request import Reading, answer, reading
from services.chassis.route import UsualRoute
from services.chassis.service import runtime_of
from services.events.envelope import Municipality
from services.indicators import repository
from services.indicators.domain.definitions import definitions
from services.indicators.domain.figures import Counted, Line, lines, selected
from services.indicators.domain.periods import Period, Quarter
from services.indicators.endpoints import exporting, survey
from services.indicators.repository import counting
from services.indicators.schemas import DefinitionsOut, FiguresOut, PeriodsOut

router = APIRouter(prefix="/indicators", tags=["indicators"], route_class=UsualRoute)
Looking = Annotated[Reading, Depends(reading(runtime_of("indicators")))]
PeriodAsked = Annotated[str, Query(min_length=4, max_length=7, description="A year (2026) or a quarter of one (2026-Q1).")]

EVALUATOR = "evaluator"


class FiguresAreForLeadersAndEvaluators(NotAllowed):
    """Figures are for whoever leads a unit of the municipality, and for its systems with the role `evaluator`."""


class ThePeriodHasNotSettled(RuleViolated):
    """A quarter can be told from 30 days after its end on, a year with its last quarter; then its figures never change again."""


@router.get("/figures", response_model=FiguresOut, summary="Every figure of a period, small numbers left out")
async def see_figures(
    request: Looking, period: PeriodAsked, unit: UUID | None = None, municipality: Municipality | None = None
) -> Response:
    return answer(200, (await _figures(request, period, unit, municipality)).model_dump(mode="json"))


@router.get("/export.json", response_model=FiguresOut, summary="The same as a file")
async def export_json(
    request: Looking, period: PeriodAsked, unit: UUID | None = None, municipality: Municipality | None = None
) -> Response:
    return exporting.as_json(await _figures(request, period, unit, municipality))


@router.get("/export.csv", response_class=Response, summary="The same as CSV, a line per number, its definition beside it")
async def export_csv(
    request: Looking, period: PeriodAsked, unit: UUID | None = None, municipality: Municipality | None = None
) -> Response:
    return exporting.as_csv(await _figures(request, period, unit, municipality))


@router.get("/export.xlsx", response_class=Response, summary="The same as a spreadsheet: figures, and their definitions")
async def export_xlsx(
    request: Looking, period: PeriodAsked, unit: UUID | None = None, municipality: Municipality | None = None
) -> Response:
    return exporting.as_xlsx(await _figures(request, period, unit, municipality))


@router.get(
    "/periods", response_model=PeriodsOut, summary="What can be asked for: quarters that have been counted, and whole years"
)
async def see_periods(request: Looking) -> Response:
    """For those who may see figures."""
    async with request.begin() as look:
        if not look.caller.is_service:
            municipality_of(look.caller, None)
        quarters = await repository.all_counted_quarters(look.tx)
    years = sorted({it.starts_on.year for it in quarters}, reverse=True)
    whole = [str(year) for year in years if set(Period(year, None).quarters) <= set(quarters)]
    return answer(200, {"quarters": [str(it) for it in reversed(quarters)], "years": whole})


@router.get("/definitions", response_model=DefinitionsOut, summary="What each figure counts, from which events, by which formula")
async def see_definitions(request: Looking) -> Response:
    """For everyone who may log in: it says how is counted, and no number."""
    async with request.begin():
        return answer(200, exporting.definitions_out(definitions()).model_dump(mode="json"))


def municipality_of(caller: Caller, named: str | None) -> str:
    """Whose figures the caller may see. FiguresAreForLeadersAndEvaluators for everyone else."""
    own = caller.party.municipality
    if caller.is_service:
        if named is None:
            raise NotUnderstood("Name the municipality.")
        return named
    leads = any(seat.leads for seat in caller.seats) or (caller.professional is None and EVALUATOR in caller.roles)
    if caller.party.kind != "municipality" or own is None or not leads or named not in (None, own):
        raise FiguresAreForLeadersAndEvaluators(
            "Figures are for whoever leads a unit of the municipality, and for its systems with the role evaluator."
        )
    return own


async def _figures(request: Reading, asked: str, unit: UUID | None, named: str | None) -> FiguresOut:
    """No access-log line: nobody can be found in a figure."""
    period = Period.read(asked)
    async with request.begin() as look:
        municipality = municipality_of(look.caller, named)
        quarters = await repository.counted_quarters(look.tx, period.year)
        last = max(period.quarters)
        if last not in quarters:
            raise ThePeriodHasNotSettled(
                f"{period} can be told from {last.settles_on} on, once everything said until then has been heard.",
                settles_on=last.settles_on,
            )
        counted = tuple(await counting.counted(look.tx, definitions(), municipality, period.year))
        since = await repository.since(look.tx, municipality)
    # Beside the event loop: what may be told of a large municipality takes seconds to find out, once.
    found = await asyncio.to_thread(_lines, counted, tuple(quarters), period.year)
    chosen = selected(found, str(period), str(unit) if unit else None)
    return exporting.figures_out(definitions(), chosen, municipality, str(period), since)


@lru_cache(maxsize=32)
def _lines(counted: tuple[Counted, ...], quarters: tuple[Quarter, ...], year: int) -> list[Line]:
    """The whole year's, as far as it is counted. What was counted never changes."""
    whole_year = quarters[-1] == max(Period(year, None).quarters)
    return lines(definitions(), counted, [str(quarter) for quarter in quarters], str(year), whole_year)


router.include_router(survey.router)
