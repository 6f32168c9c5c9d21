"""Builds the MedCom Acknowledgement to a message received (Acknowledgement 2.0.3, messaging 2.1.0, core 2.0.1).

It says nothing about a person: sender, receiver, the message's id, and codes.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from services.midwife.fhir import Message
from services.midwife.fhir.bundle import Organisation
from services.midwife.fhir.codes import (
    ACTIVITY_SYSTEM,
    ALL_ACTIVITIES,
    DESTINATION_USE,
    DESTINATION_USE_SYSTEM,
    ERROR_SYSTEM,
    EVENT_SYSTEM,
    GLN,
    SOR,
    Issue,
)

Response = Literal["ok", "fatal-error", "transient-error"]

_FULL_URL: Final = "https://medcomfhir.dk/ig/acknowledgement"
_ACKNOWLEDGEMENT: Final = "http://medcomfhir.dk/ig/acknowledgement/StructureDefinition"
_MESSAGING: Final = "http://medcomfhir.dk/ig/messaging/StructureDefinition"
COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")


@dataclass(frozen=True, slots=True)
class AcknowledgementIds:
    """The new ids of one acknowledgement, all UUIDs."""

    bundle: str
    header: str
    provenance: str
    original_provenance: str
    sender: str
    receiver: str
    outcome: str

    @classmethod
    def fresh(cls) -> "AcknowledgementIds":
        return cls(*(str(uuid4()) for _ in range(7)))


def acknowledgement(
    message: Message,
    response: Response,
    issues: tuple[Issue, ...],
    ids: AcknowledgementIds,
    now: datetime,
    *,
    own: Organisation,
) -> dict[str, Any]:
    """The Acknowledgement Bundle, in FHIR's JSON form, that answers `message`.

    `issues` go into an OperationOutcome and are required unless `response` is ok. `now` is aware and is written in Danish time.
    `own` is the organisation that runs this installation, SOR and GLN; it answers where the message names no complete receiver.
    Raises ValueError: for an acknowledgement (never acknowledged), for a negative response without issues, for an ok with issues
    that forbid receiving.
    """
    if not message.expects_an_acknowledgement:
        raise ValueError("an acknowledgement is never acknowledged")
    if (response == "ok") == any(each.severity in ("fatal", "error") for each in issues):
        raise ValueError("a negative response says what is wrong, and only a negative one")
    answering = message.receiver if message.receiver.sor and message.receiver.gln else own
    at = now.astimezone(COPENHAGEN).isoformat(timespec="milliseconds")
    resources = [
        _header(message, response, bool(issues), ids, answering),
        *_original_provenance(message, ids),
        _own_provenance(message, ids, at),
        _organization(ids.sender, answering),
        _organization(ids.receiver, message.sender),
        *([_outcome(issues, ids)] if issues else []),
    ]
    return {
        "resourceType": "Bundle",
        "id": ids.bundle,
        "meta": {"profile": [f"{_ACKNOWLEDGEMENT}/medcom-messaging-acknowledgement"]},
        "type": "message",
        "timestamp": at,
        "entry": [{"fullUrl": f"{_FULL_URL}/{each['resourceType']}/{each['id']}", "resource": each} for each in resources],
    }


def _resource(resource_type: str, resource_id: str, profile: str) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": resource_id, "meta": {"profile": [profile]}}


def _endpoint(organisation: Organisation) -> str:
    return f"https://sor2.sum.dsdn.dk/#id={organisation.sor}"


def _header(
    message: Message, response: Response, with_outcome: bool, ids: AcknowledgementIds, answering: Organisation
) -> dict[str, Any]:
    answered: dict[str, Any] = {"identifier": message.header_id, "code": response}
    if with_outcome:
        answered["details"] = {"reference": f"OperationOutcome/{ids.outcome}"}
    primary = {"system": DESTINATION_USE_SYSTEM, "code": "primary"}
    return _resource("MessageHeader", ids.header, f"{_ACKNOWLEDGEMENT}/medcom-messaging-acknowledgementHeader") | {
        "eventCoding": {"system": EVENT_SYSTEM, "code": "acknowledgement-message"},
        "destination": [
            {
                "extension": [{"url": DESTINATION_USE, "valueCoding": primary}],
                "endpoint": _endpoint(message.sender),
                "receiver": {"reference": f"Organization/{ids.receiver}"},
            }
        ],
        "sender": {"reference": f"Organization/{ids.sender}"},
        "source": {"endpoint": _endpoint(answering)},
        "response": answered,
    }


def _original_provenance(message: Message, ids: AcknowledgementIds) -> list[dict[str, Any]]:
    """The activity of the message answered, as its sender wrote it; none where that said nothing valid to repeat."""
    said = message.provenance
    if said is None or said.activity not in ALL_ACTIVITIES or not said.occurred or not said.recorded:
        return []
    target = {"reference": f"MessageHeader/{message.header_id}"}
    provenance_id = said.id or ids.original_provenance
    return [_provenance(provenance_id, target, said.occurred, said.recorded, said.activity, ids.receiver)]


def _own_provenance(message: Message, ids: AcknowledgementIds, at: str) -> dict[str, Any]:
    target = {"reference": f"MessageHeader/{ids.header}"}
    return _provenance(ids.provenance, target, at, at, "acknowledgement", ids.sender) | {
        "entity": [{"role": "revision", "what": {"reference": f"MessageHeader/{message.header_id}"}}]
    }


def _provenance(
    provenance_id: str, target: dict[str, Any], occurred: str, recorded: str, activity: str, organization: str
) -> dict[str, Any]:
    return _resource("Provenance", provenance_id, f"{_MESSAGING}/medcom-messaging-provenance") | {
        "target": [target],
        "occurredDateTime": occurred,
        "recorded": recorded,
        "activity": {"coding": [{"system": ACTIVITY_SYSTEM, "code": activity}]},
        "agent": [{"who": {"reference": f"Organization/{organization}"}}],
    }


def _organization(resource_id: str, organisation: Organisation) -> dict[str, Any]:
    return _resource("Organization", resource_id, f"{_MESSAGING}/medcom-messaging-organization") | {
        "identifier": [
            {"system": system, "value": value}
            for system, value in ((GLN, organisation.gln), (SOR, organisation.sor))
            if value is not None
        ]
    }


def _outcome(issues: tuple[Issue, ...], ids: AcknowledgementIds) -> dict[str, Any]:
    return _resource("OperationOutcome", ids.outcome, f"{_ACKNOWLEDGEMENT}/medcom-acknowledgement-operationoutcome") | {
        "issue": [_issue(each) for each in issues]
    }


def _issue(issue: Issue) -> dict[str, Any]:
    said: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.medcom:
        said["details"] = {"coding": [{"system": ERROR_SYSTEM, "code": issue.medcom.value}]}
    said["diagnostics"] = issue.diagnostics
    if issue.expression:
        said["expression"] = [issue.expression]
    return said
