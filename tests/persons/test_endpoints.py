"""What persons answers, to whom, and what it never shows."""

import uuid
from typing import Any

import pytest

from tests.persons.families import (
    BORN,
    CANARY,
    FATHER,
    MOTHER,
    MOTHERS_CPR,
    TWIN_A,
    TWIN_B,
    child,
    children_of,
    identifier,
    mother_of,
    notify,
    register_by_hand,
)
from tests.support.world import World

CONSENT = {
    "recipient_kind": "daycare",
    "purpose": "transition",
    "categories": ["sleep", "language"],
    "from_on": "2026-11-01",
    "until_on": "2027-12-31",
}


async def born(world: World, *children: dict[str, Any], email: str | None = None) -> str:
    """A child of the demo municipality, with the intake lead as tovholder."""
    await notify(world, "birth", children=list(children) or [child(1)])
    ref = (await children_of(world))[0]
    if email:
        await world.as_professional("inge").post(f"/persons/{await mother_of(world, ref)}/contact", {"email": email})
    return ref


async def decision(world: World, ref: str, *categories: str, **more: Any) -> dict[str, Any]:
    body = {"child": ref, "recipient_kind": "daycare", "purpose": "transition", "categories": list(categories), **more}
    answer = await world.as_client("service-sundhedspleje").post("/persons/decisions", body)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


async def test_a_child_registered_by_hand_has_a_tovholder_like_any_other(world: World) -> None:
    answer = await register_by_hand(world, mother={"identifiers": [identifier(MOTHER)], "name": CANARY}, due_on="2027-02-01")

    assert (answer.status, answer.body["new"]) == (201, True)
    assert (await world.events("registry", answer.body["child"]))[:2] == ["child_registered", "tovholder_changed"]


async def test_a_child_known_before_is_not_registered_again(world: World) -> None:
    ref = await born(world, child(1, TWIN_A))

    answer = await register_by_hand(world, identifiers=[identifier(TWIN_A)], born_at=BORN)

    assert (answer.status, answer.body["child"], answer.body["new"]) == (201, ref, False)


async def test_who_another_municipality_knows_is_left_to_people_and_not_shown(world: World) -> None:
    await notify(world, receiver={"sor": "991000000016002"})
    (elsewhere,) = await children_of(world)

    answer = await register_by_hand(world, mother={"identifiers": [identifier(MOTHER)]})

    assert (answer.status, answer.body) == (202, {"child": None, "new": False, "state": "people-decide", "warnings": []})
    assert (await world.as_professional("inge").get(f"/persons/{elsewhere}")).status == 404


async def test_a_cpr_number_without_modulus_11_is_taken_with_a_warning(world: World) -> None:
    answer = await register_by_hand(world, identifiers=[identifier(TWIN_A)], born_at=BORN)

    assert (answer.status, answer.body["warnings"]) == (201, ["cpr-without-modulus-11"])


@pytest.mark.parametrize("body", [{}, {"identifiers": [{"system": "urn:oid:1.2.208.176.1.2", "value": "3299999999"}]}])
async def test_a_registration_that_nobody_could_find_again_is_refused(world: World, body: dict[str, Any]) -> None:
    answer = await register_by_hand(world, **body)

    assert answer.status == 422
    assert "3299999999" not in str(answer.body)


async def test_only_those_who_take_children_in_register_them(world: World) -> None:
    answer = await register_by_hand(world, who="cecilie", mother={"identifiers": [identifier(MOTHER)]})

    assert (answer.status, answer.problem) == (403, "only-sundhedsplejen-takes-children-in")


async def test_the_same_registration_repeated_has_the_same_answer(world: World) -> None:
    body = {"reason": "moved-in", "mother": {"identifiers": [identifier(MOTHER)]}}
    inge = world.as_professional("inge")

    first, second = (
        await inge.post("/persons/children", body, key="again"),
        await inge.post("/persons/children", body, key="again"),
    )

    assert (first.status, first.body) == (second.status, second.body)
    assert len(await children_of(world)) == 1


async def test_a_person_is_found_in_ones_own_municipality_only_and_each_question_is_logged(world: World) -> None:
    ref = await born(world, child(1, TWIN_A))
    question = {"identifiers": [identifier(TWIN_A)], "purpose": "care"}

    found = await world.as_professional("birgit").post("/persons/lookup", question)
    elsewhere = await world.as_professional(_someone_of_skovby()).post("/persons/lookup", question)
    nobody = await world.as_professional("birgit").post(
        "/persons/lookup", {"identifiers": [identifier(TWIN_B)], "purpose": "care"}
    )

    assert found.body == {"person": ref, "kind": "child", "status": "born"}
    assert elsewhere.status == nobody.status == 404
    assert elsewhere.body == nobody.body
    lines = await world.sql("persons", "select subject, party from access where class = 'lookup' order by id")
    assert [line["party"] for line in lines] == ["municipality:0990", "municipality:0991", "municipality:0990"]
    assert [str(line["subject"]) == ref for line in lines] == [True, False, False]


