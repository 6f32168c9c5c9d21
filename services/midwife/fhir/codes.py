"""The identifier systems, codes and profiles that MedCom and HL7 Denmark publish, and what an issue found in a message is.

Sources: MedCom terminology 2.0.1 (CareCommunication 5.0) and 1.4.0 (Acknowledgement 2.0.3), HL7 Denmark dk-core.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

CPR: Final = "urn:oid:1.2.208.176.1.2"
X_ECPR: Final = "urn:oid:1.2.208.176.1.6.1.1"
D_ECPR: Final = "urn:oid:1.2.208.176.1.6.1.3"
D_ECPR_OF_REGION: Final = {
    "Sjælland": f"{D_ECPR}.177",
    "Nordjylland": f"{D_ECPR}.179",
    "Midtjylland": f"{D_ECPR}.181",
    "Syddanmark": f"{D_ECPR}.183",
    "Hovedstaden": f"{D_ECPR}.187",
}
SOR: Final = "urn:oid:1.2.208.176.1.1"
GLN: Final = "https://www.gs1.org/gln"
GLN_SYSTEMS: Final = frozenset({GLN, "http://www.gs1.org/gln", "urn:oid:1.3.88"})

_TERMINOLOGY: Final = "http://medcomfhir.dk/ig/terminology/CodeSystem/"
EVENT_SYSTEM: Final = f"{_TERMINOLOGY}medcom-messaging-eventCodes"
ACTIVITY_SYSTEM: Final = f"{_TERMINOLOGY}medcom-messaging-activityCodes"
CATEGORY_SYSTEM: Final = f"{_TERMINOLOGY}medcom-careCommunication-categoryCodes"
DESTINATION_USE_SYSTEM: Final = f"{_TERMINOLOGY}medcom-messaging-destinationUse"
ERROR_SYSTEM: Final = f"{_TERMINOLOGY}medcom-acknowledgement-error-codes"
ENCOUNTER_CLASS_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

DESTINATION_USE: Final = "http://medcomfhir.dk/ig/messaging/StructureDefinition/medcom-messaging-destinationUseExtension"
LEAVE_PERIOD: Final = (
    "http://medcomfhir.dk/ig/hospitalnotification/StructureDefinition/medcom-hospitalnotifiation-leave-period-extension"
)
PAYLOAD_DATE: Final = "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core-datetime-extension"
PAYLOAD_AUTHOR: Final = "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core-practitioner-extension"
PAYLOAD_CONTACT: Final = "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core-contact-extension"
PAYLOAD_IDENTIFIER: Final = "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core-identifier-extension"

CARE_COMMUNICATION_5: Final = re.compile(
    r"http://medcomfhir\.dk/ig/messagedefinitions/MessageDefinition/MedComCareCommunicationMessageDefinition\|5\.[0-9]{1,2}"
)
FHIR_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
UUID_URN: Final = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# What MedCom's messages are made of. Resources of other types are not read (each type's definition costs memory to load).
RESOURCE_TYPES: Final = frozenset(
    {
        "Bundle",
        "MessageHeader",
        "Provenance",
        "Organization",
        "OperationOutcome",
        "Patient",
        "Communication",
        "Encounter",
        "Practitioner",
        "PractitionerRole",
        "CareTeam",
    }
)


class MessageKind(StrEnum):
    """What a message is to us; `UNKNOWN` covers an event we do not receive as well as one that nobody has defined."""

    CARE_COMMUNICATION = "care-communication"
    HOSPITAL_NOTIFICATION = "hospital-notification"
    ACKNOWLEDGEMENT = "acknowledgement"
    UNKNOWN = "unknown"


KIND_OF_EVENT: Final = {
    "care-communication-message": MessageKind.CARE_COMMUNICATION,
    "hospital-notification-message": MessageKind.HOSPITAL_NOTIFICATION,
    "acknowledgement-message": MessageKind.ACKNOWLEDGEMENT,
}
EVENTS: Final = frozenset({*KIND_OF_EVENT, "empty-message", "homecareobservation-message"})

CATEGORIES: Final = frozenset(
    {
        "alcohol-and-drug-treatment",
        "assistive-devices",
        "carecoordination",
        "decease",
        "discharge",
        "examination-results",
        "healthcare",
        "home-care-assessment",
        "medicine",
        "nursing",
        "outpatient",
        "psychiatry-social-disability",
        "regarding-referral",
        "telemedicine",
        "training",
        "acute-ambulant",
        "extended-care-responsibility",
        "other",
    }
)
PRIORITIES: Final = frozenset({"routine", "asap"})
ATTACHMENT_TYPES: Final = frozenset({"application/pdf", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/bmp"})
ENCOUNTER_CLASSES: Final = frozenset({"EMER", "IMP"})
ENCOUNTER_STATUSES: Final = frozenset({"in-progress", "onleave", "finished", "entered-in-error"})

# The start of each activity's Danish letter code (HospitalNotification overview of codes): revise- = RE_, cancel- = AN_.
ADMISSION_CODES: Final = {
    "admit-emergency": "STAA",
    "admit-inpatient": "STIN",
    "start-leave-inpatient": "STOR",
    "end-leave-inpatient": "SLOR",
    "discharge-emergency-home": "SLHJ",
    "discharge-inpatient-home": "SLHJ",
}
ACTIVITIES: Final = {
    MessageKind.CARE_COMMUNICATION: frozenset({"new-message", "reply-message", "forward-message"}),
    MessageKind.HOSPITAL_NOTIFICATION: frozenset(
        f"{prefix}{activity}" for prefix in ("", "revise-", "cancel-") for activity in ADMISSION_CODES
    ),
    MessageKind.ACKNOWLEDGEMENT: frozenset({"acknowledgement"}),
    MessageKind.UNKNOWN: frozenset[str](),
}
# What a Provenance may say at all: an acknowledgement repeats the activity of the message it answers.
ALL_ACTIVITIES: Final = frozenset().union(*ACTIVITIES.values(), {"retract-message", "modified-message", "carboncopy-message"})
RESPONSES: Final = frozenset({"ok", "transient-error", "fatal-error"})


class IdentifierKind(StrEnum):
    """The kinds of number a person can be known by in Danish health messages."""

    CPR = "cpr"
    X_ECPR = "x-ecpr"
    D_ECPR = "d-ecpr"


_DAY_AND_MONTH = r"(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{2}"
# Day + 60 is the CPR Office's own advice for replacement numbers in external systems; modulus 11 is no rule since 2007.
_CPR_FORM = re.compile(r"(?:0[1-9]|[12][0-9]|3[01]|6[1-9]|[78][0-9]|9[01])(?:0[1-9]|1[0-2])[0-9]{6}")
_X_ECPR_FORM = re.compile(_DAY_AND_MONTH + r"[17][A-Z]{2}[0-9]")
_D_ECPR_FORM = re.compile(_DAY_AND_MONTH + r"[056][A-Z]{2}[0-9]")
_D_ECPR_SYSTEMS = frozenset({D_ECPR, *D_ECPR_OF_REGION.values()})


def identifier_kind(system: str) -> IdentifierKind | None:
    """The kind of number a system holds; None for a system that holds no CPR or replacement number."""
    if system == CPR:
        return IdentifierKind.CPR
    if system == X_ECPR:
        return IdentifierKind.X_ECPR
    return IdentifierKind.D_ECPR if system in _D_ECPR_SYSTEMS else None


def has_the_form_of_its_system(system: str, value: str) -> bool:
    """Whether the value is written as dk-core demands for its system; a system without a form of its own takes anything.

    The key of a person is the pair: a D-eCPR may be given out by two regions. Modulus 11 is never checked (cpr.dk: valid
    numbers without it have been issued since 1 October 2007).
    """
    match identifier_kind(system):
        case IdentifierKind.CPR:
            return _CPR_FORM.fullmatch(value) is not None
        case IdentifierKind.X_ECPR:
            return _X_ECPR_FORM.fullmatch(value) is not None
        case IdentifierKind.D_ECPR:
            return _D_ECPR_FORM.fullmatch(value) is not None
        case None:
            return True


class MedComCode(StrEnum):
    """MedCom's own error codes, spelled as published."""

    RECEIVER_UNKNOWN = "MSG_Receiver_Identifier_UNKNOWN"
    RECEIVER_MISSING = "MSG_Receiver_Identifier_MISSING"
    UNABLE_TO_RECEIVE_TYPE = "MSG_RECEIVER_UNABLE_TO_RECEIVE_MSG_TYPE"
    VALUE_NOT_IN_VALUE_SET = "MSG_VALUESET_VALUE_UNKNOWN"
    VALUE_NOT_IN_CODE_SYSTEM = "MSG_CodeSystem_VALUE_UNKNOWN"
    ELEMENT_TOO_LONG = "MSG_Element_To_Long"
    WRONG_DATATYPE = "MSG_Datatype_Wrong"
    MAILBOX_OUT_OF_OPERATION = "MSG_Mailbox_Out_Of_Operation"
    DAMAGED_IN_TRANSPORT = "MSG_Damaged_durin_transport"


