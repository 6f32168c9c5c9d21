"""MedCom messages of our own content about people who do not exist, built to the published profiles, and every way to spoil one.

Builders give FHIR's JSON form as a dict; `as_json` and `as_xml` give what goes over the wire.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fhir.resources.R4B.bundle import Bundle

from services.midwife.fhir.bundle import Organisation
from services.midwife.fhir.codes import (
    ACTIVITY_SYSTEM,
    ADMISSION_CODES,
    CATEGORY_SYSTEM,
    CPR,
    DESTINATION_USE,
    DESTINATION_USE_SYSTEM,
    ENCOUNTER_CLASS_SYSTEM,
    EVENT_SYSTEM,
    GLN,
    LEAVE_PERIOD,
    PAYLOAD_AUTHOR,
    PAYLOAD_CONTACT,
    PAYLOAD_DATE,
    PAYLOAD_IDENTIFIER,
    SOR,
    X_ECPR,
)

FhirResource = dict[str, Any]

# Serial numbers 0000 to 0002: the CPR Office gives out none of them.
A_MOTHERS_CPR = (CPR, "0101900000")
ANOTHER_CPR = (CPR, "0202910002")
A_MOTHERS_X_ECPR = (X_ECPR, "0101901ZZ0")
MATERNITY_WARD = Organisation(sor="999990000000001", gln="5790009999010")
INSTALLATION = Organisation(sor="999990000000003", gln="5790009999034")
HEALTH_VISITORS = Organisation(sor="999990000000002", gln="5790009999027")
SENT_AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
A_PDF = "JVBERi0xLjQKJSVFT0YK"

_MESSAGING = "http://medcomfhir.dk/ig/messaging/StructureDefinition"
_CORE = "http://medcomfhir.dk/ig/core/StructureDefinition"
_CARE_COMMUNICATION = "http://medcomfhir.dk/ig/carecommunication/StructureDefinition"
_HOSPITAL_NOTIFICATION = "http://medcomfhir.dk/ig/hospitalnotification/StructureDefinition"
_DEFINITION = "http://medcomfhir.dk/ig/messagedefinitions/MessageDefinition/MedComCareCommunicationMessageDefinition|5.0"


def as_json(message: FhirResource) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()


def as_xml(message: FhirResource) -> bytes:
    """The same message as XML, written by a library that is not ours."""
    written: str | bytes = Bundle.model_validate(message).model_dump_xml()  # bytes, whatever its annotation says
    return bytes(written, "utf-8") if isinstance(written, str) else written


def resource_of(message: FhirResource, resource_type: str) -> FhirResource:
    """The first resource of that type in a message; a reference, so that changing it changes the message."""
    found: FhirResource = next(
        entry["resource"] for entry in message["entry"] if entry["resource"]["resourceType"] == resource_type
    )
    return found


def _resource(resource_type: str, profile: str, said: FhirResource, resource_id: str | None = None) -> FhirResource:
    return {
        "resourceType": resource_type,
        "id": resource_id or str(uuid4()),
        "meta": {"profile": [profile]},
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{resource_type}</p></div>'},
        **said,
    }


def _reference(resource: FhirResource) -> FhirResource:
    return {"reference": f"{resource['resourceType']}/{resource['id']}"}


def _bundle(profile: str, bundle_id: str | None, sent_at: datetime, resources: list[FhirResource]) -> FhirResource:
    return {
        "resourceType": "Bundle",
        "id": bundle_id or str(uuid4()),
        "meta": {"profile": [profile]},
        "type": "message",
        "timestamp": sent_at.isoformat(),
        "entry": [
            {"fullUrl": f"https://journal.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
            for each in resources
        ],
    }


def _organization(organisation: Organisation, name: str) -> FhirResource:
    numbers = [{"system": GLN, "value": organisation.gln}, {"system": SOR, "value": organisation.sor}]
    return _resource(
        "Organization",
        f"{_MESSAGING}/medcom-messaging-organization",
        {"identifier": [each for each in numbers if each["value"]], "name": name},
    )


def _header(
    profile: str, event: str, header_id: str | None, sender: FhirResource, receiver: FhirResource, focus: FhirResource
) -> FhirResource:
    primary = {"system": DESTINATION_USE_SYSTEM, "code": "primary"}
    return _resource(
        "MessageHeader",
        profile,
        {
            "eventCoding": {"system": EVENT_SYSTEM, "code": event},
            "destination": [
                {
                    "extension": [{"url": DESTINATION_USE, "valueCoding": primary}],
                    "endpoint": "https://sor2.sum.dsdn.dk/#id=999990000000002",
                    "receiver": _reference(receiver),
                }
            ],
            "sender": _reference(sender),
            "source": {"endpoint": "https://sor2.sum.dsdn.dk/#id=999990000000001"},
            "focus": [_reference(focus)],
        },
        header_id,
    )


def _patient(identifiers: tuple[tuple[str, str], ...]) -> FhirResource:
    return _resource(
        "Patient",
        f"{_CORE}/medcom-core-patient",
        {
            "identifier": [{"system": system, "value": value} for system, value in identifiers],
            "name": [{"use": "official", "family": "Prøve", "given": ["Søs"]}],
        },
    )


def _provenance(
    profile: str, target: str, sender: FhirResource, activity: str, sent_at: datetime, entities: list[FhirResource]
) -> FhirResource:
    return _resource(
        "Provenance",
        profile,
        {
            "target": [{"reference": f"MessageHeader/{target}"}],
            "occurredDateTime": sent_at.isoformat(),
            "recorded": sent_at.isoformat(),
            "activity": {"coding": [{"system": ACTIVITY_SYSTEM, "code": activity}]},
            "agent": [{"who": _reference(sender)}],
            **({"entity": entities} if entities else {}),
        },
    )


def care_communication(
    *,
    bundle_id: str | None = None,
    header_id: str | None = None,
    category: str = "healthcare",
    topic: str | None = None,
    texts: tuple[str, ...] = ("Vi vil gerne aftale et besøg før fødslen.",),
    attachments: int = 0,
    identifiers: tuple[tuple[str, str], ...] = (A_MOTHERS_CPR,),
    sender: Organisation = MATERNITY_WARD,
    receiver: Organisation = HEALTH_VISITORS,
    activity: str = "new-message",
    answers: str | None = None,
    sent_at: datetime = SENT_AT,
) -> FhirResource:
    """A CareCommunication 5.0; ids are new UUIDs unless given. `answers` is the MessageHeader.id it replies to or forwards."""
    from_place, to_place = _organization(sender, "Fødeafdelingen"), _organization(receiver, "Sundhedsplejen")
    patient = _patient(identifiers)
    midwife = _resource("Practitioner", f"{_CORE}/medcom-core-practitioner", {"name": [{"family": "Attrap", "given": ["Jo"]}]})
    roles = "http://medcomfhir.dk/ig/terminology/CodeSystem/medcom-core-PractitionerRolesSKSadministrativ"
    role = _resource(
        "PractitionerRole",
        f"{_CORE}/medcom-core-practitionerrole",
        {"practitioner": _reference(midwife), "code": [{"coding": [{"system": roles, "code": "jordemoder"}]}]},
    )
    payloads: list[FhirResource] = []
    contents: list[FhirResource] = [{"contentString": text} for text in texts]
    contents += [{"contentAttachment": _attachment()} for _ in range(attachments)]
    for content in contents:
        marks: list[FhirResource] = [
            {"url": PAYLOAD_DATE, "valueDateTime": sent_at.isoformat()},
            {
                "url": PAYLOAD_IDENTIFIER,
                "valueIdentifier": {"value": f"urn:uuid:{uuid4()}", "assigner": _reference(from_place)},
            },
        ]
        if "contentString" in content:
            marks.append({"url": PAYLOAD_AUTHOR, "valueReference": _reference(role)})
            marks.append({"url": PAYLOAD_CONTACT, "valueContactPoint": {"system": "phone", "value": "00000000"}})
        payloads.append({"extension": marks, **content})
    communication = _resource(
        "Communication",
        f"{_CARE_COMMUNICATION}/medcom-careCommunication-communication",
        {
            "identifier": [{"value": f"urn:uuid:{uuid4()}"}],
            "status": "unknown",
            "category": [{"coding": [{"system": CATEGORY_SYSTEM, "code": category}]}],
            "subject": _reference(patient),
            **({"topic": {"text": topic}} if topic else {}),
            "payload": payloads,
        },
    )
    header_profile = f"{_CARE_COMMUNICATION}/medcom-careCommunication-messageHeader"
    header = _header(header_profile, "care-communication-message", header_id, from_place, to_place, communication)
    header["definition"] = _DEFINITION
    added = [each["extension"][1]["valueIdentifier"]["value"] for each in payloads]
    entities: list[FhirResource] = [{"role": "source", "what": {"identifier": {"value": each}}} for each in added]
    if answers:
        entities.append({"role": "revision", "what": {"reference": f"MessageHeader/{answers}"}})
    profile = f"{_CARE_COMMUNICATION}/medcom-careCommunication-provenance"
    provenance = _provenance(profile, header["id"], from_place, activity, sent_at, entities)
    return _bundle(
        f"{_CARE_COMMUNICATION}/medcom-careCommunication-message",
        bundle_id,
        sent_at,
        [header, patient, communication, role, midwife, to_place, from_place, provenance],
    )


def _attachment() -> FhirResource:
    return {"contentType": "application/pdf", "data": A_PDF, "title": "Aftale"}


def hospital_notification(
    *,
    bundle_id: str | None = None,
    header_id: str | None = None,
    activity: str = "admit-inpatient",
    status: str = "in-progress",
    deceased: bool | None = None,
    identifiers: tuple[tuple[str, str], ...] = (A_MOTHERS_CPR,),
    sender: Organisation = MATERNITY_WARD,
    receiver: Organisation = HEALTH_VISITORS,
    sent_at: datetime = SENT_AT,
) -> FhirResource:
    """A HospitalNotification 3.0; `activity` and `status` are codes of MedCom's overview, `deceased` None where not said."""
    from_place, to_place = _organization(sender, "Barselsgangen"), _organization(receiver, "Sundhedsplejen")
    patient = _patient(identifiers)
    del patient["name"][0]["given"]
    if deceased is not None:
        patient["deceasedBoolean"] = deceased
    period = {"start": sent_at.isoformat(), **({"end": sent_at.isoformat()} if status == "finished" else {})}
    leave = [{"url": LEAVE_PERIOD, "valuePeriod": {"start": sent_at.isoformat()}}] if status == "onleave" else []
    encounter = _resource(
        "Encounter",
        f"{_HOSPITAL_NOTIFICATION}/medcom-hospitalNotification-encounter",
        {
            **({"extension": leave} if leave else {}),
            "status": status,
            "class": {"system": ENCOUNTER_CLASS_SYSTEM, "code": "EMER" if "emergency" in activity else "IMP"},
            "subject": _reference(patient),
            "episodeOfCare": [{"identifier": {"value": str(uuid4())}}],
            "period": period,
            "serviceProvider": _reference(from_place),
        },
    )
    header_profile = f"{_HOSPITAL_NOTIFICATION}/medcom-hospitalNotification-messageHeader"
    header = _header(header_profile, "hospital-notification-message", header_id, from_place, to_place, encounter)
    provenance = _provenance(f"{_MESSAGING}/medcom-messaging-provenance", header["id"], from_place, activity, sent_at, [])
    return _bundle(
        f"{_HOSPITAL_NOTIFICATION}/medcom-hospitalNotification-message",
        bundle_id,
        sent_at,
        [header, patient, encounter, to_place, from_place, provenance],
    )


