"""A family that says yes to a visit series has its visits planned by that, and no longer when it ends."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.visits import Family as Known
from services.sundhedspleje.domain.visits import VisitPlan, replan, visits_due
from tests.sundhedspleje.family import Family
from tests.support.heard import Heard

TODAY = date(2026, 11, 23)
CHILD = uuid4()
LATE = {"kind": "early-visit", "counts_from": "birth", "from_months": 6, "until_months": 8, "catch_up_days": 30}
SOON = {"kind": "extra-visit", "counts_from": "birth", "from_days": 30, "until_days": 40}
CONTACTS = [{**it, "fboe": "Behovskontakt med småbørnssundhedsplejen", "for_criteria": ["serious-loss"]} for it in (LATE, SOON)]
PLAN = VisitPlan.model_validate({"from_on": "2024-01-01", "contacts": CONTACTS})
BOTH = Known(series=frozenset({"early-visit", "extra-visit"}))


def a_case(born_on: date) -> Case:
    return Case(
        child=CHILD, municipality="0990", mother=None, status="born", order=1, sibling_of=None, due_on=None, born_on=born_on
    )


def test_a_promised_visit_whose_window_is_over_is_planned_from_today_and_does_not_move_with_the_days() -> None:
    case = a_case(TODAY - timedelta(days=500))

    planned = visits_due(PLAN, case, TODAY, BOTH)
    a_week_later = replan(PLAN, case, planned, TODAY + timedelta(days=7), BOTH)

    assert visits_due(PLAN, case, TODAY) == ()
    assert {it.kind: (it.from_on, it.because) for it in planned} == {
        "early-visit": (TODAY, ("programme",)),
        "extra-visit": (TODAY, ("programme",)),
    }
    assert a_week_later.all == ()
    assert len(replan(PLAN, case, planned, TODAY).lapsed) == 2


def test_a_promised_visit_ahead_has_the_window_of_the_plan_and_moves_with_the_date_of_birth() -> None:
    case = a_case(TODAY)

    planned = visits_due(PLAN, case, TODAY, BOTH)
    corrected = replan(PLAN, a_case(TODAY - timedelta(days=2)), planned, TODAY, BOTH)

    assert {it.kind: it.from_on for it in planned}["extra-visit"] == TODAY + timedelta(days=30)
    assert {it.kind: it.from_on for it in corrected.moved}["extra-visit"] == TODAY + timedelta(days=28)


@pytest.fixture
async def family(heard: Heard, tmp_path: Path) -> Family:
    found = await Family.visited(heard)
    heard.world.settings.plans_folder = tmp_path
    folder = tmp_path / heard.municipality
    folder.mkdir()
    criteria = [{"code": "serious-loss", "says": "Tab"}]
    visits = {"criteria": criteria, "decline_reasons": ["no-time"], "need_visit_reasons": ["feeding"]}
    plan = {"from_on": "2024-01-01", "applies_to": "all-children", "contacts": CONTACTS}
    (folder / "visits.yaml").write_text(yaml.safe_dump({**visits, "plans": [plan]}))
    series: dict[str, Any] = {"key": "series", "title": "Ekstra besøg", "kind": "visit-series", "effective_from": "2024-01-01"}
    offered_to = {"any": [{"judged": ["first-worry"]}]}
    series |= {"visits": ["early-visit", "extra-visit"], "offered_to": offered_to}
    (folder / "programmes.yaml").write_text(yaml.safe_dump({"title": "Byen", "programmes": [series]}))
    await heard.pass_days(0)
    return found


async def test_accepting_an_offered_visit_series_plans_its_visits_and_stopping_it_takes_back_what_is_still_ahead(
    family: Family,
) -> None:
    async def offer() -> str:
        body = {"child": str(family.child), "programme": "series", "grounds": ["first-worry"]}
        answer = await family.do("/enrolments", body)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def states() -> dict[str, Any]:
        return {kind: it["state"] for kind, it in (await family.visits()).items() if kind in ("early-visit", "extra-visit")}

    declined = await offer()
    await family.do(f"/enrolments/{declined}/refusal", {"reason": "no-time"})
    before = await states()
    number = await offer()
    accepted = await family.do(f"/enrolments/{number}/acceptance", {}, key="yes")
    again = await family.do(f"/enrolments/{number}/acceptance", {}, key="yes")
    planned = await states()
    because = (await family.ask("nurse", f"/visits/{(await family.visits())['extra-visit']['id']}")).body["because"]
    await family.heard.pass_days(30)
    await family.do(f"/visits/{(await family.visits())['extra-visit']['id']}/held", {"on": await family.day()})
    stopped = await family.do(f"/enrolments/{number}/stop", {"reason": "family-wishes"})

    assert before == {}
    assert (accepted.status, again.body) == (200, accepted.body)
    assert planned == {"early-visit": "planned", "extra-visit": "planned"}
    assert because == ["programme"]
    assert stopped.status == 200, stopped.body
    assert await states() == {"early-visit": "lapsed", "extra-visit": "held"}
    (lapsed,) = [it for it in await family.facts("visits_replanned") if it["why"] == "programme"]
    assert lapsed["visits"] == [(await family.visits())["early-visit"]["id"]]
    kinds = [it["kind"] for it in await family.facts("visit_planned")]
    assert (kinds.count("early-visit"), kinds.count("extra-visit")) == (1, 1)
