"""Letters to families: to each holder of custody, once, with nobody else's address; and their receipts."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.notifications.letters.sending import RECEIPT_WITHIN
from tests.notifications.telling import AT, CPR, HAVBY, Telling
from tests.support.world import Someone

_URI = re.compile(rb"/URI \((.*?)\)")


def folder(telling: Telling) -> Path:
    found = telling.world.settings.letters_folder
    assert found is not None
    return found / HAVBY


def manifests(telling: Telling) -> dict[UUID, dict[str, Any]]:
    """Delivery → what the print service is told."""
    return {
        UUID(path.stem): json.loads(path.read_text()) for path in folder(telling).glob("*.json") if "receipt" not in path.name
    }


async def fates(telling: Telling, child: UUID) -> list[tuple[str, str | None]]:
    """(state, reason) of each letter to a person of the family, oldest first."""
    rows = [row for row in await telling.deliveries(child) if row["channel"] == "letter" and row["recipient"]]
    return [(row["state"], row["reason"]) for row in rows]


async def family(telling: Telling) -> tuple[UUID, dict[str, str]]:
    """A born child whose mother and father hold custody; the father's address is protected. The numbers of both."""
    inge, mother, father = telling.someone("inge"), "0202900000", "0303890001"
    address = {"name": "Søs Åkær", "address": "Æblevej 1, 9900 Havby"}
    body = {
        "mother": {"identifiers": [{"system": CPR, "value": mother}], **address}, "born_at": AT.isoformat(), "reason": "moved-in",
        "identifiers": [{"system": CPR, "value": "0103260002"}], "unit": telling.world.names["intake"],
    }  # fmt: skip
    made = await inge.post("/persons/children", body)
    assert made.status == 201, made.body
    await telling.world.settle()
    child = UUID(made.body["child"])
    mother_id = (await inge.get(f"/persons/{child}")).body["mother"]
    holders = [{"person": mother_id}, {"identifiers": [{"system": CPR, "value": father}], "name": "Far Skjult"}]
    held = await inge.post(f"/persons/children/{child}/custody", {"holders": holders, "from_on": "2026-01-01"})
    [father_id] = [one for one in held.body["holders"] if one != mother_id]
    await inge.post(f"/persons/{father_id}/contact", {"address": "Hemmelig Sti 9, 9999 Gemt"})
    await inge.post(f"/persons/{father_id}/protection", {"protected": True})
    await telling.world.settle()
    return child, {"mother": mother, "father": father}


async def passes_to_birgit(telling: Telling, child: UUID) -> None:
    to = {"professional": telling.world.names["birgit"], "unit": telling.world.names["nord"]}
    offered = await telling.someone("inge").post(f"/registry/children/{child}/handovers", {"to": to, "reason": "district"})
    assert offered.status == 201, offered.body
    accepted = await telling.someone("birgit").post(f"/registry/handovers/{offered.body['id']}/acceptance", {})
    assert accepted.status == 200, accepted.body
    await telling.world.settle()


async def with_pass(telling: Telling, number: str) -> Someone:
    """Somebody of the family who has logged in by themselves."""
    world = telling.world
    given = await world.with_token(world.issuer.token(f"login-{number}", cpr=number)).ask("POST", "/persons/family/pass")
    return world.with_token(given.body["pass"])