Severity = Literal["fatal", "error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing found in a message, in words that may be sent: `diagnostics` never repeats anything the message says.

    `code` is an HL7 issue type, `expression` a FHIRPath into the message received (or None for the whole of it).
    """

    code: str
    diagnostics: str
    expression: str | None = None
    medcom: MedComCode | None = None
    severity: Severity = "error"


RECEIVER_UNKNOWN: Final = Issue(
    code="not-found",
    diagnostics="The receiver's SOR number receives no messages here. Check the address; sending again will not help.",
    expression="Bundle.entry[0].resource.destination[0].receiver",
    medcom=MedComCode.RECEIVER_UNKNOWN,
)
BUNDLE_ID_REUSED: Final = Issue(
    code="duplicate",
    diagnostics="Bundle.id was used before for another message. Every sending needs a Bundle.id of its own.",
    expression="Bundle.id",
)
OUT_OF_OPERATION: Final = Issue(
    code="transient",
    diagnostics="The message could not be stored just now. Send it again later, unchanged but for Bundle.id and time.",
    medcom=MedComCode.MAILBOX_OUT_OF_OPERATION,
)
DAMAGED: Final = Issue(
    code="structure",
    diagnostics="The message breaks off or is not well-formed. Nothing of it was kept.",
    medcom=MedComCode.DAMAGED_IN_TRANSPORT,
    severity="fatal",
)
