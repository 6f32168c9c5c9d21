"""What the midwife service makes of what the others say."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.events.directory import IntakeChanged, UnitChanged
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild, PartiesIdentified
from services.events.registry import ChildBorn, ChildRegistered, TovholderChanged
from tests.midwife.ward import Ward

SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def registered(child: UUID, notification: str, order: int = 1) -> ChildRegistered:
    return ChildRegistered(
        child=child,
        municipality="0990",
        notification_id=UUID(notification),
        mother=None,
        order=order,
        status="expected",
        sibling_of=None,
    )


def taken(child: UUID, by: Seat) -> TovholderChanged:
    return TovholderChanged(child=child, municipality="0990", tovholder=by, before=None, why="registration", since=SINCE)


def identified(ward: Ward, notification: str, *children: UUID, known_elsewhere: bool = False) -> PartiesIdentified:
    found = [IdentifiedChild(child=child, order=place, status="expected", new=True) for place, child in enumerate(children, 1)]
    return PartiesIdentified(
        notification_id=UUID(notification),
        municipality="0990",
        unit=ward.id_of("intake"),
        mother=uuid4(),
        children=found,
        known_elsewhere=known_elsewhere,
    )


def seat_of(ward: Ward, name: str, unit: str) -> Seat:
    return Seat(professional=ward.id_of(name), unit=ward.id_of(unit))


async def seen(ward: Ward, id: str) -> Any:
    return (await ward.system.get(f"/midwife/notifications/{id}")).body


async def test_the_sender_sees_who_has_taken_each_child(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]
    child = uuid4()

    await ward.hear(
        identified(ward, sent, child),
        registered(child, sent),
        taken(child, seat_of(ward, "inge", "intake")),
        taken(child, seat_of(ward, "birgit", "nord")),
    )

    found = await seen(ward, sent)
    assert found["state"] == "registered"
    (line,) = found["children"]
    assert (line["child"], line["order"]) == (str(child), 1)
    assert line["tovholder"]["professional"] == ward.world.names["birgit"]
    assert line["tovholder"]["unit"] == ward.world.names["nord"]
    assert datetime.fromisoformat(line["tovholder"]["since"]) == SINCE


async def test_the_order_in_which_the_others_speak_does_not_matter(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]
    child = uuid4()

    await ward.hear(registered(child, sent), taken(child, seat_of(ward, "inge", "intake")), identified(ward, sent, child))

    assert (await seen(ward, sent))["state"] == "registered"


async def test_a_notification_of_twins_is_registered_once_both_have_a_tovholder(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]
    first, second = uuid4(), uuid4()
    lead = seat_of(ward, "inge", "intake")

    await ward.hear(identified(ward, sent, first, second), registered(first, sent), taken(first, lead))
    between = (await seen(ward, sent))["state"]
    await ward.hear(registered(second, sent, 2), taken(second, lead))

    assert (between, (await seen(ward, sent))["state"]) == ("registering", "registered")


async def test_a_second_message_about_a_child_that_has_a_tovholder_is_registered_at_once(ward: Ward) -> None:
    first, again = [(await ward.notify()).body["id"] for _ in range(2)]
    child = uuid4()
    await ward.hear(identified(ward, first, child), registered(child, first), taken(child, seat_of(ward, "inge", "intake")))

    await ward.hear(identified(ward, again, child))

    assert (await seen(ward, again))["state"] == "registered"


async def test_a_birth_is_seen(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]
    child = uuid4()
    await ward.hear(identified(ward, sent, child), registered(child, sent))

    await ward.hear(ChildBorn(child=child, municipality="0990", notification_id=None, born_on=None, order=1))

    assert (await seen(ward, sent))["children"][0]["status"] == "born"


async def test_a_tovholder_may_read_what_the_midwife_sent(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]
    child = uuid4()
    before = (await ward.nurse.get(f"/midwife/notifications/{sent}")).status

    await ward.hear(identified(ward, sent, child), registered(child, sent), taken(child, seat_of(ward, "birgit", "nord")))

    found = await ward.nurse.get(f"/midwife/notifications/{sent}")
    assert (before, found.status) == (404, 200)
    assert found.body["content"]["mother"]["identifiers"]


async def test_a_family_known_elsewhere_stays_on_the_receivers_list_with_a_deadline(ward: Ward) -> None:
    sent = (await ward.notify()).body["id"]

    await ward.hear(identified(ward, sent, known_elsewhere=True))

    (line,) = await ward.listed()
    assert (line["id"], line["kind"]) == (sent, "pregnancy")
    assert line["place_by"] is not None


async def test_a_letter_can_be_placed_with_a_child_of_the_municipality_only(ward: Ward) -> None:
    id = await ward.placed_by_hand()
    ours, theirs = uuid4(), uuid4()
    await ward.hear(registered(ours, id), registered(theirs, id).model_copy(update={"municipality": "0991"}))
    path = f"/midwife/notifications/{id}/placement"

    refused = await ward.lead.post(path, {"placement": "existing", "child": str(theirs)})
    placed = await ward.lead.post(path, {"placement": "existing", "child": str(ours)})

    assert (refused.status, refused.problem) == (422, "the-child-is-not-known-in-this-municipality")
    assert (placed.status, placed.body["state"]) == (200, "placed")
    assert (await seen(ward, id))["children"][0]["child"] == str(ours)


async def test_an_intake_that_changes_hands_changes_who_places(ward: Ward) -> None:
    await ward.send(ward.letter())

    await ward.hear(
        IntakeChanged(
            municipality="0990",
            district=None,
            lead=seat_of(ward, "birgit", "nord"),
            deputy=seat_of(ward, "ditte", "intake"),
            leader=seat_of(ward, "lone", "intake"),
        )
    )

    assert (len(await ward.listed(by=ward.nurse)), len(await ward.listed(by=ward.lead))) == (1, 0)


async def test_a_unit_that_closes_receives_nothing_more(ward: Ward) -> None:
    await ward.hear(
        UnitChanged(
            unit=ward.id_of("intake"),
            municipality="0990",
            kind="intake",
            parent=None,
            district=None,
            sor=["953741000016009"],
            leaders=[],
            private=False,
            active=False,
        )
    )

    assert (await ward.notify()).problem == "the-receiver-is-unknown"