async def test_the_first_acceptance_is_written_to_each_holder_of_custody_and_the_registration_is_not_written_beside_it(
    telling_all: Telling,
) -> None:
    telling = telling_all
    child, numbers = await family(telling)
    await telling.tell()
    early = folder(telling).exists()

    await passes_to_birgit(telling, child)
    await telling.tell()
    await telling.tell()
    found = manifests(telling)

    assert not early
    rows = [row for row in await telling.deliveries(child) if row["channel"] == "letter" and row["recipient"] is None]
    assert [(row["state"], row["reason"]) for row in rows] == [("stopped", "superseded"), ("passed-on", None)]
    by_number = {manifest["recipient"]["cpr"]: manifest for manifest in found.values()}
    assert set(by_number) == set(numbers.values())
    assert by_number[numbers["mother"]]["recipient"]["address"] == ["Søs Åkær", "Æblevej 1", "9900 Havby"]
    assert by_number[numbers["father"]]["recipient"] == {
        "cpr": numbers["father"], "address": ["Far Skjult", "Hemmelig Sti 9", "9999 Gemt"], "protected": True,
    }  # fmt: skip
    assert "Gemt" not in json.dumps(by_number[numbers["mother"]])
    assert by_number[numbers["mother"]]["sender"] == {"municipality": HAVBY, "name": "Havby Kommune", "cvr": "12345674"}
    listed = (await telling.someone("birgit").get(f"/notifications/children/{child}/letters")).body["letters"]
    assert {(one["state"], one["tovholder"]) for one in listed} == {("sent", str(telling.id_of("birgit")))}
    shown = await telling.someone("birgit").get(f"/notifications/letters/{listed[0]['delivery']}")
    assert shown.body.startswith(b"%PDF-")
    assert (await telling.someone("skovby-leader").get(f"/notifications/letters/{listed[0]['delivery']}")).status == 404
    sealed = await telling.world.sql("notifications", "select words::text as words from letter")
    assert len(sealed) == 2

    # By their own log-ins each reads their own letter, and it names nobody's address.
    mother, father = [await with_pass(telling, number) for number in (numbers["mother"], numbers["father"])]
    [hers], [his] = [(await each.get(f"/persons/family/letters?child={child}")).body["letters"] for each in (mother, father)]
    assert {hers["letter"], his["letter"]} == {one["delivery"] for one in listed}
    words = (await mother.get(f"/persons/family/letters/{hers['letter']}?child={child}")).body["words"]
    assert (words[0]["language"], words[0]["subject"]) == ("da", "I har fået en ny tovholder")
    assert "Søs Åkær" in words[0]["paragraphs"][0]
    assert not any(place in str(words) for place in ("Æblevej", "Hemmelig", "Gemt"))
    pdf = await mother.get(f"/persons/family/letters/{hers['letter']}/pdf?child={child}")
    assert pdf.body.startswith(b"%PDF-")
    for path in (f"letters/{his['letter']}", f"letters/{his['letter']}/pdf", f"letters/{uuid4()}"):
        assert (await mother.get(f"/persons/family/{path}?child={child}")).status == 404, path
    for path in ("letters", f"letters/{hers['letter']}", f"letters/{hers['letter']}/pdf"):
        assert (await mother.get(f"/persons/family/{path}?child={uuid4()}")).status == 404, path

    # The print service answers: one was delivered, one came back.
    delivered, returned, *_ = found
    (folder(telling) / f"{delivered}.receipt.json").write_text('{"state": "delivered"}')
    (folder(telling) / f"{returned}.receipt.json").write_text('{"state": "returned"}')
    await telling.tell()

    assert sorted(await fates(telling, child)) == [("delivered", None), ("failed", "returned")]
    assert manifests(telling) == {}
    assert list(folder(telling).iterdir()) == []
    one = (await telling.someone("birgit").get(f"/notifications/deliveries/{returned}")).body
    assert [each["outcome"] for each in one["all_tries"]] == ["laid-for-print", "returned"]
    assert one["can"] == ["try-again", "email", "printed", "told"]


async def test_a_registration_and_its_acceptance_that_are_heard_in_one_batch_are_one_letter_and_nobody_else_s_is_stopped(
    telling_all: Telling,
) -> None:
    telling = telling_all
    inge, birgit = telling.seat("inge", "intake"), telling.seat("birgit", "nord")
    child, other = uuid4(), uuid4()

    await telling.say(other, telling.registered(other, None), telling.changed(other, None, inge))
    await telling.say(
        child, telling.registered(child, None), telling.changed(child, None, inge), telling.changed(child, inge, birgit)
    )
    await telling.world.settle()

    async def letters(about: UUID) -> list[tuple[str, str | None]]:
        return [(row["state"], row["reason"]) for row in await telling.deliveries(about) if row["channel"] == "letter"]

    assert await letters(child) == [("stopped", "superseded"), ("queued", None)]
    assert await letters(other) == [("queued", None)]


