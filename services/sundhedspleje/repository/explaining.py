"""Why a family is offered what it is, for the operator's command: the same rule and the same facts as when it is offered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.party import MACHINE
from services.chassis.store import Store, Tx
from services.sundhedspleje import repository
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.programmes import eligibility
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.programmes.eligibility import Explanation
from services.sundhedspleje.domain.visits import VisitPlans, visits_due
from services.sundhedspleje.repository import enrolments, in_force, plans, visits, written
from services.sundhedspleje.repository.checking import read


@dataclass(frozen=True)
class Row:
    """One programme, in words. `step`: where it stands in the Handleguide, and its address.

    `enrolment`: the family's latest in it, with the reasons that were kept with the offer.
    """

    programme: str
    step: str
    answer: str
    because: str
    lacking: str
    enrolment: str


@dataclass(frozen=True)
class VisitRow:
    """A visit that is for this child by its plan, with its window; `because`: for all, or the criteria that are met."""

    kind: str
    from_on: date
    until_on: date
    because: str


@dataclass(frozen=True)
class Explained:
    """By which files it is explained, what the family is offered, and which visits are due."""

    by: tuple[str, ...]
    programmes: tuple[Row, ...]
    visits: tuple[VisitRow, ...]


async def explain(store: Store, child: UUID, files: Sequence[Path] = (), on: date | None = None) -> Explained:
    """Every programme that families are offered, and the visits of the plan, as they hold: uploaded, or of the folder.

    `files`: files that stand in place of those, before they are uploaded. `on`: the day; today where none is named.
    NotFound where sundhedspleje has no such case; OSError, TheFileMakesNoSense of a file.
    """
    instead = {name: (file, plans.read_text(text, plans.FILES[name], str(file))) for file in files for name, text in [read(file)]}
    async with store.transaction() as tx:
        case = await repository.case_of(tx, child)
        if case is None:
            raise NotFound("sundhedspleje has no case of that reference.")
        await tx.read("tovholder programmes explain", MACHINE, child, "programmes", "explaining")
        today = date_of(await tx.now())
        day = on or today
        by, said = [], []
        for name in (written.PROGRAMMES, written.VISITS):
            source = await _source(tx, case.municipality, day, name)
            file, made = instead.get(name) or (source, await _held(tx, case.municipality, day, today, name))
            by.append(f"{name}: {file}")
            said.append(made)
        programmes, visit_plans = said
        assert isinstance(programmes, Programmes)
        assert isinstance(visit_plans, VisitPlans)
        return Explained(
            tuple(by), tuple(await _programmes(tx, case, programmes, day)), tuple(await _visits(tx, case, visit_plans, day))
        )


async def _held(tx: Tx, municipality: str, on: date, today: date, name: written.Name) -> BaseModel:
    """Of today what has taken effect, whatever a file says since; of another day what will hold then."""
    if name == written.PROGRAMMES:
        return await (in_force.programmes(tx, municipality) if on == today else written.programmes(tx, municipality, on))
    return await (in_force.visit_plans(tx, municipality) if on == today else written.visit_plans(tx, municipality, on))


async def _source(tx: Tx, municipality: str, on: date, name: written.Name) -> str:
    since = await written.holds_since(tx, municipality, on, name)
    return f"uploaded, holds from {since}" if since else f"the folder of {municipality}, or the standard"


async def _programmes(tx: Tx, case: Case, said: Programmes, on: date) -> list[Row]:
    facts = await enrolments.facts_of(tx, case, on)
    latest = {each.programme: each for each in await enrolments.of_child(tx, case.child)}
    rows = []
    for programme in said.in_force(on):
        if not programme.for_families:
            continue
        why, taken = eligibility.explain(programme.offered_to, facts), latest.get(programme.key)
        rows.append(
            Row(
                programme.key,
                f"{step.title} ({step.address})" if (step := said.step(programme.handleguide)) else "none",
                _answer(why),
                "; ".join(finding.says for finding in why.because) or ("it is for every family" if why.met else ""),
                _lacking(why),
                f"{taken.state}, offered for {', '.join(taken.because) or 'every family'}" if taken else "none",
            )
        )
    return rows


async def _visits(tx: Tx, case: Case, said: VisitPlans, on: date) -> list[VisitRow]:
    due = visits_due(said.plan_for(case, on), case, on, await visits.family_of(tx, case.child))
    return [VisitRow(it.kind, it.from_on, it.until_on, ", ".join(it.because) or "it is for every family") for it in due]


def _lacking(why: Explanation) -> str:
    must = [finding.says for finding in why.lacking]
    one_of = " – or – ".join(finding.says for finding in why.one_of)
    return "; ".join([*must, *([f"one of: {one_of}"] if one_of else [])])


def _answer(why: Explanation) -> str:
    if why.met:
        return "yes"
    return f"if judged: {' or '.join(why.if_judged)}" if why.if_judged else "no"
