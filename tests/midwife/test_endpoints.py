"""Structured notifications over HTTP: taken once, shown to those concerned, placed by the intake, withdrawn by the sender."""

import asyncio
import json
import uuid
from typing import Any

import pytest

from services.demo import town
from services.events.directory import MunicipalityChanged
from tests.midwife.ward import A_NAME, A_NUMBER, A_SECRET, Ward
from tests.support.issuer import Issuer
from tests.support.world import Installation

A_CHILD = {"order": 1, "sex": "female", "born_at": "2026-03-01T04:05:00+01:00", "identifiers": []}


async def test_a_notification_is_taken_and_registers(ward: Ward) -> None:
    answer = await ward.notify()

    assert answer.status == 201
    assert answer.body["state"] == "registering"
    assert await ward.world.events("midwife", answer.body["id"]) == ["notification_received", "pregnancy_notified"]
    found = await ward.system.get(answer.body["href"])
    assert (found.status, found.body["children"], found.headers["etag"]) == (200, [], '"2"')


async def test_a_birth_is_told_with_each_child(ward: Ward) -> None:
    answer = await ward.notify(kind="birth", children=[A_CHILD, {**A_CHILD, "order": 2}])

    assert await ward.world.events("midwife", answer.body["id"]) == ["notification_received", "birth_notified"]


async def test_the_same_message_id_with_the_same_content_has_the_same_answer(ward: Ward) -> None:
    own = str(uuid.uuid4())

    first, again = await ward.notify(message_id=own), await ward.notify(message_id=own)

    assert (again.status, again.body) == (201, first.body)
    assert len(await ward.world.sql("midwife", "select 1 from notification")) == 1


async def test_the_same_message_id_with_other_content_is_refused(ward: Ward) -> None:
    own = str(uuid.uuid4())
    await ward.notify(message_id=own)

    answer = await ward.notify(message_id=own, due_on="2027-07-01")

    assert (answer.status, answer.problem) == (409, "the-message-id-stands-for-another-notification")


async def test_two_senders_may_use_the_same_message_id(ward: Ward) -> None:
    own = str(uuid.uuid4())
    first = await ward.notify(message_id=own)

    other = await ward.notify(message_id=own, by=ward.gateway)

    assert other.status == 201
    assert other.body["id"] != first.body["id"]


@pytest.mark.parametrize("key", ["the-same-key", None])
async def test_copies_at_the_same_instant_are_one_notification(ward: Ward, key: str | None) -> None:
    own = str(uuid.uuid4())

    answers = await asyncio.gather(*(ward.notify(message_id=own, key=key) for _ in range(4)))

    assert [answer.status for answer in answers] == [201] * 4
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(await ward.world.sql("midwife", "select 1 from notification")) == 1


async def test_the_same_key_with_another_body_is_refused(ward: Ward) -> None:
    await ward.notify(key="mine")

    answer = await ward.notify(key="mine")

    assert (answer.status, answer.problem) == (422, "idempotency-key-was-used-for-another-request")


async def test_a_notification_without_a_key_is_refused(ward: Ward) -> None:
    answer = await ward.system.ask("POST", "/midwife/notifications", json=ward.notification())

    assert (answer.status, answer.problem) == (400, "idempotency-key-is-missing")


async def test_a_midwife_may_notify_herself_and_her_ward_sees_it(ward: Ward) -> None:
    midwife, colleague = await ward.midwife(), await ward.midwife()

    answer = await ward.notify(by=midwife)

    assert answer.status == 201
    for reader in (midwife, colleague):
        found = await reader.get(answer.body["href"])
        assert found.body["content"]["mother"]["name"] == A_NAME


@pytest.mark.parametrize("somebody", ["nurse", "lead", "persons"])
async def test_nobody_but_a_sender_notifies(ward: Ward, somebody: str) -> None:
    answer = await ward.notify(by=getattr(ward, somebody))

    assert (answer.status, answer.problem) == (403, "only-a-maternity-unit-may-notify")


async def test_an_unknown_receiver_is_refused_as_the_callers_fault(ward: Ward) -> None:
    answer = await ward.notify(receiver={"sor": "999999999999991"})

    assert (answer.status, answer.problem, answer.body["fault"]) == (422, "the-receiver-is-unknown", "caller")


async def test_a_municipality_that_is_not_active_is_not_the_callers_fault(ward: Ward) -> None:
    rules = {"answer_working_days": 3, "remind_working_days_before": 1, "escalate_working_days": 1, "absence_limit_days": 14}
    paused = {
        "municipality": "0990",
        "active": False,
        "support_days": 1,
        "closing_days": [],
        "hospital_notification_basis": False,
    }
    await ward.hear(MunicipalityChanged.model_validate({**rules, **paused}))

    answer = await ward.notify()

    assert (answer.status, answer.body["fault"]) == (422, "dependency")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "adoption"},
        {"surprise": 1},
        {"receiver": None},
        {"receiver": {}},
        {"receiver": {"sor": ""}},
        {"mother": {"identifiers": []}},
        {"mother": {"identifiers": [{**A_NUMBER, "value": "12"}]}},
    ],
)
async def test_what_breaks_the_contract_is_told_by_place_and_never_quoted(ward: Ward, change: dict[str, Any]) -> None:
    answer = await ward.notify(**{**change, "assessment": {"text": A_SECRET}})

    assert (answer.status, answer.problem) == (422, "not-understood")
    assert A_SECRET not in json.dumps(answer.body, ensure_ascii=False)
    assert answer.body["errors"]


