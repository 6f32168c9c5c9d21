"""Why a family is offered what it is, for the operator's command: the same rule and the same facts as when it is offered."""

from dataclasses import dataclass
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.party import MACHINE
from services.chassis.store import Store
from services.sundhedspleje import repository
from services.sundhedspleje.domain.programmes import eligibility
from services.sundhedspleje.domain.programmes.eligibility import Explanation
from services.sundhedspleje.repository import enrolments, in_force


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


async def explain(store: Store, child: UUID) -> list[Row]:
    """Every programme in force that families are offered. NotFound where sundhedspleje has no such case."""
    async with store.transaction() as tx:
        case = await repository.case_of(tx, child)
        if case is None:
            raise NotFound("sundhedspleje has no case of that reference.")
        await tx.read("tovholder programmes explain", MACHINE, child, "programmes", "explaining")
        today = date_of(await tx.now())
        facts = await enrolments.facts_of(tx, case, today)
        latest = {each.programme: each for each in await enrolments.of_child(tx, child)}
        rows, written = [], await in_force.programmes(tx, case.municipality)
        for programme in written.in_force(today):
            if not programme.for_families:
                continue
            why, taken = eligibility.explain(programme.offered_to, facts), latest.get(programme.key)
            rows.append(
                Row(
                    programme.key,
                    f"{step.title} ({step.address})" if (step := written.step(programme.handleguide)) else "none",
                    _answer(why),
                    "; ".join(finding.says for finding in why.because) or ("it is for every family" if why.met else ""),
                    _lacking(why),
                    f"{taken.state}, offered for {', '.join(taken.because) or 'every family'}" if taken else "none",
                )
            )
        return rows


def _lacking(why: Explanation) -> str:
    must = [finding.says for finding in why.lacking]
    one_of = " – or – ".join(finding.says for finding in why.one_of)
    return "; ".join([*must, *([f"one of: {one_of}"] if one_of else [])])


def _answer(why: Explanation) -> str:
    if why.met:
        return "yes"
    return f"if judged: {' or '.join(why.if_judged)}" if why.if_judged else "no"
