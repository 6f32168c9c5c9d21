"""Who may see who was told, and who may say that they have seen it."""

from uuid import UUID, uuid4

from tests.notifications.mail_server import MailServer
from tests.notifications.telling import SKOVBY, Telling

DELIVERIES = "/notifications/deliveries"


async def own(telling: Telling, name: str) -> list[dict[str, str]]:
    answered = await telling.someone(name).get(DELIVERIES, params={"recipient": "me"})
    assert answered.status == 200
    found: list[dict[str, str]] = answered.body["deliveries"]
    return found


async def status_of(telling: Telling, name: str, **query: str) -> int:
    return (await telling.someone(name).get(DELIVERIES, params=query)).status


async def test_everyone_sees_what_they_were_told_and_nothing_else(telling: Telling) -> None:
    child = await telling.register()

    found = await own(telling, "inge")

    assert {(row["about"], row["kind"], row["channel"]) for row in found} == {
        (str(child), "tovholder_changed", "inbox"),
        (str(child), "tovholder_changed", "email"),
    }
    assert await own(telling, "birgit") == []


async def test_each_reading_is_in_the_access_log(telling: Telling) -> None:
    child = await telling.register()

    await own(telling, "lone")

    rows = await telling.world.sql("notifications", "select professional, class from access where subject = $1", child)
    assert [(row["professional"], row["class"]) for row in rows] == [(telling.id_of("lone"), "deliveries")]


async def test_the_tovholder_and_the_leader_see_who_was_told_of_a_child(telling: Telling) -> None:
    child = await telling.register()

    answered = await telling.someone("inge").get(DELIVERIES, params={"child": str(child)})

    assert len(answered.body["deliveries"]) == len(await telling.deliveries(child))
    assert await status_of(telling, "lone", child=str(child)) == 200


async def test_a_stranger_and_another_municipality_see_no_such_child(telling: Telling) -> None:
    child = await telling.register()

    assert [await status_of(telling, name, child=str(child)) for name in ("birgit", "cecilie", "skovby-leader")] == [
        404,
        404,
        404,
    ]


async def test_someone_asked_from_another_municipality_sees_the_question_but_not_the_child(telling: Telling) -> None:
    child = await telling.register()
    await telling.say(child, telling.proposed(child, telling.seat("skovby-lead", "skovby-intake")))
    await telling.world.settle()

    assert {row["kind"] for row in await own(telling, "skovby-lead")} == {"handover_proposed"}
    assert await status_of(telling, "skovby-lead", child=str(child)) == 404


async def test_what_failed_is_seen_by_those_who_can_act(telling: Telling, mail_server: MailServer) -> None:
    mail_server.answer_to_recipient = "550 no such mailbox"
    child = await telling.register()
    await telling.tell()

    async def failed(name: str) -> set[str]:
        answered = await telling.someone(name).get(DELIVERIES, params={"state": "failed"})
        return {row["about"] for row in answered.body["deliveries"]}

    assert await failed("lone") == {str(child)}
    assert await failed("elin") == set()
    assert await failed("skovby-leader") == set()


async def failure(telling: Telling, mail_server: MailServer) -> str:
    """The id of an e-mail to Inge that could not be delivered, and is on Lone's list."""
    mail_server.answer_to_recipient = "550 no such mailbox"
    await telling.register()
    await telling.tell()
    answered = await telling.someone("lone").get(DELIVERIES, params={"state": "failed"})
    [row] = [row for row in answered.body["deliveries"] if row["to_whom"] == "professional"]
    found: str = row["id"]
    return found


async def test_what_failed_is_off_the_list_when_a_person_has_told_it(telling: Telling, mail_server: MailServer) -> None:
    delivery = await failure(telling, mail_server)

    answers = [await telling.someone("lone").post(f"{DELIVERIES}/{delivery}/told") for _ in range(2)]

    left = await telling.someone("lone").get(DELIVERIES, params={"state": "failed"})
    [row] = await telling.world.sql("notifications", "select notice, state, told_by from delivery where id = $1", UUID(delivery))
    assert [answered.status for answered in answers] == [200, 200]
    assert delivery not in {row["id"] for row in left.body["deliveries"]}
    assert (row["state"], row["told_by"]) == ("told", telling.id_of("lone"))
    assert (await telling.world.events("notifications", str(row["notice"]))).count("told_in_person") == 1


