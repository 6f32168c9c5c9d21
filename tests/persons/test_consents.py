"""Consents as people see them, and that a private institution sees a child's start and identity by the parents alone."""

from datetime import timedelta

from services.chassis.calendar import date_of
from tests.persons.families import CPR, FATHER, child, identifier, mother_of
from tests.persons.test_endpoints import born
from tests.support.world import Answer, World


async def test_a_private_institution_sees_a_start_once_each_holder_of_custody_agrees_and_no_longer_when_one_withdraws(
    world: World,
) -> None:
    ref = await born(world, child(1))
    inge, sofie, today = world.as_professional("inge"), world.as_professional("sofie"), date_of(await world.now())
    mother = await mother_of(world, ref)
    planned = await inge.post(
        "/daycare/starts",
        {"child": ref, "unit": world.names["solstraalen"], "starts_on": (today + timedelta(days=30)).isoformat()},
    )
    await world.settle()
    start = f"/daycare/starts/{planned.body['id']}"

    async def seen() -> tuple[int, int, int]:
        listed = (await sofie.get(f"/daycare/starts?unit={world.names['solstraalen']}")).body["starts"]
        return (await sofie.get(start)).status, len(listed), (await sofie.get(f"/persons/{ref}")).status

    async def agrees(person: str) -> Answer:
        body = {
            "given_by": person, "recipient_kind": "daycare", "purpose": "transition", "categories": ["start", "identity"],
            "from_on": today.isoformat(),
        }  # fmt: skip
        return await inge.post(f"/persons/{ref}/consents", body)

    nobody = await seen()
    told = await world.sql("notifications", "select why from delivery where about = $1 and kind = 'start_planned'", ref)
    await agrees(mother)
    the_mother = await seen()
    custody = {"holders": [{"person": mother}, {"identifiers": [identifier(FATHER)]}], "from_on": today.isoformat()}
    father = next(it for it in (await inge.post(f"/persons/children/{ref}/custody", custody)).body["holders"] if it != mother)
    one_of_two = await seen()
    given = await agrees(father)
    both = await seen()
    baton = await inge.post(f"{start}/baton", {"moves": True})
    stranger = await agrees(world.names["inge"])
    withdrawn = await inge.post(f"/persons/consents/{given.body['consent']}/withdrawal")
    after = await seen()
    listed = (await inge.get(f"/persons/{ref}/consents")).body
    disclosed = (await inge.get(f"/persons/{ref}/disclosures?limit=200")).body["disclosures"]

    assert (nobody, the_mother, one_of_two, both, after) == (
        (404, 0, 404),
        (200, 1, 200),
        (404, 0, 404),
        (200, 1, 200),
        (404, 0, 404),
    )
    assert {row["why"] for row in told} == {"tovholder"}
    assert (baton.status, withdrawn.status, stranger.problem) == (200, 201, "only-a-holder-of-custody-may-consent")
    assert [(it["given_by"], it["state"]) for it in listed["consents"]] == [(mother, "given"), (father, "withdrawn")]
    assert listed["custody"]["registered"] is True
    assert listed["may_consent"] == {"child": sorted([mother, father]), "mother": [mother]}
    assert {(it["basis"], tuple(it["allowed"])) for it in disclosed} == {
        ("refused", ()), ("consent", ("start",)), ("consent", ("identity",)),
    }  # fmt: skip
    assert CPR not in str(listed)
