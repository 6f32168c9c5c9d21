"""A child found by name among those one stands by, and who has looked at it; every question is in the log."""

import asyncpg
import pytest

from tests.persons.families import CANARY, MOTHERS_CPR, child, children_of, identifier, mother_of, notify
from tests.support.world import World

SEARCH = "/persons/search"


async def test_a_name_finds_the_children_one_stands_by_and_hints_at_no_other(world: World) -> None:
    await notify(world, "birth", mother={"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY}, children=[child(1)])
    ref = (await children_of(world))[0]
    inge = world.as_professional("inge")

    found = await inge.post(SEARCH, {"name": "fugleby KANARIE", "purpose": "call"})
    assert (found.status, found.body) == (200, {"children": [ref], "more": False})

    # Whole words only, all of them; a colleague without a relation and another municipality find nobody.
    for name in ("Kanarie Fugle", "Kanarie Andeby", "Fugleby Kanarie Hansen"):
        assert (await inge.post(SEARCH, {"name": name, "purpose": "call"})).body["children"] == []
    for who in ("anna", "karen", "skovby-lead"):
        assert (await world.as_professional(who).post(SEARCH, {"name": CANARY, "purpose": "call"})).body["children"] == []
    assert (await inge.post(SEARCH, {"name": "Kanarie", "purpose": "call"})).problem == "a-name-has-two-words"
    assert (await inge.post(SEARCH, {"name": "Kanarie Kanarie", "purpose": "call"})).status == 422
    assert (await world.as_client("placement-havby").post(SEARCH, {"name": CANARY, "purpose": "call"})).status == 403

    # Every question is logged with its purpose; of a name its words are kept, one each, and no role reads them.
    asked = await world.sql("persons", "select count(*) as n from access where class = 'lookup' and purpose = 'call'")
    assert asked[0]["n"] == 8
    mother = await mother_of(world, ref)
    words = await world.sql("persons", "select count(*) as n from name_word where person = $1", mother)
    assert words[0]["n"] == 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await world.sql("persons", "select word from name_word")


async def test_who_answers_for_a_child_sees_who_has_looked(world: World) -> None:
    await notify(world, "birth", mother={"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY}, children=[child(1)])
    ref = (await children_of(world))[0]
    inge, ditte = world.as_professional("inge"), world.as_professional("ditte")
    await ditte.get(f"/persons/{ref}?purpose=supervision")
    await inge.get(f"/registry/children/{ref}")

    seen = await inge.get(f"/persons/{ref}/access")

    lines = {(it["service"], it["professional"], it["what"], it["purpose"]) for it in seen.body["lines"]}
    assert ("persons", world.names["ditte"], "identity", "supervision") in lines
    assert ("registry", world.names["inge"], "baton", "care") in lines
    assert {it["party"] for it in seen.body["lines"] if it["professional"]} == {"municipality:0990"}
    again = await inge.get(f"/persons/{ref}/access", params={"limit": 1})
    assert again.body["lines"][0]["what"] == "access-log"
    assert again.body["before"] is not None
    # The intake's deputy sees who the child is, and not who has looked.
    assert (await ditte.get(f"/persons/{ref}/access")).status == 403
    assert (await world.as_professional("karen").get(f"/persons/{ref}/access")).status == 404
    assert (await world.as_professional("skovby-lead").get(f"/persons/{ref}/access")).status == 404