async def test_a_registration_that_nobody_takes_over_is_written_after_the_municipality_s_working_days(
    telling_all: Telling,
) -> None:
    telling = telling_all
    refused = await telling.someone("anna").put(f"/notifications/municipalities/{HAVBY}/letters", {"first_after_working_days": 1})
    chosen = await telling.someone("lone").put(f"/notifications/municipalities/{HAVBY}/letters", {"first_after_working_days": 2})
    child, _ = await family(telling)

    await telling.world.advance(timedelta(hours=20))
    early = await fates(telling, child)
    await telling.world.advance(timedelta(days=6))
    await telling.tell()

    assert (refused.status, chosen.status) == (403, 200)
    assert early == []
    assert await fates(telling, child) == [("sent", None), ("sent", None)]

    # The print service says nothing for days: a person looks after it.
    await telling.world.advance(RECEIPT_WITHIN)
    assert set(await fates(telling, child)) == {("failed", "no-receipt")}
    untold = (await telling.someone("lone").get("/notifications/untold")).body["deliveries"]
    assert {one["reason"] for one in untold if one["about"] == str(child) and one["channel"] == "letter"} == {"no-receipt"}


async def test_a_death_a_second_earlier_stops_the_letter_and_a_family_without_any_address_is_shown_to_a_person(
    telling_all: Telling,
) -> None:
    telling = telling_all
    child, _ = await family(telling)
    await passes_to_birgit(telling, child)
    died = await telling.someone("inge").post(f"/persons/children/{child}/death", {})
    unknown = await telling.register(uuid4())
    await telling.say(unknown, telling.changed(unknown, telling.seat("inge", "intake"), telling.seat("anna", "nord")))
    await telling.world.settle()

    await telling.tell()
    await telling.tell()

    assert died.status == 201, died.body
    assert not folder(telling).exists()
    family_letters = [row for row in await telling.deliveries(unknown) if row["channel"] == "letter"]
    assert [(row["state"], row["reason"]) for row in family_letters][-1] == ("failed", "family-unknown")


async def test_who_loses_custody_while_a_letter_waits_is_not_written_to_and_on_nobody_s_list(telling_all: Telling) -> None:
    telling = telling_all
    child, numbers = await family(telling)
    await passes_to_birgit(telling, child)
    # The way out is blocked: both letters wait.
    blocked = folder(telling).parent
    blocked.write_text("no folder")
    await telling.tell()
    waiting = await fates(telling, child)
    mother = (await telling.someone("birgit").get(f"/persons/{child}")).body["mother"]
    body = {"holders": [{"person": mother}], "from_on": "2026-02-01"}
    alone = await telling.someone("birgit").post(f"/persons/children/{child}/custody", body)
    blocked.unlink()

    await telling.world.advance(timedelta(minutes=1))

    assert waiting == [("queued", None), ("queued", None)]
    assert alone.status == 201, alone.body
    assert sorted(await fates(telling, child), key=str) == [("sent", None), ("stopped", "no-longer-concerned")]
    assert [one["recipient"]["cpr"] for one in manifests(telling).values()] == [numbers["mother"]]


def links_in(telling: Telling) -> dict[UUID, set[str]]:
    """Delivery → the links in its letter, as paths."""
    return {
        UUID(path.stem): {
            found.decode().removeprefix(telling.world.settings.gateway_url) for found in _URI.findall(path.read_bytes())
        }
        for path in folder(telling).glob("*.pdf")
    }


