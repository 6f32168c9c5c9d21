"""What the directory does when the registry has emptied someone's seats, and how every service learns who may call."""

from uuid import UUID, uuid4

import pytest

from services.chassis import who
from services.chassis.envelope import envelope
from services.chassis.errors import CannotBeApplied
from services.chassis.service import Apply, Received
from services.directory.handlers import show_as_left
from services.events import Event
from services.events.directory import HeldSeat, ProfessionalChanged, ProfessionalJoined, ProfessionalLeft
from services.events.registry import ProfessionalReleased
from tests.support.world import World


async def received(world: World, event: Event, subject: UUID) -> Received[Event]:
    return Received(event, envelope(event, subject)["id"], subject, 1, await world.store("directory").now())


async def hear(world: World, event: Event, subject: UUID) -> None:
    """Applies one event as the directory's consumer does: as the machine, in one transaction."""
    async with world.store("directory").transaction() as tx:
        heard = await received(world, event, subject)
        handler: Apply = show_as_left if isinstance(event, ProfessionalReleased) else who.HANDLERS[type(event)]
        await handler(heard, tx)


async def leave(world: World, username: str) -> UUID:
    leader = world.as_professional("lone")
    await leader.post(f"/directory/professionals/{world.names[username]}/departure", {})
    return UUID(world.names[username])


async def test_only_when_the_registry_has_emptied_the_seats_is_someone_shown_as_left(world: World) -> None:
    elin = await leave(world, "elin")

    await hear(world, ProfessionalReleased(professional=elin, municipality="0990"), elin)
    await world.settle()

    assert (await world.events("directory", str(elin)))[-1] == "professional_left"
    shown = await world.as_professional("lone").get(f"/directory/professionals/{elin}")
    assert (shown.body["state"], shown.body["seats"]) == ("left", [])
    assert (await world.as_professional("elin").get("/directory/units")).problem == "caller-is-unknown"


async def test_being_released_twice_is_said_once(world: World) -> None:
    elin = await leave(world, "elin")

    await hear(world, ProfessionalReleased(professional=elin, municipality="0990"), elin)
    await hear(world, ProfessionalReleased(professional=elin, municipality="0990"), elin)

    assert (await world.events("directory", str(elin))).count("professional_left") == 1


@pytest.mark.parametrize("username", ["anna", None], ids=["someone who works on", "nobody"])
async def test_a_release_without_a_departure_is_not_applied(town_as_it_is: World, username: str | None) -> None:
    number = UUID(town_as_it_is.names[username]) if username else uuid4()

    with pytest.raises(CannotBeApplied):
        await hear(town_as_it_is, ProfessionalReleased(professional=number, municipality="0990"), number)


def _known(number: UUID, login: str, unit: UUID, leads: bool, kind: type[ProfessionalJoined | ProfessionalChanged]) -> Event:
    seats = [HeldSeat(unit=unit, unit_kind="social", leads=leads)]
    return kind(professional=number, municipality="0990", issuer="issuer", login=login, seats=seats)


async def _caller(world: World, login: str) -> dict[str, object] | None:
    rows = await world.sql("directory", "select caller($1) as caller", {"issuer": "issuer", "login": login})
    found: dict[str, object] | None = rows[0]["caller"]
    return found


async def test_a_caller_is_known_by_log_in_with_the_seats_last_told(world: World) -> None:
    number, before, after = uuid4(), uuid4(), uuid4()
    await hear(world, _known(number, "x", before, True, ProfessionalJoined), number)

    await hear(world, _known(number, "x", after, False, ProfessionalChanged), number)

    caller = await _caller(world, "x")
    assert caller is not None
    assert caller["professional"] == str(number)
    assert caller["seats"] == [{"unit": str(after), "unit_kind": "social", "leads": False}]


async def test_a_log_in_on_its_way_between_two_people_is_nobodys_until_both_facts_are_there(world: World) -> None:
    one, other = uuid4(), uuid4()
    await hear(world, _known(one, "x", uuid4(), False, ProfessionalJoined), one)

    await hear(world, _known(other, "x", uuid4(), False, ProfessionalJoined), other)
    between = await _caller(world, "x")
    await hear(world, _known(one, "y", uuid4(), False, ProfessionalChanged), one)
    settled = await _caller(world, "x")

    assert between is None
    assert settled is not None
    assert settled["professional"] == str(other)


async def test_who_has_left_may_no_longer_call(world: World) -> None:
    number = uuid4()
    await hear(world, _known(number, "x", uuid4(), False, ProfessionalJoined), number)

    await hear(world, ProfessionalLeft(professional=number, municipality="0990"), number)

    assert await _caller(world, "x") is None


async def test_every_service_knows_the_demo_towns_people_and_systems(town_as_it_is: World) -> None:
    for service in town_as_it_is.running.runtimes:
        people = await town_as_it_is.sql(service, "select count(*) as number from professional")
        systems = await town_as_it_is.sql(service, "select count(*) as number from client")
        assert (service, people[0]["number"], systems[0]["number"]) == (service, 20, 12)