ADMISSIONS = tuple(
    (f"{prefix}{activity}", {"start-leave-inpatient": "onleave"}.get(activity, "in-progress"), f"{letters}{code}")
    for prefix, letters in (("", ""), ("revise-", "RE_"), ("cancel-", "AN_"))
    for activity, code in ADMISSION_CODES.items()
)


# -- every way to spoil one --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """A change that spoils a good message, and what must be said of it: HL7 issue code and MedCom code ("" for none)."""

    change: Callable[[FhirResource], None]
    code: str
    medcom: str = ""

    def in_message(self, message: FhirResource) -> FhirResource:
        spoiled = copy.deepcopy(message)
        self.change(spoiled)
        return spoiled


def _drop(resource_type: str, *names: str) -> Callable[[FhirResource], None]:
    def change(message: FhirResource) -> None:
        for name in names:
            del resource_of(message, resource_type)[name]

    return change


def _say(resource_type: str, **said: Any) -> Callable[[FhirResource], None]:
    return lambda message: resource_of(message, resource_type).update(copy.deepcopy(said))


def _without(resource_type: str) -> Callable[[FhirResource], None]:
    def change(message: FhirResource) -> None:
        message["entry"] = [each for each in message["entry"] if each["resource"]["resourceType"] != resource_type]

    return change