async def test_each_letter_about_a_new_tovholder_has_a_link_of_its_own_to_the_survey_good_for_one_answer_and_tied_to_nobody(
    telling_all: Telling,
) -> None:
    telling = telling_all
    child, _ = await family(telling)
    await passes_to_birgit(telling, child)
    await telling.tell()
    await telling.tell()
    found = links_in(telling)
    links = [link for each in found.values() for link in each]

    # Each holder of custody has one; it works once.
    assert [len(each) for each in found.values()] == [1, 1]
    assert len(set(links)) == 2
    answers = [await telling.world.http.post(links[0], json={"scores": {"listened-to": 5}}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert (await telling.world.http.get(links[1], headers={"accept": "text/html"})).status_code == 200

    # Nobody who may read the letter again finds it there, and neither service says which letter it was made for.
    shown = await telling.someone("birgit").get(f"/notifications/letters/{next(iter(found))}")
    assert (shown.status, _URI.findall(shown.body)) == (200, [])
    kept = str(await telling.world.sql("indicators", "select a::text as row from answer a"))
    assert not any(str(delivery) in kept or delivery.hex in kept for delivery in found)
    assert not any(link.rpartition("/")[2] in kept for link in links)

    # Laid again, after the print service refused it, the letter has the link that it had.
    again = next(delivery for delivery, each in found.items() if links[1] in each)
    (folder(telling) / f"{again}.receipt.json").write_text('{"state": "refused"}')
    await telling.tell()
    retried = await telling.someone("inge").post(f"/notifications/deliveries/{again}/again")
    await telling.tell()
    assert retried.status == 200, retried.body
    assert links_in(telling)[again] == {links[1]}

    # Without the survey's service a family is told all the same.
    telling.world.settings.service_urls["indicators"] = "http://127.0.0.1:9"
    await telling.someone("birgit").post(f"/registry/children/{child}/closing", {"reason": "settled"})
    await telling.world.settle()
    await telling.tell()
    await telling.tell()
    assert [len(each) for delivery, each in links_in(telling).items() if delivery not in found] == [0, 0]


async def test_what_was_given_without_consent_for_a_weighty_interest_is_told_afterwards_and_the_mother_s_own_to_her_alone(
    telling_all: Telling,
) -> None:
    telling = telling_all
    child, numbers = await family(telling)
    await passes_to_birgit(telling, child)
    await telling.tell()
    await telling.tell()
    before = set(manifests(telling))
    social = telling.world.names["social"]

    async def give(by: str = "birgit", **more: Any) -> Any:
        text = {"development": "Is often hungry.", "mother-health": "Was admitted."}
        body = {"child": str(child), "to": {"unit": social}, "categories": list(text), "text": text, **more}
        given = await telling.someone(by).post("/sundhedspleje/overleveringer", body)
        await telling.world.settle()
        return given

    # Nobody is told where nothing passed, or where the giver says why not; the reason stands with what was given.
    refused = await give()
    quietly = await give(invoked="sundhedsloven-43-2", not_told_because="interest-of-the-child")
    no_sense = await give(not_told_because="other-law")
    await telling.tell()
    kept = await telling.someone("birgit").get(f"/sundhedspleje/overleveringer/{quietly.body['id']}")
    unchanged = set(manifests(telling)) == before

    given = await give(invoked="sundhedsloven-43-2")
    # A new tovholder in between: no letter stops another.
    anna = {"professional": telling.world.names["anna"], "unit": telling.world.names["nord"]}
    offered = await telling.someone("birgit").post(f"/registry/children/{child}/handovers", {"to": anna, "reason": "district"})
    await telling.someone("anna").post(f"/registry/handovers/{offered.body['id']}/acceptance", {})
    await telling.world.settle()
    later = await give("anna", invoked="sundhedsloven-43-2")
    await telling.tell()
    await telling.tell()

    assert (refused.body["basis"], quietly.status, no_sense.status) == ("refused", 201, 422)
    assert (kept.body["not_told_because"], unchanged) == ("interest-of-the-child", True)
    assert given.status == 201, given.body
    rows = await telling.deliveries(child)
    letters = [(row["kind"], row["state"], manifests(telling)[row["id"]]["recipient"]["cpr"])
               for row in rows if row["channel"] == "letter" and row["recipient"] and row["id"] not in before]  # fmt: skip
    assert sorted(letters) == sorted(
        [
            *(("disclosed_by_law", "sent", number) for number in (*numbers.values(), *numbers.values())),
            *(("mother_disclosed_by_law", "sent", numbers["mother"]) for _ in range(2)),
            *(("tovholder_changed", "sent", number) for number in numbers.values()),
        ]
    )
    facts = await telling.world.sql("sundhedspleje", "select envelope from ledger where type like '%disclosed_by_law%'")
    assert {row["envelope"]["data"]["overlevering"] for row in facts} == {given.body["id"], later.body["id"]}
    assert "hungry" not in str(facts)
