"""What failed stands on a named person's list with what can be done, and every try stays."""

from datetime import timedelta
from typing import Any

import pytest

from services.notifications.domain import mending
from tests.notifications.mail_server import MailServer
from tests.notifications.telling import AT, Telling

DELIVERIES = "/notifications/deliveries"


@pytest.mark.parametrize(
    ("to_whom", "channel", "has_letters", "can"),
    [
        ("professional", "email", True, ("try-again", "told")),
        ("family", "email", False, ("try-again", "printed", "told")),
        ("family", "email", True, ("try-again", "letter", "printed", "told")),
        ("family", "letter", True, ("try-again", "email", "printed", "told")),
    ],
)
def test_what_can_be_done_depends_on_whom_and_what_there_is(to_whom: Any, channel: str, has_letters: bool, can: Any) -> None:
    assert mending.what_can_be_done("failed", to_whom, channel, has_letters) == can
    assert mending.what_can_be_done("delivered", to_whom, channel, has_letters) == ()


def test_a_digest_comes_at_its_hour_today_or_tomorrow() -> None:
    assert mending.digest_after(AT, 9, AT.tzinfo).hour == 9  # type: ignore[arg-type]
    assert (mending.digest_after(AT, 8, AT.tzinfo) - AT).days == 0  # type: ignore[arg-type]
    assert mending.digest_after(AT, 8, AT.tzinfo).date() > AT.date()  # type: ignore[arg-type]


async def test_a_corrected_address_is_tried_again_and_a_told_family_is_off_the_list_and_every_try_stays(
    telling_all: Telling, mail_server: MailServer
) -> None:
    telling, lone = telling_all, telling_all.someone("lone")
    mail_server.answer_to_recipient = "550 no such mailbox"
    child, second = await telling.expect(), await telling.register()
    await telling.tell()

    untold = (await lone.get("/notifications/untold")).body["deliveries"]
    mine = {one["to_whom"]: one for one in untold if one["about"] == str(child) and one["channel"] == "email"}
    assert {one["state"] for one in mine.values()} == {"failed"}
    assert mine["family"]["can"] == ["try-again", "letter", "printed", "told"]
    assert [one["outcome"] for one in mine["family"]["all_tries"]] == ["smtp-550"]
    assert (await telling.someone("skovby-leader").get("/notifications/untold")).body["deliveries"] == []
    assert (await telling.someone("birgit").get("/notifications/untold")).body["deliveries"] == []

    # Inge's address is corrected; the family is told by phone; another way is tried for what cannot be tried that way.
    mail_server.answer_to_recipient = None
    again = await lone.post(f"{DELIVERIES}/{mine['professional']['id']}/again")
    other = await lone.post(f"{DELIVERIES}/{mine['professional']['id']}/other-channel", {"channel": "letter"})
    stranger = await telling.someone("birgit").post(f"{DELIVERIES}/{mine['family']['id']}/again")
    replaced = await lone.post(f"{DELIVERIES}/{mine['family']['id']}/other-channel", {"channel": "letter"})
    await telling.tell()
    letter = (await lone.get(f"{DELIVERIES}/{replaced.body['id']}")).body
    [by_phone] = [
        one["id"]
        for one in untold
        if one["about"] == str(second) and one["channel"] == "email" and one["to_whom"] == "professional"
    ]
    said = {"how": "phone", "spoke_to": str(telling.id_of("ditte")), "at": AT.isoformat()}
    told = await lone.post(f"{DELIVERIES}/{by_phone}/told", said)

    assert (again.status, stranger.status, told.status) == (200, 404, 200)
    assert (other.status, other.problem) == (409, "only-what-failed-is-mended")
    email = (await lone.get(f"{DELIVERIES}/{mine['professional']['id']}")).body
    assert (email["state"], [one["outcome"] for one in email["all_tries"]]) == ("delivered", ["smtp-550", "accepted"])
    assert (letter["state"], letter["channel"]) == ("sent", "letter")
    now = (await lone.get(f"{DELIVERIES}/{by_phone}")).body
    assert (now["state"], now["told_how"], now["told_by"]) == ("told", "phone", str(telling.id_of("lone")))
    assert now["spoke_to"] == said["spoke_to"]
    assert (await lone.get(f"{DELIVERIES}/{mine['family']['id']}")).body["replaced_by"] == replaced.body["id"]
    left = (await lone.get("/notifications/untold")).body["deliveries"]
    assert [one for one in left if one["about"] == str(child)] == []


async def test_a_wished_digest_comes_once_for_all_and_what_waits_for_an_answer_comes_at_once(
    telling: Telling, mail_server: MailServer
) -> None:
    inge, address = telling.someone("inge"), "inge@havby.example"
    refused = await inge.put("/notifications/preferences", {"email": {"handover_proposed": "never"}})
    unknown = await inge.put("/notifications/preferences", {"email": {"weather": "never"}})
    chosen = await inge.put(
        "/notifications/preferences", {"email": {"tovholder_changed": "digest", "*": "never"}, "digest_hour": 7}
    )
    for _ in range(3):
        child = await telling.register()
    await telling.tell()
    before = len(mail_server.to(address))
    # Someone asks Inge: that waits for her answer.
    await telling.say(child, telling.proposed(child, telling.seat("inge", "intake")))
    await telling.world.settle()
    await telling.tell()
    asked = len(mail_server.to(address))

    await telling.world.advance(timedelta(days=1))

    assert (refused.status, refused.problem) == (422, "this-kind-waits-for-you")
    assert unknown.problem == "this-kind-is-not-known"
    assert (chosen.status, (await inge.get("/notifications/preferences")).body["digest_hour"]) == (200, 7)
    assert (before, asked, len(mail_server.to(address))) == (0, 1, 2)
    rows = await telling.world.sql("notifications", "select state, count(*) as number from delivery where digest group by 1")
    assert [(row["state"], row["number"]) for row in rows] == [("delivered", 3)]