async def test_malformed_json_is_told(ward: Ward) -> None:
    headers = {"idempotency-key": "k", "content-type": "application/json"}

    answer = await ward.system.ask("POST", "/midwife/notifications", headers=headers, content=b'{"kind":')

    assert answer.status == 422


async def test_a_body_over_the_limit_is_refused(ward: Ward) -> None:
    headers = {"idempotency-key": "k", "content-type": "application/json"}

    answer = await ward.system.ask("POST", "/midwife/notifications", headers=headers, content=b" " * 1_100_000)

    assert (answer.status, answer.problem) == (413, "too-large")


async def test_a_correction_names_an_own_notification_by_either_id(ward: Ward) -> None:
    own = str(uuid.uuid4())
    first = await ward.notify(message_id=own)

    for named in (own, first.body["id"]):
        answer = await ward.notify(corrects=named)
        assert await ward.world.events("midwife", answer.body["id"]) == ["notification_received", "notification_corrected"]
        demographics = await ward.persons.get(f"{answer.body['href']}/demographics")
        assert demographics.body["corrects"] == first.body["id"]


async def test_nobody_corrects_anothers_notification(ward: Ward) -> None:
    first = await ward.notify()

    answer = await ward.notify(by=ward.gateway, corrects=first.body["id"])

    assert (answer.status, answer.problem) == (409, "only-the-sender-may-correct-a-notification")


async def test_what_comes_after_its_correction_registers_nobody(ward: Ward) -> None:
    own = str(uuid.uuid4())
    await ward.notify(corrects=own)

    late = await ward.notify(message_id=own)

    assert late.body["state"] == "listed"
    assert await ward.world.events("midwife", late.body["id"]) == ["notification_received"]


async def test_a_correction_goes_to_the_same_municipality(ward: Ward) -> None:
    first = await ward.notify()

    answer = await ward.notify(corrects=first.body["id"], receiver={"sor": town.sor_of("skovby-intake")})

    assert (answer.status, answer.problem) == (409, "a-correction-goes-to-the-same-municipality")


@pytest.mark.parametrize("somebody", ["nurse", "stranger", "gateway"])
async def test_a_notification_is_not_there_for_those_it_does_not_concern(ward: Ward, somebody: str) -> None:
    sent = await ward.notify()

    answer = await getattr(ward, somebody).get(sent.body["href"])

    assert (answer.status, answer.problem) == (404, "not-found")


async def test_the_intake_reads_a_notification_and_the_reading_is_logged(ward: Ward) -> None:
    sent = await ward.notify()

    found = await ward.lead.get(sent.body["href"])

    assert found.body["content"]["assessment"]["text"] == A_SECRET
    logged = await ward.world.sql(
        "midwife", "select class, professional from access where subject = $1", uuid.UUID(sent.body["id"])
    )
    assert {(row["class"], str(row["professional"])) for row in logged} == {
        ("notification", ward.world.names["inge"]),
        ("mother", ward.world.names["inge"]),
    }


async def test_a_leader_of_the_unit_sees_the_notification_but_not_what_the_mother_told(ward: Ward) -> None:
    sent = await ward.notify(receiver={"sor": town.sor_of("syd")})

    found = await ward.world.as_professional("elin").get(sent.body["href"])

    assert found.status == 200
    assert "mother" not in found.body["content"]
    assert "assessment" not in found.body["content"]


async def test_demographics_are_for_the_products_own_services(ward: Ward) -> None:
    sent = await ward.notify(kind="birth", children=[A_CHILD])

    found = await ward.persons.get(f"{sent.body['href']}/demographics")

    assert found.body == {
        "notification_id": sent.body["id"],
        "kind": "birth",
        "municipality": "0990",
        "unit": ward.world.names["intake"],
        "mother": {**dict.fromkeys(("email", "phone", "address", "is_protected")), "identifiers": [A_NUMBER], "name": A_NAME},
        "children": [A_CHILD],
        "due_on": "2027-06-01",
        "corrects": None,
    }
    for other in (ward.system, ward.lead):
        assert (await other.get(f"{sent.body['href']}/demographics")).status == 403


async def test_the_list_comes_page_by_page_and_says_nothing_of_anybody(ward: Ward) -> None:
    for _ in range(3):
        await ward.send(ward.letter())

    first = (await ward.lead.get("/midwife/notifications", params={"state": "to-place", "limit": 2})).body
    rest = (await ward.lead.get("/midwife/notifications", params={"state": "to-place", "limit": 2, "after": first["next"]})).body

    assert (len(first["notifications"]), len(rest["notifications"]), rest["next"]) == (2, 1, None)
    assert A_SECRET not in json.dumps(first, ensure_ascii=False)


