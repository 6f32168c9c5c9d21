"""Every rule a message received is held against, in one table: base FHIR structure first, then what MedCom's profiles add.

The rules are those of MedCom messaging, CareCommunication 5.0, HospitalNotification 3.0 and Acknowledgement 2.0 that decide
whether a message can be trusted, addressed and understood; the certification test messages TEK_DUB and TEK_LOV, which break
rules of form only, pass.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fhir.resources.R4B.bundle import Bundle
from pydantic import ValidationError

from services.midwife.fhir.bundle import Entry, MessageBundle, Node, extension, node, nodes, organisation, text
from services.midwife.fhir.codes import (
    ACTIVITIES,
    ACTIVITY_SYSTEM,
    ALL_ACTIVITIES,
    ATTACHMENT_TYPES,
    CARE_COMMUNICATION_5,
    CATEGORIES,
    CATEGORY_SYSTEM,
    CPR,
    ENCOUNTER_CLASS_SYSTEM,
    ENCOUNTER_CLASSES,
    ENCOUNTER_STATUSES,
    EVENT_SYSTEM,
    EVENTS,
    FHIR_ID,
    KIND_OF_EVENT,
    LEAVE_PERIOD,
    PAYLOAD_AUTHOR,
    PAYLOAD_CONTACT,
    PAYLOAD_DATE,
    PAYLOAD_IDENTIFIER,
    PRIORITIES,
    RESOURCE_TYPES,
    RESPONSES,
    UUID_URN,
    Issue,
    MedComCode,
    MessageKind,
    has_the_form_of_its_system,
)

MOST_ISSUES: Final = 20

CC, HN, ACK = MessageKind.CARE_COMMUNICATION, MessageKind.HOSPITAL_NOTIFICATION, MessageKind.ACKNOWLEDGEMENT


def missing(expression: str, diagnostics: str, medcom: MedComCode | None = None) -> Issue:
    return Issue("required", diagnostics, expression, medcom)


def unknown_value(expression: str, diagnostics: str) -> Issue:
    return Issue("code-invalid", diagnostics, expression, MedComCode.VALUE_NOT_IN_VALUE_SET)


def unknown_system(expression: str, diagnostics: str) -> Issue:
    return Issue("code-invalid", diagnostics, expression, MedComCode.VALUE_NOT_IN_CODE_SYSTEM)


def broken(expression: str, diagnostics: str) -> Issue:
    return Issue("business-rule", diagnostics, expression)


# -- every message -----------------------------------------------------------------------------------------------------------


def the_resource_is_a_message_bundle(bundle: MessageBundle) -> Iterator[Issue]:
    if bundle.root.get("resourceType") != "Bundle" or bundle.root.get("type") != "message":
        yield unknown_value("Bundle.type", "A message is a Bundle of type message.")


def the_bundle_has_id_and_time(bundle: MessageBundle) -> Iterator[Issue]:
    if not FHIR_ID.fullmatch(text(bundle.root, "id") or ""):
        yield missing("Bundle.id", "A message needs Bundle.id, a FHIR id, new at every sending.")
    if not text(bundle.root, "timestamp"):
        yield missing("Bundle.timestamp", "A message needs Bundle.timestamp.")


def the_first_entry_is_the_message_header(bundle: MessageBundle) -> Iterator[Issue]:
    if not bundle.entries or bundle.entries[0].type != "MessageHeader":
        yield Issue("structure", "The first entry of a message is its MessageHeader.", "Bundle.entry[0].resource")


def the_event_is_one_that_medcom_defines(bundle: MessageBundle) -> Iterator[Issue]:
    at = f"{bundle.header.path}.eventCoding"
    event = node(bundle.header.resource, "eventCoding")
    code = text(event, "code")
    if code is None:
        yield missing(f"{at}.code", "The header does not say which event it is about.", MedComCode.VALUE_NOT_IN_VALUE_SET)
    elif text(event, "system") != EVENT_SYSTEM:
        yield unknown_system(f"{at}.system", "The event is not given in MedCom's code system of message events.")
    elif code not in EVENTS:
        yield unknown_value(f"{at}.code", "The event is not one of MedCom's message events.")


def the_event_is_one_received_here(bundle: MessageBundle) -> Iterator[Issue]:
    code = text(bundle.header.resource, "eventCoding", "code")
    if code in EVENTS and code not in KIND_OF_EVENT:
        yield Issue(
            "not-supported",
            "Messages of this type are not received here.",
            f"{bundle.header.path}.eventCoding.code",
            MedComCode.UNABLE_TO_RECEIVE_TYPE,
        )


def the_sender_is_an_organisation_with_its_numbers(bundle: MessageBundle) -> Iterator[Issue]:
    sender = organisation(bundle.sender)
    if not sender.sor or not sender.gln:
        yield missing(f"{bundle.header.path}.sender", "The sender must be an Organization in the message, with SOR and GLN.")


def the_receiver_is_an_organisation_with_its_sor_number(bundle: MessageBundle) -> Iterator[Issue]:
    if not organisation(bundle.receiver).sor:
        yield missing(
            f"{bundle.header.path}.destination.receiver",
            "The primary destination must name a receiver: an Organization in the message with a SOR number.",
            MedComCode.RECEIVER_MISSING,
        )


def the_receiver_has_a_gln(bundle: MessageBundle) -> Iterator[Issue]:
    if organisation(bundle.receiver).sor and not organisation(bundle.receiver).gln:
        yield missing(f"{bundle.header.path}.destination.receiver", "The receiver's Organization must carry a GLN.")


def there_is_one_primary_destination_and_no_copy(bundle: MessageBundle) -> Iterator[Issue]:
    if len(bundle.primary_destinations) > 1:
        yield broken(f"{bundle.header.path}.destination", "A message has one primary destination.")
    for at, _, use in bundle.destinations():
        if use != "primary":
            yield broken(at, "Every destination must be marked primary; this type of message allows no copy.")


def a_provenance_says_what_was_done(bundle: MessageBundle) -> Iterator[Issue]:
    if bundle.provenance is None:
        yield missing("Bundle.entry.resource.ofType(Provenance)", "A message needs at least one Provenance.")
        return
    at = f"{bundle.provenance.path}.activity.coding"
    activity = node(bundle.provenance.resource, "activity", "coding")
    if text(activity, "code") is None:
        yield missing(f"{at}.code", "The Provenance does not say which activity it is about.", MedComCode.VALUE_NOT_IN_VALUE_SET)
    elif text(activity, "system") != ACTIVITY_SYSTEM:
        yield unknown_system(f"{at}.system", "The activity is not given in MedCom's code system of activities.")
    elif text(activity, "code") not in (ACTIVITIES[kind_of(bundle)] or ALL_ACTIVITIES):
        yield unknown_value(f"{at}.code", "The activity is not one that this type of message allows.")


# -- messages about a patient ------------------------------------------------------------------------------------------------


def there_is_exactly_one_patient(bundle: MessageBundle) -> Iterator[Issue]:
    if len(bundle.of_type("Patient")) != 1:
        yield broken("Bundle.entry.resource.ofType(Patient)", "A message is about exactly one Patient.")


def every_patient_identifier_has_its_form(bundle: MessageBundle) -> Iterator[Issue]:
    for patient in bundle.of_type("Patient"):
        if not any(text(each, "system") and text(each, "value") for each in nodes(patient.resource, "identifier")):
            yield missing(f"{patient.path}.identifier", "The Patient has no identifier with system and value.")
        for index, each in enumerate(nodes(patient.resource, "identifier")):
            if not has_the_form_of_its_system(text(each, "system") or "", text(each, "value") or ""):
                yield Issue(
                    "value",
                    "The identifier is not written as its system demands.",
                    f"{patient.path}.identifier[{index}].value",
                    MedComCode.WRONG_DATATYPE,
                )


def the_focus_is_in_the_message(bundle: MessageBundle) -> Iterator[Issue]:
    wanted = "Communication" if kind_of(bundle) == CC else "Encounter"
    focus = bundle.resolve(text(bundle.header.resource, "focus", "reference"))
    if focus is None or focus.type != wanted:
        yield missing(f"{bundle.header.path}.focus", f"The header's focus must be a {wanted} in the message.")


# -- CareCommunication 5 -----------------------------------------------------------------------------------------------------


def the_definition_is_care_communication_5(bundle: MessageBundle) -> Iterator[Issue]:
    if not CARE_COMMUNICATION_5.fullmatch(text(bundle.header.resource, "definition") or ""):
        yield Issue(
            "not-supported",
            "CareCommunication is received here in version 5; MessageHeader.definition must say so.",
            f"{bundle.header.path}.definition",
            MedComCode.UNABLE_TO_RECEIVE_TYPE,
        )


def the_communication_is_identified_and_about_the_patient(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    identifiers = nodes(communication.resource, "identifier")
    if len(identifiers) != 1 or not UUID_URN.fullmatch(text(identifiers[0], "value") or ""):
        yield missing(f"{communication.path}.identifier", "The Communication needs one identifier, a urn:uuid.")
    if communication.resource.get("status") != "unknown":
        yield unknown_value(f"{communication.path}.status", "The status of a Communication in a message is always unknown.")
    subject = bundle.resolve(text(communication.resource, "subject", "reference"))
    if subject is None or subject.type != "Patient":
        yield missing(f"{communication.path}.subject", "The Communication's subject must be the Patient in the message.")


def the_category_is_one_of_medcoms(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    at = f"{communication.path}.category"
    codings = [coding for category in nodes(communication.resource, "category") for coding in nodes(category, "coding")]
    if len(codings) != 1:
        yield missing(f"{at}.coding", "The Communication needs exactly one category.", MedComCode.VALUE_NOT_IN_VALUE_SET)
    for coding in codings[:1]:
        code = text(coding, "code")
        if code is None:
            yield missing(f"{at}.coding.code", "The category has no code.", MedComCode.VALUE_NOT_IN_VALUE_SET)
        elif text(coding, "system") != CATEGORY_SYSTEM:
            yield unknown_system(f"{at}.coding.system", "The category is not given in MedCom's code system of categories.")
        elif code not in CATEGORIES:
            yield unknown_value(f"{at}.coding.code", "The category is not in MedCom's value set of categories.")


def other_has_a_topic_and_only_a_referral_has_priority(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    category = category_of(communication)
    if category == "other" and not text(communication.resource, "topic", "text"):
        yield missing(f"{communication.path}.topic.text", "A Communication of category other needs a topic.")
    priority = communication.resource.get("priority")
    if priority is not None and (category != "regarding-referral" or priority not in PRIORITIES):
        yield broken(f"{communication.path}.priority", "Only regarding-referral has a priority, and it is routine or asap.")


def there_is_a_text_and_each_says_who_wrote_it_when(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    payloads = nodes(communication.resource, "payload")
    if not any(text(each, "contentString") for each in payloads):
        yield missing(f"{communication.path}.payload", "A CareCommunication carries at least one text.")
    for index, each in enumerate(payloads):
        if "contentString" not in each:
            continue
        for url in (PAYLOAD_DATE, PAYLOAD_AUTHOR, PAYLOAD_CONTACT, PAYLOAD_IDENTIFIER):
            if not extension(each, url):
                yield missing(
                    f"{communication.path}.payload[{index}].extension",
                    f"Each text carries its date, author, contact and identifier; {url.rsplit('/', 1)[1]} is absent.",
                )


def each_attachment_is_a_document_picture_or_link_with_title_and_date(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    for index, each in enumerate(nodes(communication.resource, "payload")):
        if "contentAttachment" not in each:
            continue
        at, attachment = f"{communication.path}.payload[{index}]", node(each, "contentAttachment")
        if not text(attachment, "title") or not extension(each, PAYLOAD_DATE) or not extension(each, PAYLOAD_IDENTIFIER):
            yield missing(at, "An attachment carries a title, a date and an identifier.")
        is_a_link = "url" in attachment and not {"data", "contentType"} & attachment.keys()
        if not is_a_link and text(attachment, "contentType") not in ATTACHMENT_TYPES:
            yield unknown_value(f"{at}.contentAttachment.contentType", "An attachment is a PDF or a picture.")


def a_named_recipient_belongs_to_the_receiver(bundle: MessageBundle) -> Iterator[Issue]:
    communication = bundle.first("Communication")
    for each in nodes(communication.resource, "recipient"):
        named = bundle.resolve(text(each, "reference"))
        place = named.resource if named else {}
        own = text(place, "organization", "reference") or text(place, "managingOrganization", "reference")
        if bundle.receiver is None or bundle.resolve(own) != bundle.receiver:
            yield broken(f"{communication.path}.recipient", "The recipient named must belong to the receiver of the message.")


# -- HospitalNotification ----------------------------------------------------------------------------------------------------


def the_patient_has_a_cpr_number(bundle: MessageBundle) -> Iterator[Issue]:
    for patient in bundle.of_type("Patient"):
        if not any(text(each, "system") == CPR for each in nodes(patient.resource, "identifier")):
            yield missing(f"{patient.path}.identifier", "A HospitalNotification is about a Patient with a CPR number.")


def the_encounter_has_class_and_status_of_the_value_sets(bundle: MessageBundle) -> Iterator[Issue]:
    encounter = bundle.first("Encounter")
    kind = node(encounter.resource, "class")
    if text(kind, "code") not in ENCOUNTER_CLASSES or text(kind, "system") != ENCOUNTER_CLASS_SYSTEM:
        yield unknown_value(f"{encounter.path}.class", "The class of the Encounter is EMER or IMP.")
    if text(encounter.resource, "status") not in ENCOUNTER_STATUSES:
        yield unknown_value(f"{encounter.path}.status", "The status of the Encounter is not one a HospitalNotification allows.")


def the_encounter_has_period_episode_and_ward(bundle: MessageBundle) -> Iterator[Issue]:
    encounter = bundle.first("Encounter")
    if not text(encounter.resource, "period", "start"):
        yield missing(f"{encounter.path}.period.start", "The Encounter needs the time it started.")
    if not text(encounter.resource, "episodeOfCare", "identifier", "value"):
        yield missing(f"{encounter.path}.episodeOfCare.identifier", "The Encounter needs the identifier of its episode of care.")
    if not text(encounter.resource, "serviceProvider", "reference"):
        yield missing(f"{encounter.path}.serviceProvider", "The Encounter needs its service provider.")
    leave = extension(encounter.resource, LEAVE_PERIOD)
    if text(encounter.resource, "status") == "onleave" and not text(leave, "valuePeriod", "start"):
        yield missing(f"{encounter.path}.extension", "An Encounter on leave needs the time the leave started.")


# -- Acknowledgement ---------------------------------------------------------------------------------------------------------


def the_response_names_the_message_and_the_outcome(bundle: MessageBundle) -> Iterator[Issue]:
    at = f"{bundle.header.path}.response"
    response = node(bundle.header.resource, "response")
    if not text(response, "identifier"):
        yield missing(f"{at}.identifier", "An Acknowledgement names the message it answers.")
    if text(response, "code") not in RESPONSES:
        yield unknown_value(f"{at}.code", "The response is ok, transient-error or fatal-error.")
    elif text(response, "code") != "ok" and not bundle.of_type("OperationOutcome"):
        yield missing(f"{at}.details", "A negative Acknowledgement carries an OperationOutcome.")


# -- the table ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and the kinds of message it applies to (None: all)."""

    find: Callable[[MessageBundle], Iterator[Issue]]
    kinds: frozenset[MessageKind] | None = None


