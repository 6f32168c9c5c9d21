"""Who leads an institution that is asked for a plusplads, or holds one, knows what the child is called while that stands."""

import uuid
from datetime import timedelta
from typing import Any

from services.chassis.calendar import date_of
from services.events.daycare import PlusPladsAwaited, PlusPladsOverdue
from services.events.envelope import Seat
from services.events.sundhedspleje import PlusPladsAsked
from tests.persons.families import CANARY, MOTHERS_CPR, child, children_of, identifier, mother_of, notify
from tests.support.world import World


async def asked_for(world: World, ref: str, unit: str = "maelkevejen") -> str:
    """A programme is through: the institution is asked; its task."""
    enrolment, of = uuid.uuid4(), uuid.UUID(ref)
    about = {"enrolment": enrolment, "child": of, "municipality": "0990", "programme": "familietraening"}
    async with world.store("sundhedspleje").transaction() as tx:
        tx.publish(of, PlusPladsAsked(**about, unit=uuid.UUID(world.names[unit]), method="cos-p"))
    await world.settle()
    return f"/daycare/asked-pluspladser/{enrolment}"


async def test_the_asked_leader_reads_the_name_while_the_request_or_the_place_stands_and_no_address_ever(world: World) -> None:
    mother = {"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY, "address": "Hemmelig Sti 1"}
    await notify(world, "birth", mother=mother, children=[child(1)])
    (ref,) = await children_of(world)
    woman = await mother_of(world, ref)
    inge, mona, peter, rikke = [world.as_professional(name) for name in ("inge", "mona", "peter", "rikke")]
    today = date_of(await world.now()).isoformat()
    unit = world.names["maelkevejen"]
    capacity = {"from_on": today, "places": 5, "plus_places": 1, "high_quality": True, "methods": ["cos-p"]}
    await world.as_professional("poul").post(f"/daycare/units/{unit}/capacity", capacity)
    await inge.post(f"/persons/{woman}/protection", {"protected": True})

    async def named(who: Any = mona) -> list[Any]:
        await world.settle()
        found: list[Any] = (await who.get("/persons/named", params={"person": [ref, woman], "purpose": "care"})).body["people"]
        return found

    before = await named()
    task = await asked_for(world, ref)
    (asked,) = await named()
    others = [await named(who) for who in (peter, rikke)]
    more = [(await mona.get(path)).status for path in (f"/persons/{ref}", f"/persons/{woman}", f"/persons/{ref}?reveal=true")]
    declined = await mona.post(f"{task}/refusal", {"reason": "none-is-free"})
    after_no = await named()

    # Held, it stands until the place is given up.
    held = await mona.post(f"{await asked_for(world, ref)}/reservation", {})
    while_held = await named()
    released = await inge.post(f"/daycare/plusplads/{held.body['holding']}/release", {"reason": "family-declined"})
    after_release = await named()

    assert (before, others, after_no, after_release) == ([], [[], []], [], [])
    assert (asked["person"], asked["mother_name"], asked["only_name"], asked["protected"]) == (ref, CANARY, True, True)
    assert [it["mother_name"] for it in while_held] == [CANARY]
    assert not any(kept in str([asked, while_held]) for kept in ("Hemmelig", MOTHERS_CPR[1]))
    assert (more, declined.status, held.status, released.status) == ([403, 403, 403], 200, 200, 200)
    rows = await world.sql("persons", "select subject::text, class, purpose, professional::text as who from access")
    logged = [(row["subject"], row["class"], row["purpose"]) for row in rows if row["who"] == world.names["mona"]]
    assert logged == [(ref, "name", "plusplads"), (woman, "name", "plusplads")] * 2


async def test_nobody_reads_it_in_a_private_institution_or_of_a_case_that_is_closed_and_hearing_it_twice_changes_nothing(
    world: World,
) -> None:
    await notify(world, "birth", children=[child(1)])
    (ref,) = await children_of(world)
    inge = world.as_professional("inge")
    asked, due_on = uuid.uuid4(), date_of(await world.now()) + timedelta(days=7)

    async def read_by(leader: str) -> int:
        return len((await world.as_professional(leader).get("/persons/named", params={"person": [ref]})).body["people"])

    for unit in ("solstraalen", "dagpleje", "dagpleje"):
        place = uuid.UUID(world.names[unit])
        said = PlusPladsAwaited(asked=asked, child=uuid.UUID(ref), municipality="0990", unit=place, due_on=due_on)
        async with world.store("daycare").transaction() as tx:
            tx.publish(uuid.UUID(ref), said)
        await world.settle()
        assert await read_by("sofie") == 0
    standing = await world.sql("persons", "select unit::text from standing where role = 'asked'")
    open_, before = await read_by("gitte"), await read_by("rikke")
    # Overdue, it is put to a leader by name, who is to know whom it is about.
    about = {"asked": asked, "child": uuid.UUID(ref), "municipality": "0990", "due_on": due_on, "tovholder": None}
    rikke = Seat(professional=uuid.UUID(world.names["rikke"]), unit=uuid.UUID(world.names["social"]))
    for _ in range(2):
        async with world.store("daycare").transaction() as tx:
            tx.publish(uuid.UUID(ref), PlusPladsOverdue(**about, unit=uuid.UUID(world.names["dagpleje"]), to=rikke))
        await world.settle()
    assert (before, await read_by("rikke"), await read_by("thomas"), await read_by("gitte")) == (0, 1, 0, 1)
    closed = await inge.post(f"/registry/children/{ref}/closing", {"reason": "moved-abroad"})
    await world.settle()

    assert [row["unit"] for row in standing] == [world.names["dagpleje"]]
    assert (open_, closed.status, await read_by("gitte"), await read_by("rikke")) == (1, 200, 0, 0), closed.body
