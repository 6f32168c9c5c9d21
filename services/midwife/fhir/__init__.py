"""Reads a MedCom message of any sender, JSON or XML, without ever failing: what it says, and what is wrong with it.

Also decides what an arriving message is in the light of what arrived before (Rules_Messaging: the receiver's table).
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from services.midwife.fhir.bundle import Entry, MessageBundle, Node, Organisation, extension, nodes, organisation, text
from services.midwife.fhir.codes import (
    ADMISSION_CODES,
    DAMAGED,
    FHIR_ID,
    LEAVE_PERIOD,
    Issue,
    MedComCode,
    MessageKind,
)
from services.midwife.fhir.rules import category_of, issues_of, kind_of
from services.midwife.fhir.xml import DEEPEST_NESTING, NotWellFormed, read_xml

JSON_TYPES: Final = frozenset({"application/fhir+json", "application/json"})
XML_TYPES: Final = frozenset({"application/fhir+xml", "application/xml"})


class PatientIdentifier(NamedTuple):
    """A number a person is known by; the pair is the key, never the value alone."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who did what when, as the sender wrote it: id, activity code, and the two times as FHIR text."""

    id: str | None
    activity: str | None
    occurred: str | None
    recorded: str | None


@dataclass(frozen=True, slots=True)
class Admission:
    """What a HospitalNotification says of the stay; times are FHIR text with timezone, `deceased` None where not said."""

    encounter_class: str | None
    status: str | None
    episode: str | None
    started: str | None
    ended: str | None
    leave_started: str | None
    deceased: bool | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as read. What is about a person (identifiers, texts) never shows in its repr; attachments are only counted.

    `bundle_id` is None only where an issue says so. `answers` is the MessageHeader.id of the message this one answers, forwards
    or acknowledges, or `<GLN>#<letter id>` for one that was not FHIR.
    """

    bundle_id: str | None
    header_id: str
    kind: MessageKind
    event: str | None
    sender: Organisation
    receiver: Organisation
    provenance: Provenance | None
    answers: str | None
    response: str | None
    category: str | None
    attachments: int
    admission: Admission | None = field(repr=False)
    patient_identifiers: tuple[PatientIdentifier, ...] = field(repr=False)
    topic: str | None = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)
    issues: tuple[Issue, ...]

    @property
    def activity(self) -> str | None:
        return self.provenance.activity if self.provenance else None

    @property
    def told_at(self) -> datetime | None:
        """When the sender said it, as far as it can be read."""
        try:
            said = datetime.fromisoformat((self.provenance and (self.provenance.recorded or self.provenance.occurred)) or "")
        except ValueError:
            return None
        return said if said.tzinfo else None

    @property
    def acceptable(self) -> bool:
        """Whether nothing found forbids receiving it; if not, the answer is fatal-error with `issues`."""
        return not any(each.severity in ("fatal", "error") for each in self.issues)

    @property
    def expects_an_acknowledgement(self) -> bool:
        """An acknowledgement is never acknowledged."""
        return self.kind is not MessageKind.ACKNOWLEDGEMENT


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """Something that cannot even be refused by an acknowledgement, because it does not say whom to answer about what.

    `diagnostics` is for people and repeats nothing of the body.
    """

    reason: Literal["unsupported-content-type", "not-well-formed", "too-deep", "not-a-message", "no-header-id", "no-sender"]
    diagnostics: str


_UNREADABLE: Final = {
    "unsupported-content-type": "The content type must be application/fhir+json or application/fhir+xml, in UTF-8.",
    "not-well-formed": "The body breaks off or is not well-formed, and too little came to answer with an acknowledgement.",
    "too-deep": f"The body is nested deeper than {DEEPEST_NESTING} levels.",
    "not-a-message": "The body is not a FHIR Bundle.",
    "no-header-id": "There is no MessageHeader with an id to acknowledge.",
    "no-sender": "MessageHeader.sender does not lead to an Organization with a SOR number that could be answered.",
}


def _unreadable(reason: Any) -> UnreadableMessage:
    return UnreadableMessage(reason, _UNREADABLE[reason])


def read_message(body: bytes, content_type: str) -> Message | UnreadableMessage:
    """The message in a request body; `content_type` is the header as it came, with or without charset.

    Never raises. A message that is wrong is still a Message, with issues; a body that broke off on the way is one with the issue
    DAMAGED if its header and sender came through. Only what cannot be answered by an acknowledgement is an UnreadableMessage.
    """
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower()
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if media_type not in JSON_TYPES | XML_TYPES or (charset and charset[1].lower() not in ("utf-8", "utf8")):
        return _unreadable("unsupported-content-type")
    root, damaged = _read_json(body) if media_type in JSON_TYPES else _read_xml(body)
    if root is None:
        return _unreadable("not-well-formed")
    if damaged:
        found = _message(MessageBundle(_clean(root)[0]), (DAMAGED,))
        return found if isinstance(found, Message) else _unreadable("not-well-formed")
    if _depth(root) > DEEPEST_NESTING:
        return _unreadable("too-deep")
    if root.get("resourceType") != "Bundle":
        return _unreadable("not-a-message")
    cleaned, unprintable = _clean(root)
    bundle = MessageBundle(cleaned)
    found = _message(bundle, ())
    if isinstance(found, UnreadableMessage):
        return found
    return _message(bundle, (*([UNPRINTABLE] if unprintable else []), *issues_of(bundle)))


def _message(bundle: MessageBundle, issues: tuple[Issue, ...]) -> Message | UnreadableMessage:
    header = bundle.header
    sender = organisation(bundle.sender)
    if not FHIR_ID.fullmatch(header.id or ""):
        return _unreadable("no-header-id")
    if not sender.sor:
        return _unreadable("no-sender")
    bundle_id = text(bundle.root, "id") or ""
    kind = kind_of(bundle)
    communication = bundle.first("Communication")
    payloads = nodes(communication.resource, "payload")
    return Message(
        bundle_id=bundle_id if FHIR_ID.fullmatch(bundle_id) else None,
        header_id=header.id or "",
        kind=kind,
        event=text(header.resource, "eventCoding", "code"),
        sender=sender,
        receiver=organisation(bundle.receiver),
        provenance=_provenance(bundle.provenance),
        answers=_answers(bundle),
        response=text(header.resource, "response", "code"),
        category=category_of(communication),
        attachments=sum("contentAttachment" in each for each in payloads),
        admission=_admission(bundle) if kind is MessageKind.HOSPITAL_NOTIFICATION else None,
        patient_identifiers=tuple(
            PatientIdentifier(system, value)
            for patient in bundle.of_type("Patient")
            for each in nodes(patient.resource, "identifier")
            if (system := text(each, "system")) and (value := text(each, "value"))
        ),
        topic=text(communication.resource, "topic", "text"),
        texts=tuple(said for each in payloads if (said := text(each, "contentString"))),
        issues=issues,
    )


def _provenance(entry: Entry | None) -> Provenance | None:
    if entry is None:
        return None
    said = entry.resource
    return Provenance(
        id=entry.id if FHIR_ID.fullmatch(entry.id or "") else None,
        activity=text(said, "activity", "coding", "code"),
        occurred=text(said, "occurredDateTime"),
        recorded=text(said, "recorded"),
    )


def _answers(bundle: MessageBundle) -> str | None:
    answered = text(bundle.header.resource, "response", "identifier")
    if answered or bundle.provenance is None:
        return answered
    for each in nodes(bundle.provenance.resource, "entity"):
        if each.get("role") == "revision":
            reference = text(each, "what", "reference")
            return reference.rsplit("/", 1)[-1] if reference else text(each, "what", "identifier", "value")
    return None


def _admission(bundle: MessageBundle) -> Admission:
    encounter = bundle.first("Encounter").resource
    deceased = bundle.first("Patient").resource.get("deceasedBoolean")
    return Admission(
        encounter_class=text(encounter, "class", "code"),
        status=text(encounter, "status"),
        episode=text(encounter, "episodeOfCare", "identifier", "value"),
        started=text(encounter, "period", "start"),
        ended=text(encounter, "period", "end"),
        leave_started=text(extension(encounter, LEAVE_PERIOD), "valuePeriod", "start"),
        deceased=deceased if isinstance(deceased, bool) else None,
    )


def admission_code(message: Message) -> str | None:
    """The Danish letter code of a HospitalNotification: STAA, STIN, STOR, SLOR, SLHJ or MORS, with RE_ for a correction and AN_
    for a cancellation; None for any other message.

    A death repeats the current activity with `deceased` true; its cancellation is a cancelling activity with `deceased` false
    (MedCom's overview of HospitalNotification codes).
    """
    activity = message.activity or ""
    first, _, rest = activity.partition("-")
    prefix = {"revise": "RE_", "cancel": "AN_"}.get(first, "")
    code = ADMISSION_CODES.get(rest if prefix else activity)
    if code is None or message.admission is None:
        return None
    is_about_death = message.admission.deceased is (prefix != "AN_")
    return f"{prefix}MORS" if is_about_death else f"{prefix}{code}"


# -- JSON and XML ------------------------------------------------------------------------------------------------------------

UNPRINTABLE: Final = Issue(
    code="invalid",
    diagnostics="A text holds characters that FHIR forbids (control characters or half a surrogate pair).",
    medcom=MedComCode.DAMAGED_IN_TRANSPORT,
)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_ENTRY_LIST = re.compile(r'"entry"\s*:\s*\[')
_BUNDLE_ID = re.compile(r'"id"\s*:\s*"([A-Za-z0-9\-.]{1,64})"')


class _Ambiguous(ValueError):
    """A JSON object says the same name twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous
    return found


def _no_constant(_name: str) -> None:
    raise ValueError


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)