_KNOWN = frozenset({CC, HN, ACK})
_ABOUT_A_PATIENT = frozenset({CC, HN})

RULES: Final = (
    Rule(the_resource_is_a_message_bundle),
    Rule(the_bundle_has_id_and_time),
    Rule(the_first_entry_is_the_message_header),
    Rule(the_event_is_one_that_medcom_defines),
    Rule(the_event_is_one_received_here),
    Rule(the_sender_is_an_organisation_with_its_numbers),
    Rule(the_receiver_is_an_organisation_with_its_sor_number),
    Rule(the_receiver_has_a_gln),
    Rule(there_is_one_primary_destination_and_no_copy, _KNOWN),
    Rule(a_provenance_says_what_was_done),
    Rule(there_is_exactly_one_patient, _ABOUT_A_PATIENT),
    Rule(every_patient_identifier_has_its_form, _ABOUT_A_PATIENT),
    Rule(the_focus_is_in_the_message, _ABOUT_A_PATIENT),
    Rule(the_definition_is_care_communication_5, frozenset({CC})),
    Rule(the_communication_is_identified_and_about_the_patient, frozenset({CC})),
    Rule(the_category_is_one_of_medcoms, frozenset({CC})),
    Rule(other_has_a_topic_and_only_a_referral_has_priority, frozenset({CC})),
    Rule(there_is_a_text_and_each_says_who_wrote_it_when, frozenset({CC})),
    Rule(each_attachment_is_a_document_picture_or_link_with_title_and_date, frozenset({CC})),
    Rule(a_named_recipient_belongs_to_the_receiver, frozenset({CC})),
    Rule(the_patient_has_a_cpr_number, frozenset({HN})),
    Rule(the_encounter_has_class_and_status_of_the_value_sets, frozenset({HN})),
    Rule(the_encounter_has_period_episode_and_ward, frozenset({HN})),
    Rule(the_response_names_the_message_and_the_outcome, frozenset({ACK})),
)