def _twice(resource_type: str) -> Callable[[FhirResource], None]:
    def change(message: FhirResource) -> None:
        another = copy.deepcopy(resource_of(message, resource_type)) | {"id": str(uuid4())}
        url = f"https://journal.example/fhir/{resource_type}/{another['id']}"
        message["entry"].append({"fullUrl": url, "resource": another})

    return change


def _header_last(message: FhirResource) -> None:
    message["entry"].append(message["entry"].pop(0))


def _receiver_without(system: str) -> Callable[[FhirResource], None]:
    def change(message: FhirResource) -> None:
        wanted = resource_of(message, "MessageHeader")["destination"][0]["receiver"]["reference"].split("/")[1]
        for entry in message["entry"]:
            if entry["resource"]["id"] == wanted:
                entry["resource"]["identifier"] = [each for each in entry["resource"]["identifier"] if each["system"] != system]

    return change


def _without_receiver(message: FhirResource) -> None:
    del resource_of(message, "MessageHeader")["destination"][0]["receiver"]


def _copied_to_another(message: FhirResource) -> None:
    copied = copy.deepcopy(resource_of(message, "MessageHeader")["destination"][0])
    copied["extension"][0]["valueCoding"]["code"] = "cc"
    resource_of(message, "MessageHeader")["destination"].append(copied)