def _read_json(body: bytes) -> tuple[Node | None, bool]:
    """(the root object, whether it is only what came before the damage); (None, …) if there is no object at all."""
    try:
        root = _DECODER.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return _before_the_damage(body.decode("utf-8-sig", errors="replace")), True
    return (root if isinstance(root, dict) else None), False


def _before_the_damage(said: str) -> Node | None:
    """The whole entries of a JSON Bundle that breaks off or is malformed further on."""
    start = _ENTRY_LIST.search(said)
    if start is None:
        return None
    entries: list[Any] = []
    at = start.end()
    try:
        while True:
            at += len(said[at:]) - len(said[at:].lstrip(" \t\r\n,"))
            entry, at = _DECODER.raw_decode(said, at)
            entries.append(entry)
    except (ValueError, RecursionError):
        bundle_id = _BUNDLE_ID.search(said, 0, start.start())
        return {"resourceType": "Bundle", "id": bundle_id[1] if bundle_id else None, "entry": entries}


def _read_xml(body: bytes) -> tuple[Node | None, bool]:
    try:
        return read_xml(body), False
    except NotWellFormed as broken:
        return broken.partial, True


def _depth(root: Node) -> int:
    """How deep objects and lists are nested; stops counting just beyond the limit."""
    level: list[Any] = [root]
    depth = 0
    while level and depth <= DEEPEST_NESTING:
        depth += 1
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
    return depth


