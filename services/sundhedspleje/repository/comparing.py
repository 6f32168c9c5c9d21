"""A new file compared with what holds on the day from which it is to hold: the same for an upload and for the command."""

from collections.abc import Sequence
from datetime import date

from services.chassis.store import Tx
from services.sundhedspleje.domain import visit_files
from services.sundhedspleje.domain.programmes import definitions
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.visits import VisitPlans
from services.sundhedspleje.repository import plans, written
from services.sundhedspleje.repository.written import PROGRAMMES, VISITS


async def programmes(tx: Tx, municipality: str, content: str, from_on: date) -> list[definitions.Difference]:
    """TheFileMakesNoSense also where it rewrites what will have taken effect."""
    after = plans.read_text(content, Programmes, PROGRAMMES)
    before = await written.programmes(tx, municipality, from_on)
    _must_keep(PROGRAMMES, definitions.rewritten(before, after, from_on))
    return definitions.differences(before, after, from_on)


async def visits(tx: Tx, municipality: str, content: str, from_on: date) -> list[visit_files.Difference]:
    """TheFileMakesNoSense also where it rewrites a plan that will have taken effect, or lacks a visit that a programme names."""
    after = plans.read_text(content, VisitPlans, VISITS)
    before = await written.visit_plans(tx, municipality, from_on)
    offered = await written.programmes(tx, municipality, from_on)
    named = {kind for it in offered.in_force(from_on) for kind in it.visits}
    _must_keep(VISITS, visit_files.rewritten(before, after, from_on, named))
    return visit_files.differences(before, after, from_on)


def _must_keep(place: str, mistakes: Sequence[str]) -> None:
    if mistakes:
        raise plans.TheFileMakesNoSense([f"{place}: {it}" for it in mistakes])
