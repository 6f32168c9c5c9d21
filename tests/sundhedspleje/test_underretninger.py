"""Underretning over HTTP: no consent, two clocks on the municipality's calendar, and nobody learns of it but whom it concerns."""

from datetime import datetime, timedelta

import pytest

from services.chassis.calendar import after_working_days
from services.events.directory import MunicipalityChanged, subject_of_municipality
from tests.sundhedspleje.family import Family
from tests.support.heard import Heard

TEXT = "Hun er bekymret for barnets trivsel."


@pytest.fixture
async def family(heard: Heard) -> Family:
    family = await Family.visited(heard)
    await family.pass_baton("pedagogue")
    return family


async def given(family: Family, who: str = "pedagogue") -> str:
    body = {"to_unit": str(family.seats["helper"].unit), "text": TEXT}
    answer = await family.do(f"/cases/{family.child}/underretninger", body, who=who)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


async def test_it_is_seen_by_whom_it_concerns_and_the_child_s_facts_do_not_know_of_it(family: Family) -> None:
    before = await family.said()
    number = await given(family)

    seen = {who: await family.ask(who, f"/underretninger/{number}") for who in family.seats}
    assert {who: answer.status for who, answer in seen.items()} == {
        "pedagogue": 200, "helper": 200, "nurse": 200, "leader": 404, "colleague": 404,
    }  # fmt: skip
    assert (seen["helper"].body["text"], seen["helper"].body["child"]) == (TEXT, str(family.child))
    assert (await family.said(), await family.said(number)) == (before, ["underretning_given"])
    (fact,) = await family.facts("underretning_given")
    assert str(family.child) not in str(fact)
    (row,) = await family.heard.world.sql("sundhedspleje", "select sealed from underretning")
    assert TEXT.encode() not in row["sealed"]
    mine = (await family.ask("pedagogue", "/underretninger?given_by=me")).body["underretninger"]
    theirs = (await family.ask("helper", f"/underretninger?unit={family.seats['helper'].unit}")).body["underretninger"]
    assert [it["id"] for it in mine] == [it["id"] for it in theirs] == [number]
    assert (await family.ask("nurse", "/underretninger?given_by=me")).body["underretninger"] == []
    about = {who: (await family.ask(who, f"/underretninger?child={family.child}")).body["underretninger"] for who in family.seats}
    assert {who for who, found in about.items() if [it["id"] for it in found] == [number]} == {"pedagogue", "helper", "nurse"}
    assert (about["leader"], about["colleague"]) == ([], [])
    assert (await family.ask("nurse", f"/underretninger?unit={family.seats['helper'].unit}")).status == 403


async def test_its_clocks_are_24_hours_and_six_working_days_of_the_municipality_s_calendar(family: Family) -> None:
    now = await family.heard.world.now()
    closed = (now + timedelta(days=1)).date()
    town = MunicipalityChanged(
        municipality=family.heard.municipality, active=True, answer_working_days=3, remind_working_days_before=1,
        escalate_working_days=1, absence_limit_days=14, support_days=30, closing_days=[closed, closed + timedelta(days=1)],
        hospital_notification_basis=False,
    )  # fmt: skip
    await family.heard.tell(subject_of_municipality(family.heard.municipality), town)
    number = await given(family)
    seen = (await family.ask("helper", f"/underretninger/{number}")).body
    given_at = datetime.fromisoformat(seen["given_at"])
    assert datetime.fromisoformat(seen["assess_by"]) == given_at + timedelta(hours=24)
    assert datetime.fromisoformat(seen["receipt_by"]) == after_working_days(given_at, 6, town.closing_days)

    near = f"/underretninger?unit={family.seats['helper'].unit}&within_hours="
    quiet = [len((await family.ask("helper", f"{near}{hours}")).body["underretninger"]) for hours in (1, 25)]
    await family.heard.pass_days(1)
    await family.heard.pass_days(0)
    first = [it["clock"] for it in await family.facts("underretning_overdue")]
    await family.do(f"/underretninger/{number}/assessment", {"assessment": "not-acute"}, who="helper")
    await family.heard.pass_days(15)
    await family.heard.pass_days(0)

    assert quiet == [0, 1]
    assert (first, [it["clock"] for it in await family.facts("underretning_overdue")]) == (
        ["assessment"],
        ["assessment", "receipt"],
    )


async def test_the_receiving_unit_assesses_and_either_side_records_the_receipt(family: Family) -> None:
    number = await given(family, who="nurse")
    path = f"/underretninger/{number}"

    by_nurse = await family.do(f"{path}/assessment", {"assessment": "acute"})
    by_leader = await family.do(f"{path}/assessment", {"assessment": "acute"}, who="leader")
    by_pedagogue = await family.do(f"{path}/receipt", who="pedagogue")
    assessed = await family.do(f"{path}/assessment", {"assessment": "acute"}, who="helper")
    twice = await family.do(f"{path}/assessment", {"assessment": "not-acute"}, who="helper")
    receipt = await family.do(f"{path}/receipt")

    assert by_nurse.problem == "only-who-receives-underretninger-assesses-them"
    assert (by_leader.status, by_pedagogue.status) == (404, 404)
    assert (assessed.status, twice.problem, receipt.status) == (200, "it-is-already-assessed", 200)
    await family.heard.pass_days(30)
    assert await family.said(number) == ["underretning_given", "underretning_assessed", "underretning_acknowledged"]
    seen = (await family.ask("nurse", path)).body
    assert (seen["assessment"], seen["receipt_at"] is None) == ("acute", False)


async def test_it_goes_to_the_social_area_and_a_stranger_to_the_child_learns_nothing(family: Family) -> None:
    path, to = f"/cases/{family.child}/underretninger", str(family.seats["helper"].unit)

    elsewhere = await family.do(path, {"to_unit": str(family.seats["pedagogue"].unit)})
    stranger = await family.do(path, {"to_unit": to}, who="colleague")
    ahead = (await family.heard.world.now() + timedelta(hours=1)).isoformat()
    future = await family.do(path, {"to_unit": to, "given_at": ahead})

    assert elsewhere.problem == "an-underretning-goes-to-a-social-unit-of-the-municipality"
    assert (stranger.status, future.status) == (404, 422)
