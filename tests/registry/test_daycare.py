"""Whether the baton goes along with a start in daycare: the tovholder's decision within the municipality's rule."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.events.daycare import BatonDecided, BatonRule, BatonRuleSet, StartCancelled
from services.events.directory import UnitChanged, subject_of_municipality
from services.events.envelope import Seat
from services.registry.domain.daycare import Daycare, refusal, rule_on
from tests.registry.settled import Municipality

TODAY = date(2026, 11, 23)
NURSE = Seat(professional=uuid4(), unit=uuid4())
PEDAGOGUE = Seat(professional=uuid4(), unit=uuid4())
DAYCARE = Daycare(PEDAGOGUE.unit)


def ruled(rule: BatonRule, moves: bool | None = None, **more: Any) -> Daycare:
    return replace(DAYCARE, rules=((date.min, rule),), moves=moves, **more)


@pytest.mark.parametrize(
    ("daycare", "refused", "by_override"),
    [
        (None, None, None),
        (DAYCARE, None, None),
        (ruled("tovholder-decides"), None, None),
        (ruled("tovholder-decides", True), None, None),
        (ruled("tovholder-decides", False), "the-tovholder-has-decided-that-the-baton-stays", None),
        (ruled("moves"), None, None),
        (ruled("stays"), "the-municipality-lets-the-baton-stay", "the-municipality-lets-the-baton-stay"),
        (ruled("stays", True), "the-municipality-lets-the-baton-stay", "the-municipality-lets-the-baton-stay"),
        (ruled("moves", None, private=True), "the-parents-have-not-agreed", "the-parents-have-not-agreed"),
        (ruled("moves", False, private=True), "the-parents-have-not-agreed", "the-parents-have-not-agreed"),
        (ruled("tovholder-decides", True, private=True), None, None),
        (Daycare(uuid4(), rules=((date.min, "stays"),)), None, None),
    ],
)
def test_the_baton_goes_to_daycare_only_within_the_municipalitys_rule_and_the_tovholders_decision(
    daycare: Daycare | None, refused: str | None, by_override: str | None
) -> None:
    found, overriding = (refusal(daycare, NURSE, PEDAGOGUE, TODAY, by_override=it) for it in (False, True))

    assert (found and found.slug(), overriding and overriding.slug()) == (refused, by_override)


def test_a_rule_counts_from_its_day_on_and_a_colleague_of_the_same_institution_is_no_start() -> None:
    from_tomorrow = ((date.min, "moves"), (TODAY + timedelta(days=1), "stays"))
    colleague = Seat(professional=uuid4(), unit=PEDAGOGUE.unit)

    assert [rule_on(from_tomorrow, TODAY + timedelta(days=it)) for it in (0, 1, 2)] == ["moves", "stays", "stays"]  # type: ignore[arg-type]
    assert rule_on((), TODAY) == "tovholder-decides"
    assert refusal(ruled("stays"), PEDAGOGUE, colleague, TODAY) is None


async def rule(town: Municipality, baton: BatonRule, in_days: int = 0) -> None:
    code = town.heard.municipality
    from_on = await town.heard.today() + timedelta(days=in_days)
    await town.heard.tell(subject_of_municipality(code), BatonRuleSet(municipality=code, from_on=from_on, baton=baton))


async def decided(town: Municipality, child: UUID, moves: bool, start: UUID) -> None:
    about = {"start": start, "child": child, "municipality": town.heard.municipality, "unit": town.pedagogue.unit}
    on = await town.heard.today() + timedelta(days=10)
    await town.heard.tell(child, BatonDecided(**about, starts_on=on, moves=moves, decided_by=town.nurse.professional))


async def test_a_handover_to_daycare_is_refused_proposed_accepted_or_on_its_day_by_the_rule_of_that_day(
    town: Municipality,
) -> None:
    start, child = uuid4(), await town.held(town.nurse)
    overriding = {"to": town.pedagogue.model_dump(mode="json"), "reason": "other", "text": "The mother asks for it."}
    soon = (await town.heard.today() + timedelta(days=10)).isoformat()

    # The tovholder has decided that it stays, and then that it moves.
    await decided(town, child, False, start)
    not_so = await town.propose(child, town.pedagogue, by=town.nurse)
    await decided(town, child, True, start)
    offered = await town.propose(child, town.pedagogue, by=town.nurse, effective_on=soon)

    # The municipality lets it stay from tomorrow on: what is to take effect then is refused when it is accepted.
    await rule(town, "stays", in_days=1)
    too_late = await town.as_(town.pedagogue).post(f"/registry/handovers/{offered.body['id']}/acceptance")
    await rule(town, "moves", in_days=1)
    accepted = await town.as_(town.pedagogue).post(f"/registry/handovers/{offered.body['id']}/acceptance")

    # Agreed upon, but on its day the rule is another one: the giver keeps the baton, and it is said why.
    await rule(town, "stays", in_days=2)
    await town.pass_days(10)
    kept = await town.tovholder(child)
    again = await town.propose(child, town.pedagogue, by=town.nurse)
    by_leader = await town.as_(town.leader).post(f"/registry/children/{child}/override", overriding)

    assert (not_so.status, not_so.problem) == (409, "the-tovholder-has-decided-that-the-baton-stays")
    assert offered.status == 201, offered.body
    assert (too_late.problem, too_late.body["tovholder"]["professional"]) == (
        "the-municipality-lets-the-baton-stay",
        str(town.nurse.professional),
    )
    assert (accepted.status, accepted.body["state"]) == (200, "scheduled")
    assert kept == str(town.nurse.professional)
    ended = await town.service().get(f"/registry/handovers/{offered.body['id']}")
    assert (ended.body["state"], ended.body["cause"]) == ("withdrawn", "baton-stays")
    assert again.problem == by_leader.problem == "the-municipality-lets-the-baton-stay"


async def test_a_private_institution_gets_the_baton_only_where_it_was_decided_with_the_parents_consent(
    town: Municipality,
) -> None:
    start, child = uuid4(), await town.held(town.nurse)
    institution = UnitChanged(
        unit=town.pedagogue.unit, municipality=town.heard.municipality, kind="institution", parent=None, district=None, sor=[],
        leaders=[], private=True, active=True,
    )  # fmt: skip
    await town.heard.tell(town.pedagogue.unit, institution)

    without = await town.propose(child, town.pedagogue, by=town.nurse)
    await decided(town, child, True, start)
    cancelled = StartCancelled(
        start=start, child=child, municipality=town.heard.municipality, unit=town.pedagogue.unit,
        starts_on=await town.heard.today(), cause="family",
    )  # fmt: skip
    await town.heard.tell(child, cancelled)
    of_a_cancelled_start = await town.propose(child, town.pedagogue, by=town.nurse)
    await decided(town, child, True, uuid4())
    with_consent = await town.propose(child, town.pedagogue, by=town.nurse)

    assert without.problem == of_a_cancelled_start.problem == "the-parents-have-not-agreed"
    assert with_consent.status == 201, with_consent.body
