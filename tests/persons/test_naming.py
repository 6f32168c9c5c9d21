"""What many people are called, asked for at once: nobody is shown whom one could not have asked for alone, and all are logged."""

import uuid

from tests.persons.families import CANARY, MOTHERS_CPR, child, children_of, identifier, mother_of, notify
from tests.support.world import World

NAMED = "/persons/named"


async def test_a_list_names_those_whom_one_may_see_and_leaves_out_all_others_and_each_is_logged(world: World) -> None:
    mother = {"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY, "address": "Hemmelig Sti 1"}
    await notify(world, "birth", mother=mother, children=[child(1), child(2)])
    first, second = await children_of(world)
    woman, stranger = str(await mother_of(world, first)), str(uuid.uuid4())
    inge, birgit = world.as_professional("inge"), world.as_professional("birgit")
    seat = {"professional": world.names["birgit"], "unit": world.names["nord"]}
    await inge.post(f"/registry/children/{first}/handovers", {"to": seat, "reason": "assigned"})
    await world.settle()

    all_ = await inge.get(NAMED, params={"person": [first, second, first, woman, stranger], "purpose": "supervision"})
    one = await birgit.get(NAMED, params={"person": [first, second, woman]})

    shown = {it["person"]: it for it in all_.body["people"]}
    assert set(shown) == {first, second, woman}
    assert (shown[first]["name"], shown[first]["mother_name"], shown[first]["status"]) == (None, CANARY, "born")
    assert (shown[woman]["name"], shown[woman]["kind"]) == (CANARY, "adult")
    # No number and no address is in a list. Whoever has been asked to take over sees the child, and not its mother.
    assert MOTHERS_CPR[1] not in str(all_.body)
    assert "Hemmelig" not in str(all_.body)
    assert [(it["person"], it["mother_name"]) for it in one.body["people"]] == [(first, None)]
    for who in ("karen", "skovby-lead"):
        assert (await world.as_professional(who).get(NAMED, params={"person": [first, woman]})).body == {"people": []}

    rows = await world.sql(
        "persons", "select subject::text, professional::text, class, purpose from access where at > now() - interval '1 day'"
    )
    logged = [(row["subject"], row["class"]) for row in rows if row["professional"] == world.names["birgit"]]
    assert logged == [(first, "identity")]
    logged = [
        (row["subject"], row["class"])
        for row in rows
        if row["professional"] == world.names["inge"] and row["purpose"] == "supervision"
    ]
    assert set(logged) == {(first, "identity"), (second, "identity"), (woman, "mother")}


async def test_a_list_names_at_most_a_hundred(world: World) -> None:
    inge = world.as_professional("inge")

    for wrong in ([], ["not-an-id"], [str(uuid.uuid4()) for _ in range(101)]):
        assert (await inge.get(NAMED, params={"person": wrong})).status == 422
    assert (await inge.get(NAMED, params={"person": [str(uuid.uuid4()) for _ in range(100)]})).body == {"people": []}