async def test_only_who_is_concerned_tells_and_only_what_failed(telling: Telling, mail_server: MailServer) -> None:
    delivery = await failure(telling, mail_server)
    [in_inbox] = [row["id"] for row in await own(telling, "inge") if row["channel"] == "inbox"]

    strangers = [
        (await telling.someone(name).post(f"{DELIVERIES}/{delivery}/told")).status for name in ("birgit", "skovby-leader")
    ]
    delivered = await telling.someone("lone").post(f"{DELIVERIES}/{in_inbox}/told")

    assert strangers == [404, 404]
    assert (delivered.status, delivered.problem) == (409, "only-what-failed-is-told-in-person")


async def test_a_list_without_a_question_is_refused(telling: Telling) -> None:
    answered = await telling.someone("lone").get(DELIVERIES)

    assert (answered.status, answered.problem) == (404, "not-found")


async def test_another_s_deliveries_are_not_listed(telling: Telling) -> None:
    await telling.register()

    assert await status_of(telling, "birgit", recipient=str(telling.id_of("inge"))) == 404


async def test_a_list_comes_page_by_page(telling: Telling) -> None:
    await telling.register()

    first = await telling.someone("inge").get(DELIVERIES, params={"recipient": "me", "limit": 1})
    second = await telling.someone("inge").get(DELIVERIES, params={"recipient": "me", "limit": 1, "after": first.body["next"]})
    third = await telling.someone("inge").get(DELIVERIES, params={"recipient": "me", "limit": 1, "after": second.body["next"]})

    assert first.body["deliveries"] != second.body["deliveries"]
    assert (third.body["deliveries"], third.body["next"]) == ([], None)


async def test_a_delivery_is_seen_when_its_recipient_says_so_and_said_once(telling: Telling) -> None:
    await telling.register()
    [delivery] = [row for row in await own(telling, "inge") if row["channel"] == "inbox"]

    answers = [await telling.someone("inge").post(f"{DELIVERIES}/{delivery['id']}/seen") for _ in range(2)]

    assert [(answered.status, answered.body["state"]) for answered in answers] == [(200, "seen"), (200, "seen")]
    assert (await telling.world.events("notifications", delivery["notice"])).count("seen") == 1
    [row] = [row for row in await own(telling, "inge") if row["id"] == delivery["id"]]
    assert row["state"] == "seen"


async def test_nobody_sees_a_delivery_for_another(telling: Telling) -> None:
    await telling.register()
    [delivery] = [row for row in await own(telling, "inge") if row["channel"] == "inbox"]

    for name in ("lone", "birgit", "skovby-leader"):
        assert (await telling.someone(name).post(f"{DELIVERIES}/{delivery['id']}/seen")).status == 404
    assert (await telling.someone("inge").post(f"{DELIVERIES}/{uuid4()}/seen")).status == 404


async def test_the_store_itself_hides_another_municipality_s_notices(telling: Telling) -> None:
    child = await telling.register()
    store = telling.world.store("notifications")

    async def seen_as(municipality: str) -> dict[str, int]:
        found = {}
        async with store.connection("api") as connection, connection.transaction():
            await connection.execute(
                "select enter($1)", {"kind": "municipality", "municipality": municipality, "professional": str(uuid4())}
            )
            found["delivery"] = await connection.fetchval("select count(*)::int from delivery where about = $1", child)
            found["child_case"] = await connection.fetchval("select count(*)::int from child_case where child = $1", child)
        return found

    assert await seen_as(SKOVBY) == {"delivery": 0, "child_case": 0}
    assert (await seen_as("0990"))["child_case"] == 1
    assert isinstance(child, UUID)
