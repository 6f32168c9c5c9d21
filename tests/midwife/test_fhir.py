"""What MedCom messages say, what is wrong with them, and how they are acknowledged."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.midwife.fhir import (
    Arrival,
    Message,
    PatientIdentifier,
    UnreadableMessage,
    admission_code,
    duplicate_of,
    read_message,
)
from services.midwife.fhir.acknowledgement import AcknowledgementIds, acknowledgement
from services.midwife.fhir.bundle import Organisation
from services.midwife.fhir.codes import (
    BUNDLE_ID_REUSED,
    CPR,
    D_ECPR_OF_REGION,
    DAMAGED,
    OUT_OF_OPERATION,
    RECEIVER_UNKNOWN,
    X_ECPR,
    IdentifierKind,
    Issue,
    MedComCode,
    MessageKind,
    has_the_form_of_its_system,
    identifier_kind,
)
from services.midwife.fhir.xml import read_xml, to_xml
from tests.support.fhir_messages import (
    A_MOTHERS_CPR,
    A_MOTHERS_X_ECPR,
    ADMISSIONS,
    FAULTS_OF_ANY,
    FAULTS_OF_CARE_COMMUNICATION,
    FAULTS_OF_HOSPITAL_NOTIFICATION,
    HEALTH_VISITORS,
    INSTALLATION,
    MATERNITY_WARD,
    Fault,
    FhirResource,
    as_json,
    as_xml,
    care_communication,
    hospital_notification,
    resource_of,
)
from tests.support.fhir_validator import PACKAGES, SHARED, FhirValidator, fhir_validator

__all__ = ["fhir_validator"]

# One process holds the validator, whose memory is some 600 MB.
pytestmark = pytest.mark.xdist_group("fhir-validator")

JSON, XML = "application/fhir+json", "application/fhir+xml"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CARE_COMMUNICATION_FAULTS = FAULTS_OF_ANY | FAULTS_OF_CARE_COMMUNICATION


def read(message: FhirResource) -> Message:
    found = read_message(as_json(message), JSON)
    assert isinstance(found, Message), found
    return found


def answer(message: Message, issues: tuple[Issue, ...] | None = None) -> FhirResource:
    found = message.issues if issues is None else issues
    return acknowledgement(message, "fatal-error" if found else "ok", found, AcknowledgementIds.fresh(), NOW, own=INSTALLATION)


def read_receiver(message: FhirResource) -> Organisation:
    return read(message).receiver


# -- reading -----------------------------------------------------------------------------------------------------------------


def test_a_care_communication_says_who_wrote_what_about_whom_to_whom() -> None:
    sent = care_communication(
        texts=("Første afsnit.", "Andet afsnit."),
        attachments=2,
        identifiers=(A_MOTHERS_CPR, A_MOTHERS_X_ECPR),
        topic="Besøg",
    )

    message = read(sent)

    assert message.issues == ()
    assert message.acceptable
    assert (message.bundle_id, message.header_id) == (sent["id"], sent["entry"][0]["resource"]["id"])
    assert (message.kind, message.event, message.activity) == (
        MessageKind.CARE_COMMUNICATION,
        "care-communication-message",
        "new-message",
    )
    assert (message.sender, message.receiver) == (MATERNITY_WARD, HEALTH_VISITORS)
    assert (message.category, message.topic) == ("healthcare", "Besøg")
    assert (message.texts, message.attachments) == (("Første afsnit.", "Andet afsnit."), 2)
    assert message.patient_identifiers == (PatientIdentifier(*A_MOTHERS_CPR), PatientIdentifier(*A_MOTHERS_X_ECPR))


def test_a_reply_names_the_message_it_answers_whether_or_not_that_has_come() -> None:
    assert read(care_communication(activity="reply-message", answers="a-letter")).answers == "a-letter"
    assert read(care_communication()).answers is None


def test_a_reply_to_a_letter_that_was_not_fhir_names_it_by_location_number_and_letter_id() -> None:
    sent = care_communication(activity="reply-message")
    earlier = {"role": "revision", "what": {"identifier": {"value": "5790009999027#LETTER7"}}}
    resource_of(sent, "Provenance")["entity"].append(earlier)

    assert read(sent).answers == "5790009999027#LETTER7"


def test_of_several_provenances_the_one_of_this_message_counts() -> None:
    sent = care_communication(activity="reply-message", answers="a-letter")
    earlier = copy.deepcopy(resource_of(sent, "Provenance")) | {"id": "earlier", "recorded": "2026-03-09T08:30:00+00:00"}
    earlier["target"] = [{"reference": "MessageHeader/a-letter"}]
    earlier["activity"]["coding"][0]["code"] = "new-message"
    sent["entry"].insert(1, {"fullUrl": "https://journal.example/fhir/Provenance/earlier", "resource": earlier})

    assert read(sent).activity == "reply-message"


@pytest.mark.parametrize(("activity", "status", "code"), ADMISSIONS)
def test_a_hospital_notification_is_known_by_its_danish_letter_code(activity: str, status: str, code: str) -> None:
    message = read(hospital_notification(activity=activity, status=status))

    assert message.issues == ()
    assert admission_code(message) == code


def test_a_death_and_its_cancellation_are_told_apart_from_the_admission_they_repeat() -> None:
    assert admission_code(read(hospital_notification(status="finished", deceased=True))) == "MORS"
    assert admission_code(read(hospital_notification(activity="revise-admit-inpatient", deceased=True))) == "RE_MORS"
    assert admission_code(read(hospital_notification(activity="cancel-admit-inpatient", deceased=False))) == "AN_MORS"
    assert admission_code(read(hospital_notification(deceased=False))) == "STIN"
    assert admission_code(read(care_communication())) is None


def test_an_acknowledgement_of_ours_is_read_as_one_and_is_never_acknowledged() -> None:
    original = read(care_communication())

    returned = read(answer(original))

    assert returned.kind is MessageKind.ACKNOWLEDGEMENT
    assert returned.issues == ()
    assert (returned.answers, returned.response) == (original.header_id, "ok")
    assert not returned.expects_an_acknowledgement
    with pytest.raises(ValueError, match="never acknowledged"):
        answer(returned)


@pytest.mark.parametrize("sent", [care_communication(attachments=1), hospital_notification(deceased=True)])
def test_the_same_message_in_xml_and_json_reads_the_same(sent: FhirResource) -> None:
    assert read_message(as_xml(sent), XML) == read_message(as_json(sent), JSON) == read_message(as_json(sent), "application/json")


@pytest.mark.parametrize("name", [each for each in CARE_COMMUNICATION_FAULTS if "header not first" not in each])
def test_a_fault_is_found_alike_in_xml_and_json(name: str) -> None:
    spoiled = CARE_COMMUNICATION_FAULTS[name].in_message(care_communication())
    spoiled_patient = resource_of(spoiled, "Patient") if name != "no patient" else {}
    strange = spoiled_patient.pop("hairColour", None)

    # Written by our own writer: the other library refuses to write what is wrong.
    written = to_xml(spoiled)
    if strange:
        spoiled_patient["hairColour"] = strange
        written = written.replace(b"</Patient>", b'<hairColour value="red"/></Patient>')

    assert read_message(written, XML) == read_message(as_json(spoiled), JSON)


def test_what_is_about_a_person_does_not_show_when_a_message_is_printed() -> None:
    message = read(care_communication(texts=("Hun er bekymret.",), topic="Fortroligt"))

    assert not any(each in repr(message) for each in (A_MOTHERS_CPR[1], "bekymret", "Fortroligt", "Prøve"))


def test_a_message_id_need_not_be_a_uuid() -> None:
    assert read(care_communication(header_id="LETTER-7.b")).acceptable


# -- rules -------------------------------------------------------------------------------------------------------------------


def assert_found(fault: Fault, message: Message) -> None:
    assert not message.acceptable
    assert (fault.code, fault.medcom) in {(each.code, each.medcom or "") for each in message.issues}, message.issues


@pytest.mark.parametrize("name", CARE_COMMUNICATION_FAULTS)
def test_a_care_communication_is_refused_for(name: str) -> None:
    fault = CARE_COMMUNICATION_FAULTS[name]

    assert_found(fault, read(fault.in_message(care_communication())))


@pytest.mark.parametrize("name", FAULTS_OF_ANY | FAULTS_OF_HOSPITAL_NOTIFICATION)
def test_a_hospital_notification_is_refused_for(name: str) -> None:
    fault = (FAULTS_OF_ANY | FAULTS_OF_HOSPITAL_NOTIFICATION)[name]

    assert_found(fault, read(fault.in_message(hospital_notification())))


@pytest.mark.parametrize("name", CARE_COMMUNICATION_FAULTS)
def test_no_issue_repeats_what_a_message_says_of_a_person(name: str) -> None:
    spoiled = CARE_COMMUNICATION_FAULTS[name].in_message(care_communication(texts=("Hun er bekymret.",)))
    resource_of(spoiled, "MessageHeader")["Søs Prøve 0101900000"] = {"bekymret": True}

    said = str(read(spoiled).issues)

    assert not any(each in said for each in (A_MOTHERS_CPR[1], "bekymret", "Prøve", "hairColour", "gossip"))


def test_a_link_may_be_attached_without_a_content_type() -> None:
    sent = care_communication(attachments=1)
    link = {"url": "https://journal.example/aftale", "title": "Aftale"}
    resource_of(sent, "Communication")["payload"][1]["contentAttachment"] = link

    assert read(sent).issues == ()


def test_a_sender_without_gln_is_refused_and_still_answered_at_its_sor_number() -> None:
    message = read(care_communication(sender=Organisation(sor=MATERNITY_WARD.sor)))

    assert [(each.code, each.expression) for each in message.issues] == [("required", "Bundle.entry[0].resource.sender")]
    assert read_receiver(answer(message)) == Organisation(sor=MATERNITY_WARD.sor)


@pytest.mark.parametrize(
    ("response", "code"),
    [({"code": "ok"}, "required"), ({"identifier": "a-letter", "code": "perhaps"}, "code-invalid")],
)
def test_an_acknowledgement_that_does_not_say_what_of_is_found_wanting(response: dict[str, str], code: str) -> None:
    sent = answer(read(care_communication()))
    resource_of(sent, "MessageHeader")["response"] = response

    assert code in {each.code for each in read(sent).issues}


def test_a_negative_acknowledgement_without_an_outcome_is_found_wanting() -> None:
    sent = answer(read(care_communication()), (RECEIVER_UNKNOWN,))
    sent["entry"] = [each for each in sent["entry"] if each["resource"]["resourceType"] != "OperationOutcome"]

    assert [each.expression for each in read(sent).issues] == ["Bundle.entry[0].resource.response.details"]


def test_a_cpr_number_is_never_refused_for_modulus_11() -> None:
    for last_digit in "0123456789":
        assert read(care_communication(identifiers=((CPR, f"010190000{last_digit}"),))).acceptable


@pytest.mark.parametrize(
    ("system", "value", "kind"),
    [
        (CPR, "2509479989", IdentifierKind.CPR),
        (CPR, "6101900000", IdentifierKind.CPR),
        (X_ECPR, "0703921VJ4", IdentifierKind.X_ECPR),
        *((system, "1206550VK9", IdentifierKind.D_ECPR) for system in D_ECPR_OF_REGION.values()),
        ("https://journal.example/number", "anything", None),
    ],
)
def test_a_number_is_known_by_its_system_and_takes_that_form(system: str, value: str, kind: IdentifierKind | None) -> None:
    assert identifier_kind(system) == kind
    assert has_the_form_of_its_system(system, value)
    assert has_the_form_of_its_system(system, f"{value}0") is (kind is None)


# -- what cannot be read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "understood"),
    [
        ("application/fhir+json", True),
        ("Application/FHIR+JSON; charset=UTF-8", True),
        ("application/json;charset=utf-8", True),
        ("application/fhir+json; charset=iso-8859-1", False),
        ("text/plain", False),
        ("", False),
    ],
)
def test_only_fhir_in_utf_8_is_understood(content_type: str, understood: bool) -> None:
    found = read_message(as_json(care_communication()), content_type)

    assert isinstance(found, Message) is understood
    assert understood or (isinstance(found, UnreadableMessage) and found.reason == "unsupported-content-type")


@pytest.mark.parametrize("kept", [0.999, 0.9])
@pytest.mark.parametrize("content_type", [JSON, XML])
def test_a_message_that_breaks_off_after_header_and_sender_can_still_be_refused_by_acknowledgement(
    kept: float, content_type: str
) -> None:
    sent = care_communication(attachments=1)
    sent["entry"] = [*sent["entry"][:1], *sorted(sent["entry"][1:], key=lambda each: "Organization" not in each["fullUrl"])]
    whole = as_json(sent) if content_type == JSON else as_xml(sent)

    found = read_message(whole[: int(len(whole) * kept)], content_type)

    assert isinstance(found, Message)
    assert found.issues == (DAMAGED,)
    assert (found.header_id, found.sender) == (sent["entry"][0]["resource"]["id"], MATERNITY_WARD)
    assert resource_of(answer(found), "MessageHeader")["response"]["code"] == "fatal-error"


@pytest.mark.parametrize("content_type", [JSON, XML])
def test_a_message_that_breaks_off_before_its_sender_is_unreadable(content_type: str) -> None:
    whole = as_json(care_communication()) if content_type == JSON else as_xml(care_communication())

    found = read_message(whole[:900], content_type)

    assert isinstance(found, UnreadableMessage)
    assert found.reason == "not-well-formed"


def test_a_message_without_header_id_or_sender_is_unreadable() -> None:
    without_id, without_sender, other = care_communication(), care_communication(), {"resourceType": "Patient"}
    del without_id["entry"][0]["resource"]["id"]
    del without_sender["entry"][0]["resource"]["sender"]

    found = [read_message(as_json(each), JSON) for each in (without_id, without_sender, other)]

    assert [each.reason for each in found if isinstance(each, UnreadableMessage)] == [
        "no-header-id",
        "no-sender",
        "not-a-message",
    ]


def billion_laughs(message: bytes) -> bytes:
    entities = "".join(f'<!ENTITY l{index} "{f"&l{index - 1};" * 10}">' for index in range(1, 10))
    document_type = f'<!DOCTYPE Bundle [<!ENTITY l0 "ha">{entities}]>'.encode()
    start = message.index(b"<Bundle")
    return message[:start] + document_type + message[start:].replace(b"aftale", b"&l9;")


@pytest.mark.parametrize(
    "spoil",
    [
        billion_laughs,
        lambda message: message.replace(b"<Bundle", b'<!DOCTYPE Bundle SYSTEM "file:///etc/passwd"><Bundle', 1),
        lambda message: message.replace(b"<Bundle", b'<?xml-stylesheet href="https://evil.example"?><Bundle', 1),
        lambda message: b"<Bundle xmlns='http://hl7.org/fhir'>" + b"<entry>" * 10_000,
        lambda message: b"<Bundle xmlns='http://hl7.org/fhir'>" + b"<entry/>" * 100_000 + b"</Bundle>",
        lambda message: message.decode().encode("utf-16"),
    ],
    ids=["billion laughs", "external document type", "processing instruction", "deep", "wide", "another encoding"],
)
def test_xml_that_is_made_to_harm_is_refused(spoil: Any) -> None:
    found = read_message(spoil(as_xml(care_communication())), XML)

    assert isinstance(found, UnreadableMessage)
    assert found.reason == "not-well-formed"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"entry":[' + b"[" * 100_000,
        b"[1" + b"0" * 100_000 + b"]",
        b"\xff\xfe",
        b"",
        b"null",
    ],
    ids=["deep list", "deep object", "deep entry", "long number", "not text", "nothing", "null"],
)
def test_json_that_is_made_to_harm_is_refused(body: bytes) -> None:
    assert isinstance(read_message(body, JSON), UnreadableMessage)


def test_json_deeper_than_a_message_can_be_is_refused() -> None:
    nested: Any = {}
    for _ in range(100):
        nested = {"extension": [nested]}

    found = read_message(as_json(care_communication() | {"extension": nested}), JSON)

    assert isinstance(found, UnreadableMessage)
    assert found.reason == "too-deep"


def test_a_name_said_twice_in_one_object_is_damage_and_not_a_choice() -> None:
    twice = as_json(care_communication()).replace(b'"type": "message"', b'"type": "message", "type": "message"')

    assert not isinstance(read_message(twice, JSON), Message) or read_message(twice, JSON).issues == (DAMAGED,)  # type: ignore[union-attr]


@pytest.mark.parametrize("character", ["\x00", "\ud800", "\x1b"])
def test_a_character_no_store_can_hold_is_replaced_and_refused(character: str) -> None:
    message = read_message(json.dumps(care_communication(texts=(f"Hej{character}",))).encode(), JSON)

    assert isinstance(message, Message)
    assert message.texts == ("Hej\ufffd",)
    assert MedComCode.DAMAGED_IN_TRANSPORT in {each.medcom for each in message.issues}


def every_answer_can_be_sent(body: bytes, content_type: str) -> None:
    found = read_message(body, content_type)
    if isinstance(found, Message) and found.expects_an_acknowledgement:
        written = answer(found, tuple(each for each in found.issues if not found.acceptable))
        assert read_xml(to_xml(written)) == json.loads(as_json(written))


@settings(deadline=None)
@given(st.binary(max_size=2_000), st.sampled_from([JSON, XML]))
def test_any_bytes_are_read_without_failing(body: bytes, content_type: str) -> None:
    every_answer_can_be_sent(body, content_type)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [at, *(place for name, each in value.items() for place in places(each, (*at, name)))]
    if isinstance(value, list):
        return [at, *(place for index, each in enumerate(value) for place in places(each, (*at, index)))]
    return [at]


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([care_communication(attachments=1), hospital_notification()]))
def test_a_message_with_anything_in_any_place_is_read_without_failing(data: st.DataObject, sent: FhirResource) -> None:
    spoiled = copy.deepcopy(sent)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(places(spoiled)[1:]))
        target: Any = spoiled
        for step in path:
            target = target[step]
        target[last] = data.draw(ANYTHING)

    every_answer_can_be_sent(json.dumps(spoiled).encode(), JSON)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([as_xml(care_communication()), as_xml(hospital_notification())]))
def test_xml_with_any_bytes_in_any_place_is_read_without_failing(data: st.DataObject, sent: bytes) -> None:
    start = data.draw(st.integers(0, len(sent)))
    end = data.draw(st.integers(start, min(len(sent), start + 200)))
    put = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"</entry>", b'<id value="x"/>', b"<contained/>", b"<!--", b"&amp;"])
    )

    every_answer_can_be_sent(sent[:start] + put + sent[end:], XML)


# -- what came before --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header_is_known", "known_header_of_bundle", "then"),
    [
        (False, None, Arrival.PROCESS),
        (True, "a-letter", Arrival.SAME_ANSWER),
        (True, None, Arrival.RESUBMISSION_SAME_ANSWER),
        (False, "another-letter", Arrival.BUNDLE_ID_REUSED),
        (True, "another-letter", Arrival.BUNDLE_ID_REUSED),
    ],
)
def test_a_letter_is_processed_once_and_answered_the_same_way_ever_after(
    header_is_known: bool, known_header_of_bundle: str | None, then: Arrival
) -> None:
    found = duplicate_of("a-letter", header_is_known=header_is_known, known_header_of_bundle=known_header_of_bundle)

    assert found is then


# -- acknowledgements --------------------------------------------------------------------------------------------------------


def test_an_acknowledgement_goes_back_to_the_sender_with_both_provenances() -> None:
    original = read(care_communication(activity="reply-message", answers="a-letter"))

    sent = answer(original)

    header = sent["entry"][0]["resource"]
    numbers = {
        f"Organization/{each['resource']['id']}": {number["value"] for number in each["resource"]["identifier"]}
        for each in sent["entry"]
        if each["resource"]["resourceType"] == "Organization"
    }
    assert header["response"] == {"identifier": original.header_id, "code": "ok"}
    assert numbers[header["destination"][0]["receiver"]["reference"]] == {MATERNITY_WARD.sor, MATERNITY_WARD.gln}
    assert numbers[header["sender"]["reference"]] == {HEALTH_VISITORS.sor, HEALTH_VISITORS.gln}
    assert [
        each["resource"]["activity"]["coding"][0]["code"]
        for each in sent["entry"]
        if each["resource"]["resourceType"] == "Provenance"
    ] == ["reply-message", "acknowledgement"]
    assert sent["timestamp"] == "2026-03-02T10:00:00.000+01:00"


def test_where_no_receiver_is_named_the_installation_itself_answers() -> None:
    spoiled = FAULTS_OF_ANY["no receiver"].in_message(care_communication())

    found = read(answer(read(spoiled)))

    assert (found.sender, found.receiver, found.response) == (INSTALLATION, MATERNITY_WARD, "fatal-error")


def test_a_negative_response_says_what_is_wrong_and_only_a_negative_one() -> None:
    original = read(care_communication())
    ids = AcknowledgementIds.fresh()

    with pytest.raises(ValueError, match="what is wrong"):
        acknowledgement(original, "fatal-error", (), ids, NOW, own=INSTALLATION)
    with pytest.raises(ValueError, match="what is wrong"):
        acknowledgement(original, "ok", (RECEIVER_UNKNOWN,), ids, NOW, own=INSTALLATION)


def test_our_xml_says_what_our_json_says_to_a_reader_that_is_not_ours() -> None:
    from fhir.resources.R4B.bundle import Bundle

    sent = answer(read(FAULTS_OF_ANY["a second patient"].in_message(care_communication())))

    assert Bundle.model_validate_xml(to_xml(sent)).model_dump() == Bundle.model_validate(sent).model_dump()


# -- held against the published profiles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "issues"),
    [
        ("ok", ()),
        ("fatal-error", (RECEIVER_UNKNOWN, BUNDLE_ID_REUSED, DAMAGED)),
        ("transient-error", (OUT_OF_OPERATION,)),
    ],
)
@pytest.mark.parametrize("sent", [care_communication(), hospital_notification(activity="cancel-admit-inpatient")])
def test_our_acknowledgements_keep_the_published_profile(
    fhir_validator: FhirValidator, sent: FhirResource, response: Any, issues: tuple[Issue, ...]
) -> None:
    written = acknowledgement(read(sent), response, issues, AcknowledgementIds.fresh(), NOW, own=INSTALLATION)

    assert fhir_validator.errors("acknowledgement", written) == []
    assert fhir_validator.errors("acknowledgement", to_xml(written)) == []


@pytest.mark.parametrize("name", CARE_COMMUNICATION_FAULTS)
def test_the_refusal_of_any_fault_keeps_the_published_profile(fhir_validator: FhirValidator, name: str) -> None:
    written = answer(read(CARE_COMMUNICATION_FAULTS[name].in_message(care_communication())))

    assert fhir_validator.errors("acknowledgement", written) == []


def test_the_validator_sees_a_broken_acknowledgement(fhir_validator: FhirValidator) -> None:
    broken = answer(read(care_communication()))
    del resource_of(broken, "MessageHeader")["response"]

    assert fhir_validator.errors("acknowledgement", broken)


def test_the_messages_we_test_with_keep_the_published_profiles(fhir_validator: FhirValidator) -> None:
    letters = [care_communication(attachments=1), care_communication(activity="reply-message", answers="a-letter")]
    stays = [hospital_notification(), hospital_notification(status="finished", deceased=True)]

    for letter in letters:
        assert fhir_validator.errors("care-communication", letter) == []
        assert fhir_validator.errors("care-communication", as_xml(letter)) == []
    for stay in stays:
        assert fhir_validator.errors("hospital-notification", stay) == []


# -- MedCom's own examples ---------------------------------------------------------------------------------------------------

EXAMPLES = SHARED / "examples" / "medcom"
CERTIFICATION_SET = SHARED / "examples" / "carecommunication-testset"


def published(folder: Path, name: str) -> Message:
    """A message of MedCom's; the folder is no part of the repository."""
    if not folder.is_dir():
        pytest.skip(f"outside the repository: {folder.parent.name}/{folder.name} is not beside {PACKAGES.name}")
    path = min(each for each in folder.iterdir() if each.name.removeprefix("Bundle-").startswith(name))
    found = read_message(path.read_bytes(), XML if path.suffix == ".xml" else JSON)
    assert isinstance(found, Message), (name, found)
    return found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ack-ok", MessageKind.ACKNOWLEDGEMENT),
        ("ack-fatal-error", MessageKind.ACKNOWLEDGEMENT),
        ("ack-transient-error", MessageKind.ACKNOWLEDGEMENT),
        ("cc-new.", MessageKind.CARE_COMMUNICATION),
        ("cc-new-X-eCPR", MessageKind.CARE_COMMUNICATION),
        ("cc-reply-with-pdf", MessageKind.CARE_COMMUNICATION),
        ("hn-STIN", MessageKind.HOSPITAL_NOTIFICATION),
        ("hn-AN_STIN", MessageKind.HOSPITAL_NOTIFICATION),
        ("hn-SLHJ", MessageKind.HOSPITAL_NOTIFICATION),
        ("hn-MORS", MessageKind.HOSPITAL_NOTIFICATION),
        ("hn-TEK_DUB", MessageKind.HOSPITAL_NOTIFICATION),
        ("hn-TEK_LOV", MessageKind.HOSPITAL_NOTIFICATION),
    ],
)
def test_a_published_example_is_read_without_issues(name: str, kind: MessageKind) -> None:
    message = published(EXAMPLES, name)

    assert (message.kind, message.issues) == (kind, ())
    if kind is MessageKind.HOSPITAL_NOTIFICATION:
        assert admission_code(message) == {"hn-TEK_DUB": "STIN", "hn-TEK_LOV": "STIN"}.get(name, name.removeprefix("hn-"))