async def test_organisations_do_not_ask_whom_we_know(world: World) -> None:
    answer = await world.as_client("maternity-havby").post(
        "/persons/lookup", {"identifiers": [identifier(TWIN_A)], "purpose": "care"}
    )

    assert (answer.status, answer.problem) == (403, "only-a-municipality-looks-people-up")


async def test_a_twin_gets_its_number_by_the_tovholders_hand(world: World) -> None:
    await notify(world, "birth", children=[child(1), child(2)])
    _, second = await children_of(world)

    answer = await world.as_professional("inge").post(
        f"/persons/children/{second}/identifiers", {"identifiers": [identifier(TWIN_B)]}
    )

    assert (answer.status, answer.body["added"]) == (201, 1)
    assert (await world.events("persons", second))[-1] == "child_identified"
    assert TWIN_B[1] not in str(answer.body)


async def test_a_number_that_stands_on_another_is_left_where_it_is(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A), child(2)])
    _, second = await children_of(world)

    answer = await world.as_professional("inge").post(
        f"/persons/children/{second}/identifiers", {"identifiers": [identifier(TWIN_A)]}
    )

    assert (answer.status, answer.problem) == (409, "the-identifier-stands-on-another-person")


async def test_identity_is_shown_to_the_tovholder_and_logged_and_to_strangers_not(world: World) -> None:
    ref = await born(world, child(1, TWIN_A))

    seen = await world.as_professional("inge").get(f"/persons/{ref}")
    stranger = await world.as_professional("cecilie").get(f"/persons/{ref}")

    assert (seen.body["identifiers"][0]["value"], seen.body["order"], seen.body["custody"]) == (
        TWIN_A[1],
        1,
        {"registered": False, "holders": []},
    )
    assert stranger.status == 404
    lines = await world.sql("persons", "select class, professional from access where subject = $1", uuid.UUID(ref))
    assert [(line["class"], str(line["professional"])) for line in lines] == [("identity", world.names["inge"])]


async def test_the_mother_is_a_person_of_her_own(world: World) -> None:
    ref = await born(world)
    mother = await mother_of(world, ref)

    seen = await world.as_professional("inge").get(f"/persons/{mother}")

    assert (seen.body["name"], seen.body["kind"]) == (CANARY, "adult")
    assert (await world.as_professional("cecilie").get(f"/persons/{mother}")).status == 404


async def test_a_protected_address_is_masked_until_it_is_asked_for_and_that_is_logged(world: World) -> None:
    mother = await mother_of(world, await born(world))
    inge = world.as_professional("inge")
    await inge.post(f"/persons/{mother}/contact", {"address": "Fuglebakken 1", "email": "k@example.dk"})
    async with world.store("persons").transaction() as tx:
        await tx.execute("update person set protected = true where id = $1", uuid.UUID(mother))

    masked, revealed = await inge.get(f"/persons/{mother}"), await inge.get(f"/persons/{mother}?reveal=true")

    assert masked.body["contact"] == {"email": "k@example.dk"}
    assert revealed.body["contact"]["address"] == "Fuglebakken 1"
    classes = await world.sql("persons", "select class from access where subject = $1 order by id", uuid.UUID(mother))
    assert [line["class"] for line in classes] == ["mother", "protected-address"]


async def test_the_mothers_consent_releases_the_childs_information_while_custody_is_not_registered(world: World) -> None:
    ref = await born(world)
    before = await decision(world, ref, "practical", "sleep", "mother-mood", to_unit=world.names["maelkevejen"])

    inge, consent = world.as_professional("inge"), {"given_by": await mother_of(world, ref), **CONSENT}
    version = int((await inge.get(f"/persons/{ref}")).headers["etag"].strip('"'))
    stale = await inge.post(f"/persons/{ref}/consents", consent, if_match=version + 1)
    given = await inge.post(f"/persons/{ref}/consents", consent, if_match=version)

    after = await decision(world, ref, "practical", "sleep", "mother-mood", to_unit=world.names["maelkevejen"])
    assert (stale.status, stale.problem, stale.body["version"]) == (409, "the-child-has-moved-on", version)
    assert given.status == 201
    assert (before["basis"], before["allowed"]) == ("dagtilbudsloven-3a", ["practical"])
    assert after["bases"] == {"practical": "dagtilbudsloven-3a", "sleep": "consent", "mother-mood": "refused"}
    assert "consent_given" in await world.events("persons", ref)