def _recipient_elsewhere(message: FhirResource) -> None:
    role = resource_of(message, "PractitionerRole")
    role["organization"] = copy.deepcopy(resource_of(message, "MessageHeader")["sender"])
    resource_of(message, "Communication")["recipient"] = [{"reference": f"PractitionerRole/{role['id']}"}]


def _unattributed_text(message: FhirResource) -> None:
    del resource_of(message, "Communication")["payload"][0]["extension"][0]


def _program_attached(message: FhirResource) -> None:
    payload = resource_of(message, "Communication")["payload"][0]
    del payload["contentString"]
    payload["contentAttachment"] = _attachment() | {"contentType": "application/x-msdownload"}


def _category(**coding: str) -> Callable[[FhirResource], None]:
    return _say("Communication", category=[{"coding": [coding]}])


def _event(**coding: str) -> Callable[[FhirResource], None]:
    return _say("MessageHeader", eventCoding=coding)


_NOT_IN_VALUE_SET, _NOT_IN_SYSTEM, _WRONG_TYPE = (
    "MSG_VALUESET_VALUE_UNKNOWN",
    "MSG_CodeSystem_VALUE_UNKNOWN",
    "MSG_Datatype_Wrong",
)
_UNABLE, _NO_RECEIVER = "MSG_RECEIVER_UNABLE_TO_RECEIVE_MSG_TYPE", "MSG_Receiver_Identifier_MISSING"