@pytest.mark.parametrize("somebody", ["nurse", "stranger"])
async def test_the_list_is_empty_for_those_who_place_nothing(ward: Ward, somebody: str) -> None:
    await ward.send(ward.letter())

    assert await ward.listed(by=getattr(ward, somebody)) == []


@pytest.mark.parametrize("username", ["inge", "ditte", "lone"])
async def test_lead_deputy_and_leader_of_the_intake_may_place(ward: Ward, username: str) -> None:
    id = await ward.placed_by_hand()

    answer = await ward.world.as_professional(username).post(f"/midwife/notifications/{id}/placement", {"placement": "not-ours"})

    assert (answer.status, answer.body["state"]) == (200, "placed")
    assert await ward.world.events("midwife", id) == ["notification_received", "notification_placed"]
    assert await ward.listed() == []


async def test_a_letter_placed_as_expected_registers_the_pregnancy_named(ward: Ward) -> None:
    id = await ward.placed_by_hand()
    expected = {"placement": "expected", "mother": {"identifiers": [A_NUMBER]}, "due_on": "2027-06-01"}

    answer = await ward.lead.post(f"/midwife/notifications/{id}/placement", expected)

    assert answer.body["state"] == "registering"
    assert await ward.world.events("midwife", id) == ["notification_received", "notification_placed", "pregnancy_notified"]
    demographics = await ward.persons.get(f"/midwife/notifications/{id}/demographics")
    assert demographics.body["mother"]["identifiers"] == [A_NUMBER]


async def test_a_letter_says_of_nobody_who_they_are_until_a_person_has_said_so(ward: Ward) -> None:
    id = await ward.placed_by_hand()

    assert (await ward.persons.get(f"/midwife/notifications/{id}/demographics")).status == 404


async def test_of_two_who_place_one_is_told_that_it_is_done(ward: Ward) -> None:
    id = await ward.placed_by_hand()
    path = f"/midwife/notifications/{id}/placement"

    answers = await asyncio.gather(
        ward.lead.post(path, {"placement": "not-ours"}), ward.world.as_professional("ditte").post(path, {"placement": "not-ours"})
    )

    assert sorted(answer.status for answer in answers) == [200, 409]


async def test_a_placement_on_a_stale_version_is_refused(ward: Ward) -> None:
    id = await ward.placed_by_hand()

    answer = await ward.lead.post(f"/midwife/notifications/{id}/placement", {"placement": "not-ours"}, if_match=0)

    assert (answer.status, answer.body["version"]) == (409, 1)
    assert len(await ward.listed()) == 1


@pytest.mark.parametrize(("somebody", "status"), [("nurse", 404), ("stranger", 404), ("system", 403), ("persons", 403)])
async def test_nobody_else_places(ward: Ward, somebody: str, status: int) -> None:
    id = await ward.placed_by_hand()

    answer = await getattr(ward, somebody).post(f"/midwife/notifications/{id}/placement", {"placement": "not-ours"})

    assert answer.status == status


async def test_the_sender_withdraws_once(ward: Ward) -> None:
    sent = await ward.notify()
    path = f"{sent.body['href']}/withdrawal"

    first, again = [await ward.system.post(path, {"reason": "incorrect-person"}) for _ in range(2)]

    assert (first.status, first.body["state"]) == (200, "withdrawn")
    assert (again.status, again.problem) == (409, "the-notification-was-withdrawn")
    assert (await ward.world.events("midwife", sent.body["id"]))[-1] == "notification_withdrawn"


@pytest.mark.parametrize(("somebody", "status"), [("lead", 403), ("gateway", 404)])
async def test_nobody_else_withdraws(ward: Ward, somebody: str, status: int) -> None:
    sent = await ward.notify()

    answer = await getattr(ward, somebody).post(f"{sent.body['href']}/withdrawal", {"reason": "other"})

    assert answer.status == status


async def test_nothing_about_a_person_stands_outside_the_seals_or_in_a_log(
    capfd: pytest.CaptureFixture[str], installation: Installation, issuer: Issuer
) -> None:
    name = f"midwife_{uuid.uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name, log_level="debug") as world:
        ward = Ward(world)

        await ward.notify(kind="birth", children=[A_CHILD])
        await ward.notify(mother={"identifiers": [{**A_NUMBER, "value": "0101900000x"}], "name": A_NAME})
        await ward.send(ward.letter())
        await ward.send_bytes(A_SECRET.encode())
        await ward.lead.get("/midwife/notifications/" + (await ward.listed())[0]["id"])

        tables = await world.sql("midwife", "select tablename from pg_tables where schemaname = 'midwife' order by 1")
        written = [
            row["line"]
            for table in tables
            for row in await world.sql("midwife", f"select t::text as line from {table['tablename']} t")  # noqa: S608 - our names
        ]
        everything = "\n".join(written) + "".join(capfd.readouterr())
    await asyncio.to_thread(installation.drop, name)

    assert "request.answered" in everything
    for personal in (A_NAME, A_NUMBER["value"], A_SECRET, "Attrap"):
        assert personal not in everything
        assert personal.encode().hex() not in everything