async def test_joint_custody_needs_both_and_a_withdrawal_ends_it_at_once(world: World) -> None:
    ref, inge = await born(world), world.as_professional("inge")
    mother = await mother_of(world, ref)
    holders = [{"person": mother}, {"identifiers": [identifier(FATHER)], "name": CANARY}]
    custody = await inge.post(f"/persons/children/{ref}/custody", {"holders": holders, "from_on": "2026-11-01"})
    father = next(it for it in custody.body["holders"] if it != mother)
    await inge.post(f"/persons/{ref}/consents", {"given_by": mother, **CONSENT})
    alone = await decision(world, ref, "sleep")

    second = await inge.post(f"/persons/{ref}/consents", {"given_by": father, **CONSENT})
    both = await decision(world, ref, "sleep")
    withdrawn = await inge.post(f"/persons/consents/{second.body['consent']}/withdrawal")
    after = await decision(world, ref, "sleep")
    again = await inge.post(f"/persons/consents/{second.body['consent']}/withdrawal")

    assert [it["basis"] for it in (alone, both, after)] == ["refused", "consent", "refused"]
    assert (withdrawn.status, again.problem) == (201, "the-consent-is-already-withdrawn")
    assert (await world.events("persons", ref))[-4:] == ["custody_changed", "consent_given", "consent_given", "consent_withdrawn"]


async def test_a_consent_by_a_stranger_or_to_a_stranger_is_refused(world: World) -> None:
    ref = await born(world)
    mother = await mother_of(world, ref)

    wrong_giver = await world.as_professional("inge").post(f"/persons/{ref}/consents", {"given_by": ref, **CONSENT})
    wrong_recorder = await world.as_professional("cecilie").post(f"/persons/{ref}/consents", {"given_by": mother, **CONSENT})

    assert (wrong_giver.status, wrong_giver.problem) == (409, "custody-is-not-registered-yet")
    assert wrong_recorder.status == 404


async def test_a_private_institution_is_known_by_its_unit_whatever_the_asker_calls_it(world: World) -> None:
    ref = await born(world)

    answer = await decision(world, ref, "practical", to_unit=world.names["solstraalen"])

    assert (answer["basis"], answer["withheld"]) == ("refused", ["practical"])


async def test_every_decision_is_kept_with_its_basis(world: World) -> None:
    ref = await born(world)

    asked = await decision(world, ref, "weight", recipient_kind="social", purpose="concern", invoked="underretning")

    (kept,) = await world.sql("persons", "select id, basis, invoked, asked_by from decision")
    assert (str(kept["id"]), kept["basis"], kept["invoked"], kept["asked_by"]) == (
        asked["decision"],
        "underretning",
        "underretning",
        "service-sundhedspleje",
    )


async def test_decisions_and_recipients_are_for_services(world: World) -> None:
    ref, inge = await born(world), world.as_professional("inge")

    asked = await inge.post(
        "/persons/decisions", {"child": ref, "recipient_kind": "daycare", "purpose": "transition", "categories": ["sleep"]}
    )
    listed = await inge.get(f"/persons/{ref}/recipients")

    assert asked.status == listed.status == 403


async def test_the_family_is_the_mother_until_custody_is_registered_then_its_holders(world: World) -> None:
    ref = await born(world, email="k@example.dk")
    mother, service, inge = await mother_of(world, ref), world.as_client("service-notifications"), world.as_professional("inge")

    first = await service.get(f"/persons/{ref}/recipients")
    custody = await inge.post(
        f"/persons/children/{ref}/custody",
        {"holders": [{"identifiers": [identifier(MOTHERS_CPR)], "email": "f@example.dk"}], "from_on": "2026-11-01"},
    )
    second = await service.get(f"/persons/{ref}/recipients")

    assert first.body == {
        "do_not_contact": False,
        "recipients": [{"person": mother, "kind": "mother", "address": {"email": "k@example.dk"}}],
    }
    assert second.body["recipients"] == [
        {"person": custody.body["holders"][0], "kind": "guardian", "address": {"email": "f@example.dk"}}
    ]


async def test_after_a_death_nobody_is_written_to(world: World) -> None:
    ref = await born(world)
    async with world.store("persons").transaction() as tx:
        await tx.execute("update person set died_at = chassis.now() where id = $1", uuid.UUID(ref))

    answer = await world.as_client("service-notifications").get(f"/persons/{ref}/recipients")

    assert answer.body["do_not_contact"] is True


async def test_the_feed_is_not_mistaken_for_a_person(world: World) -> None:
    answer = await world.as_client("service-registry").get("/persons/feed?partition=0&after=0")

    assert answer.status == 200


def _someone_of_skovby() -> str:
    from services.demo import town

    return next(person.username for person in town.people() if person.municipality == "0991")