def _clean(value: Any) -> tuple[Any, bool]:
    """The same value with each forbidden character replaced, and whether there was any: no store or answer can hold them."""
    if isinstance(value, str):
        cleaned, count = _FORBIDDEN.subn("\ufffd", value)
        return cleaned, count > 0
    if isinstance(value, list):
        parts = [_clean(each) for each in value]
        return [part for part, _ in parts], any(found for _, found in parts)
    if isinstance(value, dict):
        named = {name: _clean(each) for name, each in value.items()}
        return {name: part for name, (part, _) in named.items()}, any(found for _, found in named.values())
    return value, False


# -- what came before --------------------------------------------------------------------------------------------------------


class Arrival(StrEnum):
    """What to do with a message, seeing what came before from the same sender."""

    PROCESS = "process"
    SAME_ANSWER = "same-answer"
    RESUBMISSION_SAME_ANSWER = "resubmission-same-answer"
    BUNDLE_ID_REUSED = "bundle-id-reused"


def duplicate_of(header_id: str, *, header_is_known: bool, known_header_of_bundle: str | None) -> Arrival:
    """The receiver's table of MedCom's reliable messaging.

    `header_is_known`: a message with this MessageHeader.id came before from this sender. `known_header_of_bundle`: the
    MessageHeader.id that came before in a Bundle with this Bundle.id, None if the Bundle.id is new.

    PROCESS: both new. SAME_ANSWER: this very sending came before; repeat the stored answer. RESUBMISSION_SAME_ANSWER: the letter
    in a new envelope; never show it twice, log it, answer with the same content. BUNDLE_ID_REUSED: fatal-error.
    """
    if known_header_of_bundle is None:
        return Arrival.RESUBMISSION_SAME_ANSWER if header_is_known else Arrival.PROCESS
    return Arrival.SAME_ANSWER if known_header_of_bundle == header_id else Arrival.BUNDLE_ID_REUSED
