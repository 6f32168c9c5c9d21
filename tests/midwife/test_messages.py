"""MedCom messages over HTTP: answered, kept, shown once, by the rules of MedCom's reliable messaging."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.demo import town
from services.events.directory import MunicipalityChanged
from services.midwife.fhir.bundle import Organisation
from tests.midwife.ward import JSON, XML, Ward
from tests.persons.families import TWIN_A, identifier
from tests.support import fhir_messages
from tests.support.world import Answer

EXAMPLES = Path(__file__).parents[3] / "shared" / "examples" / "medcom"


def header_of(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.body
    return fhir_messages.resource_of(answer.body, "MessageHeader")


def response_of(answer: Answer) -> str:
    return str(header_of(answer)["response"]["code"])


def medcom_codes(answer: Answer) -> list[str]:
    outcome = fhir_messages.resource_of(answer.body, "OperationOutcome")
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"] if "details" in issue]


def municipality(**changed: Any) -> MunicipalityChanged:
    usual = {
        "municipality": "0990",
        "active": True,
        "answer_working_days": 3,
        "remind_working_days_before": 1,
        "escalate_working_days": 1,
        "absence_limit_days": 14,
        "support_days": 30,
        "closing_days": [],
        "hospital_notification_basis": False,
    }
    return MunicipalityChanged.model_validate({**usual, **changed})


async def test_a_letter_to_the_health_visitors_is_acknowledged_and_waits_for_the_intake_with_a_deadline(ward: Ward) -> None:
    letter = ward.letter()

    answer = await ward.send(letter)

    assert response_of(answer) == "ok"
    assert header_of(answer)["response"]["identifier"] == letter["entry"][0]["resource"]["id"]
    (line,) = await ward.listed()
    assert line["category"] == "healthcare"
    assert line["place_by"] is not None


async def test_a_letter_of_another_category_is_acknowledged_and_listed(ward: Ward) -> None:
    answer = await ward.send(ward.letter(category="discharge"))

    assert response_of(answer) == "ok"
    assert await ward.listed("to-place") == []
    assert [line["category"] for line in await ward.listed("listed")] == ["discharge"]


async def test_xml_is_answered_in_xml(ward: Ward) -> None:
    answer = await ward.send(ward.letter(), kind=XML)

    assert answer.status == 200
    assert answer.headers["content-type"].startswith(XML)
    assert answer.body.startswith(b"<?xml")
    assert len(await ward.listed()) == 1


async def test_the_same_sending_gets_the_original_answer_and_is_shown_once(ward: Ward) -> None:
    letter = ward.letter()

    first, again = await ward.send(letter), await ward.send(letter)

    assert again.body == first.body
    assert len(await ward.listed()) == 1


async def test_a_letter_in_a_new_envelope_gets_the_same_answer_is_logged_and_is_shown_once(ward: Ward) -> None:
    letter = ward.letter()
    first = await ward.send(letter)

    again = await ward.send({**letter, "id": str(uuid4()), "timestamp": "2026-03-02T10:00:00Z"})

    assert again.body == first.body
    assert len(await ward.listed()) == 1
    arrivals = await ward.world.sql("midwife", "select arrival from sending order by id")
    assert [row["arrival"] for row in arrivals] == ["process", "resubmission-same-answer"]


async def test_a_letter_that_was_refused_stays_refused_in_a_new_envelope(ward: Ward) -> None:
    letter = fhir_messages.FAULTS_OF_CARE_COMMUNICATION["category without code"].in_message(ward.letter())
    first = await ward.send(letter)

    again = await ward.send({**letter, "id": str(uuid4())})

    assert response_of(first) == "fatal-error"
    assert again.body == first.body


async def test_an_envelope_used_for_another_letter_is_refused(ward: Ward) -> None:
    first = ward.letter()
    await ward.send(first)

    answer = await ward.send(ward.letter(bundle_id=first["id"]))

    assert response_of(answer) == "fatal-error"
    assert len(await ward.listed()) == 1


async def test_a_letter_answered_ok_stays_ok_even_in_an_envelope_used_for_another(ward: Ward) -> None:
    one, other = ward.letter(), ward.letter()
    first = await ward.send(one)
    await ward.send(other)

    again = await ward.send({**one, "id": other["id"]})

    assert again.body == first.body


async def test_copies_at_the_same_instant_are_one_letter_with_one_answer(ward: Ward) -> None:
    letter = ward.letter()

    answers = await asyncio.gather(*(ward.send(letter) for _ in range(4)))

    assert {response_of(answer) for answer in answers} == {"ok"}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(await ward.listed()) == 1


async def test_new_envelopes_at_the_same_instant_are_one_letter(ward: Ward) -> None:
    letter = ward.letter()

    answers = await asyncio.gather(*(ward.send({**letter, "id": str(uuid4())}) for _ in range(4)))

    assert len({answer.body["id"] for answer in answers}) == 1
    assert len(await ward.listed()) == 1


async def test_the_ids_of_another_sender_are_nobody_elses(ward: Ward) -> None:
    letter = ward.letter()
    await ward.send(letter)
    elsewhere = Organisation("999000000016777", "5790009999019")
    same_ids = ward.letter(sender=elsewhere, bundle_id=letter["id"], header_id=letter["entry"][0]["resource"]["id"])

    answer = await ward.send(same_ids, by=ward.gateway)

    assert response_of(answer) == "ok"
    assert len(await ward.listed()) == 2


@pytest.mark.parametrize("reply_comes_first", [True, False])
async def test_a_reply_is_linked_to_what_it_answers_whichever_comes_first(ward: Ward, reply_comes_first: bool) -> None:
    parties = ward.organisations()
    question = ward.letter()
    reply = ward.letter(
        activity="reply-message",
        answers=question["entry"][0]["resource"]["id"],
        sender=parties["receiver"],
        receiver=Organisation(town.sor_of("sundhedspleje"), parties["sender"].gln),
    )

    for message in (reply, question) if reply_comes_first else (question, reply):
        assert response_of(await ward.send(message, by=ward.gateway)) == "ok"

    found = await ward.world.sql(
        "midwife", "select r.header_id, o.header_id as answered from message r join message o on o.id = r.answers_message"
    )
    assert [(row["header_id"], row["answered"]) for row in found] == [
        (reply["entry"][0]["resource"]["id"], question["entry"][0]["resource"]["id"])
    ]


async def test_an_acknowledgement_is_recorded_and_not_acknowledged(ward: Ward) -> None:
    ours = (await ward.send(ward.letter())).body

    answer = await ward.send(ours, by=ward.gateway)

    assert (answer.status, answer.body) == (202, b"")
    kinds = await ward.world.sql("midwife", "select outcome from message where kind = 'acknowledgement'")
    assert [row["outcome"] for row in kinds] == ["recorded"]


async def test_a_hospital_notification_without_legal_basis_is_acknowledged_and_leaves_only_its_ids(ward: Ward) -> None:
    answer = await ward.send(ward.admission())

    assert response_of(answer) == "ok"
    (kept,) = await ward.world.sql("midwife", "select kind, body from message")
    assert (kept["kind"], kept["body"]) == ("hospital-notification", None)
    assert await ward.listed("listed") == []


async def test_a_hospital_notification_is_listed_where_there_is_a_legal_basis(ward: Ward) -> None:
    await ward.hear(municipality(hospital_notification_basis=True))

    answer = await ward.send(ward.admission())

    assert response_of(answer) == "ok"
    (line,) = await ward.listed("listed")
    content = (await ward.lead.get(f"/midwife/notifications/{line['id']}")).body["content"]
    assert set(content) == {"identifiers", "activity", "started", "ended"}


async def said_of_admissions(ward: Ward) -> list[dict[str, Any]]:
    rows = await ward.world.sql(
        "midwife",
        "select envelope from ledger where type = 'dk.tovholder.midwife.admission_changed.v1' order by envelope ->> 'time'",
    )
    return [row["envelope"]["data"] for row in rows]


@pytest.mark.parametrize(
    ("said", "code", "change"),
    [
        ({}, "STIN", "new"),
        ({"status": "finished", "activity": "discharge-inpatient-home"}, "SLHJ", "new"),
        ({"activity": "revise-admit-inpatient"}, "STIN", "revised"),
        ({"activity": "cancel-admit-inpatient", "status": "entered-in-error"}, "STIN", "cancelled"),
        ({"status": "finished", "deceased": True}, "MORS", "new"),
        ({"activity": "cancel-admit-inpatient", "deceased": False}, "MORS", "cancelled"),
    ],
)
async def test_a_listed_admission_is_said_by_its_letter_code_and_names_nobody(
    ward: Ward, said: dict[str, Any], code: str, change: str
) -> None:
    await ward.hear(municipality(hospital_notification_basis=True))

    answer = await ward.send(ward.admission(**said))

    (told,) = await said_of_admissions(ward)
    assert (response_of(answer), told["code"], told["change"]) == ("ok", code, change)
    assert set(told) == {"notification_id", "municipality", "unit", "code", "change", "told_at"}


async def test_the_same_admission_again_is_said_once_and_without_legal_basis_nothing_is_said(ward: Ward) -> None:
    message = ward.admission()

    await ward.send(message)
    unlawful = await said_of_admissions(ward)
    await ward.hear(municipality(hospital_notification_basis=True))
    await ward.send(again := ward.admission())
    await ward.send(again)

    assert unlawful == []
    assert len(await said_of_admissions(ward)) == 1


async def test_whom_an_admission_is_about_only_services_learn_and_no_more_than_the_number(ward: Ward) -> None:
    await ward.hear(municipality(hospital_notification_basis=True))
    await ward.send(ward.admission())
    (line,) = await ward.listed("listed")
    address = f"/midwife/notifications/{line['id']}/demographics"

    found = await ward.world.as_client("service-persons").get(address)

    assert set(found.body) == {"notification_id", "kind", "municipality", "unit", "patient"}
    assert len(found.body["patient"]["identifiers"]) == 1
    assert (await ward.lead.get(address)).status == 403


async def test_a_child_that_a_hospital_says_has_died_gets_no_letter_from_then_on(ward: Ward) -> None:
    await ward.hear(municipality(hospital_notification_basis=True))
    message = ward.admission(status="finished", deceased=True, identifiers=(TWIN_A,))
    number = identifier(TWIN_A)
    born = {"order": 1, "identifiers": [number], "sex": "female", "born_at": "2026-11-21T04:30:00+01:00"}
    await ward.notify(kind="birth", due_on=None, children=[born])
    await ward.world.settle()

    await ward.send(message)
    await ward.world.settle()

    (died,) = await ward.world.sql("persons", "select subject from ledger where type like '%child_died%'")
    answer = await ward.world.as_client("service-notifications").get(f"/persons/{died['subject']}/recipients")
    assert answer.body["do_not_contact"] is True
    assert await ward.world.dead_letters() == []


async def test_an_unknown_receiver_is_a_fatal_error(ward: Ward) -> None:
    answer = await ward.send(ward.letter(receiver=Organisation("999999999999991", "5790009999026")))

    assert response_of(answer) == "fatal-error"
    assert medcom_codes(answer) == ["MSG_Receiver_Identifier_UNKNOWN"]
    (kept,) = await ward.world.sql("midwife", "select body, municipality from message")
    assert (kept["body"], kept["municipality"]) == (None, None)


async def test_a_ward_of_no_municipality_receives_nothing(ward: Ward) -> None:
    answer = await ward.send(ward.letter(receiver=ward.organisations()["sender"]))

    assert medcom_codes(answer) == ["MSG_Receiver_Identifier_UNKNOWN"]


async def test_a_municipality_that_is_not_active_receives_nothing(ward: Ward) -> None:
    await ward.hear(municipality(active=False))

    answer = await ward.send(ward.letter())

    assert response_of(answer) == "fatal-error"
    assert medcom_codes(answer) == ["MSG_RECEIVER_UNABLE_TO_RECEIVE_MSG_TYPE"]


@pytest.mark.parametrize(
    "fault", ["no receiver", "receiver without SOR number", "event nobody defined", "event not received here", "no provenance"]
)
async def test_what_is_wrong_with_any_message_is_a_fatal_error(ward: Ward, fault: str) -> None:
    answer = await ward.send(fhir_messages.FAULTS_OF_ANY[fault].in_message(ward.letter()))

    assert response_of(answer) == "fatal-error"
    assert await ward.listed() == []


async def test_an_unknown_category_is_a_fatal_error_that_says_which_value_it_is_about(ward: Ward) -> None:
    answer = await ward.send(fhir_messages.FAULTS_OF_CARE_COMMUNICATION["unknown category"].in_message(ward.letter()))

    assert response_of(answer) == "fatal-error"
    assert medcom_codes(answer) == ["MSG_VALUESET_VALUE_UNKNOWN"]


async def test_a_letter_that_breaks_off_is_a_fatal_error_of_damage(ward: Ward) -> None:
    whole = fhir_messages.as_json(ward.letter())

    answer = await ward.send_bytes(whole[:-200])

    assert response_of(answer) == "fatal-error"
    assert medcom_codes(answer) == ["MSG_Damaged_durin_transport"]


@pytest.mark.parametrize(("content", "kind"), [(b"{", JSON), (b"<Bundle", XML), (b"", JSON), (b"[]", JSON), (b"\xff\xfe", XML)])
async def test_what_cannot_be_read_at_all_is_a_problem_of_the_callers(ward: Ward, content: bytes, kind: str) -> None:
    answer = await ward.send_bytes(content, kind)

    assert (answer.status, answer.problem) == (400, "the-message-cannot-be-read")
    assert (answer.body["fault"], answer.body["retry"]) == ("caller", False)


@pytest.mark.parametrize("kind", ["text/plain", "application/pdf", "application/fhir+json; charset=latin-1"])
async def test_another_content_type_is_refused(ward: Ward, kind: str) -> None:
    answer = await ward.send_bytes(fhir_messages.as_json(ward.letter()), kind)

    assert (answer.status, answer.problem) == (415, "the-content-type-is-not-fhir")


async def test_a_letter_may_be_larger_than_a_mebibyte(ward: Ward) -> None:
    answer = await ward.send(ward.letter(texts=(A_LONG_TEXT,)))

    assert response_of(answer) == "ok"


A_LONG_TEXT = "Et langt notat. " * 80_000


async def test_a_system_cannot_send_in_anothers_name(ward: Ward) -> None:
    answer = await ward.send(ward.letter(sender=Organisation("999000000016777", "5790009999019")))

    assert (answer.status, answer.problem) == (403, "only-the-senders-own-system-may-send")
    assert await ward.world.sql("midwife", "select 1 from message") == []


async def test_a_person_sends_no_medcom_messages(ward: Ward) -> None:
    answer = await ward.send(ward.letter(), by=ward.lead)

    assert answer.status == 403


async def test_without_a_good_token_nothing_is_read(ward: Ward) -> None:
    expired = ward.world.issuer.token("maternity-havby", "maternity-havby", exp=1)

    answer = await ward.send(ward.letter(), by=ward.world.with_token(expired))

    assert answer.status == 401
    assert await ward.world.sql("midwife", "select 1 from message") == []


EXPECTED = {
    "ack-fatal-error": "recorded",
    "ack-ok": "recorded",
    "ack-transient-error": "recorded",
    "cc-new": "listed",
    "cc-new-X-eCPR": "listed",
    "cc-reply-with-pdf": "listed",
    "hn-AN_STIN-cancel": "dropped",
    "hn-MORS-deceased": "dropped",
    "hn-SLHJ-discharge-home": "dropped",
    "hn-STIN-admit": "dropped",
    "hn-TEK_DUB": "dropped",
    "hn-TEK_FCC-errors": "refused",
    "hn-TEK_LOV-no-legal-basis": "dropped",
}


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="MedCom's example messages are not beside the checkout")
@pytest.mark.parametrize("name", EXPECTED)
async def test_medcoms_own_examples_get_the_answer_their_makers_call_for_twice(ward: Ward, name: str) -> None:
    content = (EXAMPLES / f"{name}.json").read_bytes()

    first, again = [await ward.send_bytes(content, by=ward.gateway) for _ in range(2)]

    shown = await ward.world.sql("midwife", "select state from notification")
    assert again.body == first.body
    assert len(shown) == (1 if EXPECTED[name] == "listed" else 0)
    if EXPECTED[name] == "recorded":
        assert first.status == 202
    else:
        assert response_of(first) == ("fatal-error" if EXPECTED[name] == "refused" else "ok")
        assert header_of(first)["response"]["identifier"] == json.loads(content)["entry"][0]["resource"]["id"]