def test_the_published_example_with_errors_is_refused() -> None:
    message = published(EXAMPLES, "hn-TEK_FCC")

    assert not message.acceptable
    assert resource_of(answer(message), "MessageHeader")["response"]["code"] == "fatal-error"


def test_the_published_reply_names_the_published_question() -> None:
    assert published(EXAMPLES, "cc-reply-with-pdf").answers == published(EXAMPLES, "cc-new.").header_id


@pytest.mark.parametrize(
    "name",
    [
        "R-A-",
        "R-B-",
        "R-Tek-A",
        "R-Tek-B",
        "R-Tek-D",
        "R-Tek-F",
        "R-Tek-J",
        "R-Tek-CPR-1",
        "R-Tek-CPR-2",
        "R-Tek-CPR-3",
        "R-Tek-E",
        "R-Tek-G",
        "R-C-forward",
    ],
)
def test_a_message_of_the_certification_set_is_read_without_issues(name: str) -> None:
    assert published(CERTIFICATION_SET, name).issues == ()


def test_the_certification_sets_duplicate_is_one_letter_in_two_envelopes() -> None:
    first, again = published(CERTIFICATION_SET, "R-Tek-K"), published(CERTIFICATION_SET, "R-Tek-L")

    assert first.header_id == again.header_id
    assert first.bundle_id != again.bundle_id
    assert (first.texts, first.patient_identifiers, first.issues) == (again.texts, again.patient_identifiers, ())


def test_the_certification_sets_reply_names_the_message_that_comes_after_it() -> None:
    assert published(CERTIFICATION_SET, "R-Tek-H").answers == published(CERTIFICATION_SET, "R-Tek-I").header_id


@pytest.mark.parametrize("name", ["R-Tek-M", "R-Tek-N"])
def test_the_certification_sets_category_without_code_is_refused(name: str) -> None:
    message = published(CERTIFICATION_SET, name)

    assert MedComCode.VALUE_NOT_IN_VALUE_SET in {each.medcom for each in message.issues}


def test_an_organisation_without_numbers_is_no_one() -> None:
    assert read(FAULTS_OF_ANY["no receiver"].in_message(care_communication())).receiver == Organisation()
