"""The overlevering: what passes is decided by consent or law at the moment of giving, and kept exactly as given."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.chassis.calendar import date_of
from tests.support.world import Answer, World

CPR = "urn:oid:1.2.208.176.1.2"
DEVELOPMENT = "Says three words and sleeps through the night."


@dataclass
class Family:
    """A child whose tovholder is the intake lead, Inge."""

    world: World
    child: str
    mother: str

    async def consent(self, categories: Sequence[str]) -> None:
        body = {
            "given_by": self.mother,
            "recipient_kind": "daycare",
            "purpose": "transition",
            "categories": list(categories),
            "from_on": date_of(await self.world.now()).isoformat(),
        }
        answer = await self.world.as_professional("inge").post(f"/persons/{self.child}/consents", body)
        assert answer.status == 201, answer.body

    async def start(self, unit: str = "maelkevejen") -> str:
        starts_on = date_of(await self.world.now()) + timedelta(days=30)
        body = {"child": self.child, "unit": self.world.names[unit], "starts_on": starts_on.isoformat()}
        answer = await self.world.as_professional("inge").post("/daycare/starts", body)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def give(
        self, text: Any, by: str = "inge", unit: str = "maelkevejen", key: str | None = None, **changed: Any
    ) -> Answer:
        categories = list(text) if isinstance(text, dict) else ["development"]
        body = {"child": self.child, "to": {"unit": self.world.names[unit]}, "categories": categories, "text": text, **changed}
        return await self.world.as_professional(by).post("/sundhedspleje/overleveringer", body, key=key)

    async def said(self) -> list[str]:
        return [fact for fact in await self.world.events("sundhedspleje", self.child) if fact == "overlevering_given"]


@pytest.fixture
async def family(world: World) -> Family:
    inge = world.as_professional("inge")
    body = {
        "mother": {"identifiers": [{"system": CPR, "value": "0107909995"}]},
        "identifiers": [{"system": CPR, "value": "0101269996"}],
        "born_at": (await world.now() - timedelta(days=300)).isoformat(),
        "reason": "moved-in",
    }
    registered = await inge.post("/persons/children", body)
    assert registered.status == 201, registered.body
    await world.settle()
    child = registered.body["child"]
    return Family(world, child, (await inge.get(f"/persons/{child}")).body["mother"])


async def test_what_the_family_consents_to_passes_and_both_sides_are_told_what_was_withheld(family: Family) -> None:
    await family.consent(["development"])

    given = await family.give({"development": DEVELOPMENT, "family-situation": "Worries about money."})

    assert given.status == 201, given.body
    assert (given.body["basis"], given.body["categories"], given.body["withheld"]) == (
        "consent",
        ["development"],
        ["family-situation"],
    )
    for reader in ("inge", "cecilie"):
        seen = await family.world.as_professional(reader).get(f"/sundhedspleje/overleveringer/{given.body['id']}")
        assert seen.status == 200, seen.body
        assert (seen.body["text"], seen.body["withheld"]) == ({"development": DEVELOPMENT}, ["family-situation"])
        assert seen.body["bases"] == {"development": "consent"}


async def test_without_consent_nothing_passes_and_the_refusal_is_recorded(family: Family) -> None:
    given = await family.give({"development": DEVELOPMENT})

    seen = await family.world.as_professional("cecilie").get(f"/sundhedspleje/overleveringer/{given.body['id']}")
    assert (given.status, given.body["basis"], given.body["withheld"]) == (201, "refused", ["development"])
    assert given.body["say"]
    assert (seen.body["text"], seen.body["categories"]) == ({}, [])


async def test_a_private_institution_gets_nothing_without_the_parents(family: Family) -> None:
    given = await family.give({"practical": "Allergic to nuts."}, unit="solstraalen")

    assert (given.body["basis"], given.body["withheld"]) == ("refused", ["practical"])


async def test_one_text_of_which_only_a_part_may_pass_is_refused_and_nothing_is_kept(family: Family) -> None:
    await family.consent(["development"])

    refused = await family.give("Both in one.", categories=["development", "family-situation"])

    assert (refused.status, refused.problem) == (409, "one-text-cannot-be-divided")
    assert (refused.body["allowed"], refused.body["withheld"]) == (["development"], ["family-situation"])
    assert await family.said() == []


async def test_an_overlevering_stays_as_it_was_given_when_the_consent_changes(family: Family) -> None:
    await family.consent(["development"])
    first = (await family.give({"development": DEVELOPMENT})).body["id"]
    before = (await family.world.as_professional("cecilie").get(f"/sundhedspleje/overleveringer/{first}")).body

    await family.consent(["family-situation"])
    await family.give({"development": "Walks now.", "family-situation": "Well."})

    assert (await family.world.as_professional("cecilie").get(f"/sundhedspleje/overleveringer/{first}")).body == before
    assert await family.said() == ["overlevering_given"] * 2


async def test_an_overlevering_for_a_start_prepares_the_transition(family: Family) -> None:
    start = await family.start()

    given = await family.give({"practical": "Allergic to nuts."}, start=start)
    await family.world.settle()

    assert given.body["basis"] == "dagtilbudsloven-3a", given.body
    seen = (await family.world.as_professional("mona").get(f"/daycare/starts/{start}")).body
    assert (seen["state"], seen["overlevering"]) == ("prepared", given.body["id"])


async def test_a_start_elsewhere_or_unknown_or_cancelled_is_refused(family: Family) -> None:
    start = await family.start()

    elsewhere = await family.give({"practical": "Nuts."}, unit="dagpleje", start=start)
    unknown = await family.give({"practical": "Nuts."}, start=str(uuid4()))
    await family.world.as_professional("inge").post(f"/daycare/starts/{start}/cancellation", {"cause": "family"})
    cancelled = await family.give({"practical": "Nuts."}, start=start)

    assert {answer.problem for answer in (elsewhere, unknown, cancelled)} == {"the-start-is-of-another-child-or-unit"}
    assert await family.said() == []


async def test_the_same_request_again_has_the_same_answer_and_gives_nothing_twice(family: Family) -> None:
    first = await family.give({"practical": "Nuts."}, key="once")
    again = await family.give({"practical": "Nuts."}, key="once")
    other = await family.give({"practical": "Eggs."}, key="once")

    assert (again.status, again.body) == (201, first.body)
    assert other.problem == "idempotency-key-was-used-for-another-request"
    assert await family.said() == ["overlevering_given"]


async def test_only_the_tovholder_gives_and_strangers_learn_nothing(family: Family) -> None:
    leader = await family.give({"practical": "Nuts."}, by="lone")
    colleague = await family.give({"practical": "Nuts."}, by="anna")
    foreigner = await family.give({"practical": "Nuts."}, by="skovby-lead")

    assert (leader.status, leader.problem) == (403, "only-the-tovholder-may-hand-over-information")
    assert {colleague.status, foreigner.status} == {404}
    assert await family.said() == []


async def test_the_deputy_gives_while_the_tovholder_is_absent(family: Family) -> None:
    today = date_of(await family.world.now()).isoformat()
    absence = await family.world.as_professional("lone").post(
        "/directory/absences",
        {"professional": family.world.names["inge"], "from_on": today, "until_on": today},
    )
    assert absence.status == 201, absence.body
    await family.world.settle()

    assert (await family.give({"practical": "Nuts."}, by="ditte")).status == 201


async def test_the_receiving_unit_s_people_read_it_and_nobody_else_does(family: Family) -> None:
    path = f"/sundhedspleje/overleveringer/{(await family.give({'practical': 'Nuts.'})).body['id']}"

    assert (await family.world.as_professional("mona").get(path)).status == 200
    for stranger in ("sofie", "anna", "skovby-lead"):
        assert (await family.world.as_professional(stranger).get(path)).status == 404
    assert (await family.world.as_professional("lone").get(path)).status == 403


async def test_the_receiver_is_an_active_unit_of_the_municipality_and_a_named_person_works_there(family: Family) -> None:
    foreign = await family.give({"practical": "Nuts."}, unit="skovby-sundhedspleje")
    to = {"unit": family.world.names["maelkevejen"], "professional": family.world.names["anna"]}
    elsewhere = await family.give({"practical": "Nuts."}, to=to)

    assert foreign.problem == "the-receiving-unit-is-not-of-this-municipality"
    assert elsewhere.problem == "the-receiver-does-not-work-in-that-unit"


async def test_text_by_category_names_exactly_the_categories(family: Family) -> None:
    answer = await family.give({"practical": "Nuts."}, categories=["practical", "development"])

    assert (answer.status, answer.problem) == (422, "not-understood")
    assert "Nuts" not in str(answer.body)


async def test_the_text_is_sealed_and_in_no_event(family: Family) -> None:
    await family.give({"practical": "Allergic to nuts."})

    (row,) = await family.world.sql("sundhedspleje", "select sealed from overlevering")
    (event,) = await family.world.sql(
        "sundhedspleje", "select envelope::text as text from ledger where type like '%overlevering_given%'"
    )
    assert b"nuts" not in row["sealed"]
    assert "nuts" not in event["text"]


async def test_the_giver_sees_beforehand_what_would_pass_and_nothing_is_kept_or_said(family: Family) -> None:
    await family.consent(["development"])
    body = {
        "child": family.child, "to": {"unit": family.world.names["maelkevejen"]},
        "categories": ["development", "family-situation"],
        "text": {"development": DEVELOPMENT, "family-situation": "Worries about money."},
    }  # fmt: skip
    kept = "select count(*) as overleveringer from overlevering"

    previewed = await family.world.as_professional("inge").post("/sundhedspleje/overleveringer/preview", body)
    refused = await family.world.as_professional("inge").post("/sundhedspleje/overleveringer/preview", body | {"text": "In one."})
    by_others = [
        (await family.world.as_professional(who).post("/sundhedspleje/overleveringer/preview", body)).status
        for who in ("lone", "anna", "skovby-lead")
    ]

    shown = previewed.body
    assert (previewed.status, shown["text"]) == (200, {"development": DEVELOPMENT})
    assert (shown["basis"], shown["withheld"], refused.problem) == ("consent", ["family-situation"], "one-text-cannot-be-divided")
    assert by_others == [403, 404, 404]
    assert await family.said() == []
    assert [row["overleveringer"] for row in await family.world.sql("sundhedspleje", kept)] == [0]
    assert await family.world.sql("persons", "select from decision") == []
    assert await family.world.sql("sundhedspleje", "select from sealing_key") == []
    given = await family.give(body["text"])
    assert {name: given.body[name] for name in ("basis", "bases", "categories", "withheld", "say")} == {
        name: shown[name] for name in ("basis", "bases", "categories", "withheld", "say")
    }