FAULTS_OF_ANY = {
    "not of type message": Fault(lambda message: message.update(type="collection"), "code-invalid", _NOT_IN_VALUE_SET),
    "no time": Fault(lambda message: message.pop("timestamp"), "required"),
    "no bundle id": Fault(lambda message: message.pop("id"), "required"),
    "header not first": Fault(_header_last, "structure"),
    "no event": Fault(_drop("MessageHeader", "eventCoding"), "required", _NOT_IN_VALUE_SET),
    "event of another system": Fault(
        _event(system="https://codes.example", code="care-communication-message"), "code-invalid", _NOT_IN_SYSTEM
    ),
    "event nobody defined": Fault(_event(system=EVENT_SYSTEM, code="postcard"), "code-invalid", _NOT_IN_VALUE_SET),
    "event not received here": Fault(_event(system=EVENT_SYSTEM, code="homecareobservation-message"), "not-supported", _UNABLE),
    "no receiver": Fault(_without_receiver, "required", _NO_RECEIVER),
    "receiver without SOR number": Fault(_receiver_without(SOR), "required", _NO_RECEIVER),
    "receiver without GLN": Fault(_receiver_without(GLN), "required"),
    "a copy to another": Fault(_copied_to_another, "business-rule"),
    "no provenance": Fault(_without("Provenance"), "required"),
    "activity nobody defined": Fault(
        _say("Provenance", activity={"coding": [{"system": ACTIVITY_SYSTEM, "code": "shout"}]}), "code-invalid", _NOT_IN_VALUE_SET
    ),
    "no patient": Fault(_without("Patient"), "business-rule"),
    "a second patient": Fault(_twice("Patient"), "business-rule"),
    "CPR number too short": Fault(_say("Patient", identifier=[{"system": CPR, "value": "123"}]), "value", _WRONG_TYPE),
    "patient without identifier": Fault(_drop("Patient", "identifier"), "required"),
    "focus that is not there": Fault(_say("MessageHeader", focus=[{"reference": "Communication/elsewhere"}]), "required"),
    "element FHIR does not know": Fault(_say("Patient", hairColour="red"), "structure"),
    "a birth date that is none": Fault(_say("Patient", birthDate="last spring"), "value", _WRONG_TYPE),
}
FAULTS_OF_CARE_COMMUNICATION = {
    "version 4": Fault(_say("MessageHeader", definition=_DEFINITION.replace("|5.0", "|4.0")), "not-supported", _UNABLE),
    "no definition": Fault(_drop("MessageHeader", "definition"), "not-supported", _UNABLE),
    "no category": Fault(_drop("Communication", "category"), "required", _NOT_IN_VALUE_SET),
    "category without code": Fault(_category(system=CATEGORY_SYSTEM), "required", _NOT_IN_VALUE_SET),
    "unknown category": Fault(_category(system=CATEGORY_SYSTEM, code="gossip"), "code-invalid", _NOT_IN_VALUE_SET),
    "category of another system": Fault(
        _category(system="https://codes.example", code="healthcare"), "code-invalid", _NOT_IN_SYSTEM
    ),
    "other without topic": Fault(_category(system=CATEGORY_SYSTEM, code="other"), "required"),
    "priority without referral": Fault(_say("Communication", priority="asap"), "business-rule"),
    "status completed": Fault(_say("Communication", status="completed"), "code-invalid", _NOT_IN_VALUE_SET),
    "identifier that is no uuid": Fault(_say("Communication", identifier=[{"value": "letter 7"}]), "required"),
    "no text": Fault(_drop("Communication", "payload"), "required"),
    "text without its date": Fault(_unattributed_text, "required"),
    "a program attached": Fault(_program_attached, "code-invalid", _NOT_IN_VALUE_SET),
    "recipient who works elsewhere": Fault(_recipient_elsewhere, "business-rule"),
    "activity of another type": Fault(
        _say("Provenance", activity={"coding": [{"system": ACTIVITY_SYSTEM, "code": "admit-inpatient"}]}),
        "code-invalid",
        _NOT_IN_VALUE_SET,
    ),
}
FAULTS_OF_HOSPITAL_NOTIFICATION = {
    "no class": Fault(_drop("Encounter", "class"), "code-invalid", _NOT_IN_VALUE_SET),
    "class outside the value set": Fault(
        _say("Encounter", **{"class": {"system": ENCOUNTER_CLASS_SYSTEM, "code": "HH"}}), "code-invalid", _NOT_IN_VALUE_SET
    ),
    "status outside the value set": Fault(_say("Encounter", status="planned"), "code-invalid", _NOT_IN_VALUE_SET),
    "no start": Fault(_drop("Encounter", "period"), "required"),
    "no episode": Fault(_drop("Encounter", "episodeOfCare"), "required"),
    "no ward": Fault(_drop("Encounter", "serviceProvider"), "required"),
    "leave without its time": Fault(_say("Encounter", status="onleave"), "required"),
    "no CPR number": Fault(_say("Patient", identifier=[{"system": X_ECPR, "value": "0101901ZZ0"}]), "required"),
}