def kind_of(bundle: MessageBundle) -> MessageKind:
    """The kind of the message by its event; UNKNOWN where the event is absent or not received here."""
    return KIND_OF_EVENT.get(text(bundle.header.resource, "eventCoding", "code") or "", MessageKind.UNKNOWN)


def category_of(communication: Entry) -> str | None:
    """The category code of a CareCommunication."""
    return text(communication.resource, "category", "coding", "code")


def issues_of(bundle: MessageBundle) -> tuple[Issue, ...]:
    """Everything the rules and FHIR's base structure find, at most `MOST_ISSUES`, in the order of the table."""
    kind = kind_of(bundle)
    found = [issue for rule in RULES if rule.kinds is None or kind in rule.kinds for issue in rule.find(bundle)]
    return tuple(dict.fromkeys([*found, *structural_issues(bundle.root)]))[:MOST_ISSUES]


def structural_issues(root: Node) -> list[Issue]:
    """What base FHIR has against the Bundle: elements unknown, absent or of the wrong type.

    The models are R4B; no difference to R4 touches the resources of these messages. Resources of types that no MedCom message
    here contains are left out.
    """
    try:
        Bundle.model_validate(_readable(root))
    except ValidationError as refused:
        errors = refused.errors(include_url=False, include_context=False, include_input=False)
        return [_structural_issue(each["type"], each["loc"], each["msg"]) for each in errors[:MOST_ISSUES]]
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError):  # the models' own checks trip
        return [Issue("structure", "The message does not have the structure FHIR demands.", "Bundle", MedComCode.WRONG_DATATYPE)]
    return []


def _readable(root: Node) -> dict[str, Any]:
    listed = root.get("entry")
    if not isinstance(listed, list):
        return root
    kept = [each for each in listed if not isinstance(each, dict) or _type_is_read(node(each, "resource"))]
    return {**root, "entry": kept}


def _type_is_read(resource: Node) -> bool:
    return not resource or resource.get("resourceType") in RESOURCE_TYPES


def _structural_issue(error: str, location: tuple[int | str, ...], said: str) -> Issue:
    at = _fhir_path(location)
    if error.endswith("missing") or "Expect any of field value" in said:
        return missing(at, "An element that FHIR requires is absent.")
    if error == "extra_forbidden":
        # The last step is the sender's own word and is not repeated.
        return Issue("structure", "There is an element here that FHIR R4 does not define.", _fhir_path(location[:-1]))
    return Issue("value", "The value does not have the form FHIR demands.", at, MedComCode.WRONG_DATATYPE)


_ELEMENT_NAME = re.compile(r"_?[a-z][A-Za-z0-9]{0,63}")


def _fhir_path(location: tuple[int | str, ...]) -> str:
    path = "Bundle"
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif _ELEMENT_NAME.fullmatch(step):
            path += f".{step.removeprefix('_')}"
    return path
