"""The published contracts, written from the code: event schemas and examples, AsyncAPI, OpenAPI, FHIR."""

import importlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import yaml
from pydantic import BaseModel

from services import capability, catalogue
from services.chassis import who
from services.chassis.envelope import envelope
from services.chassis.service import Service
from services.events import Event, current, event_types
from services.events.current import CurrentTovholder
from services.events.directory import subject_of_municipality

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE_TIME = "2026-03-02T08:30:00.000000Z"

_BASE = "https://tovholder.example/contracts/events/"
_CURRENT = "current_tovholder"
_EXAMPLE_IDS = UUID("5d0c3f9a-6c1e-5a53-9a0e-2f1b7d8c4e60")


def write(folder: Path) -> list[Path]:
    """Writes every contract below `folder` and removes those of events and services that are no more. Returns the files."""
    texts = {folder / name: text for name, text in files().items()}
    for kind in ("events", "examples", "openapi", "current"):
        for path in (folder / kind).glob("*.json"):
            if path not in texts:
                path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(texts)


def files() -> dict[str, str]:
    """Every contract: path below `contracts/` → text."""
    found = {"asyncapi.yaml": _yaml(asyncapi()), "fhir/CapabilityStatement.json": _json(capability.statement(capability.whole()))}
    for event in published():
        found[f"events/{event.type}.schema.json"] = _json(schema(event))
        found[f"examples/{event.type}.json"] = _json(example(event))
    found[f"current/{_CURRENT}.schema.json"] = _json(current_schema())
    found[f"current/{_CURRENT}.example.json"] = _json(current_example())
    found["openapi/whole.json"] = _json(capability.whole())
    for name in catalogue.names():
        found[f"openapi/{name}.json"] = _json(capability.part(name))
    return found


def published() -> list[type[Event]]:
    """Every event that a service of the catalogue says, by type."""
    said = [event for service in catalogue.SERVICES for event in service.says]
    return [event for _, event in sorted(event_types(said).items())]


def heard(service: Service) -> dict[str, list[type[Event]]]:
    """What a service hears, by who says it: its own handlers' events, and who is who, which every service hears of directory."""
    found: dict[str, list[type[Event]]] = {}
    for event in sorted({*who.HANDLERS, *service.handlers}, key=lambda one: one.type):
        found.setdefault(event.source, []).append(event)
    return dict(sorted(found.items()))


# -- Event schemas ----------------------------------------------------------------------------------------------------------


def schema(event: type[Event]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an event in its CloudEvents envelope."""
    content = event.model_json_schema()
    named = content.pop("$defs", {})
    made: dict[str, Any] = {
        "$schema": DRAFT,
        "$id": f"{_BASE}{event.type}.schema.json",
        "title": event.type,
        "description": _text(event),
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "type": {"const": event.type},
            "source": {"const": f"/{event.source}"},
            "subject": {"type": "string", "format": "uuid"},
            "version": {
                "type": "integer",
                "minimum": 1,
                "description": "Numbers the subject's events at the source: dense, from 1.",
            },
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "correlationid": {"type": "string", "description": "The same for all that follows from one message or request."},
            "causationid": {"type": "string", "description": "The event that this one follows from."},
            "traceparent": {"type": "string", "description": "W3C Trace Context."},
            "dataref": {"type": "string", "format": "uri-reference", "description": "Where the authorised detail is."},
            "data": {name: value for name, value in content.items() if name != "description"},
        },
        "required": [
            "specversion",
            "id",
            "type",
            "source",
            "subject",
            "version",
            "time",
            "datacontenttype",
            "correlationid",
            "data",
        ],
    }
    return {**made, "$defs": named} if named else made


def _text(described: type[BaseModel]) -> str:
    return " ".join((described.__doc__ or "").split())


def broken_promises(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What a schema of today no longer accepts of what yesterday's did; empty where everything in the ledger can still be read.

    Both are whole schemas, `$defs` included. A new optional property, a new code or a wider type breaks nothing.
    """
    return _broken(old, new, old, new, "")


def _broken(old: Any, new: Any, whole_old: Any, whole_new: Any, at: str) -> list[str]:
    old, new = _resolved(old, whole_old), _resolved(new, whole_new)
    place = at or "the event"
    if "anyOf" in old or "anyOf" in new:
        before, now = old.get("anyOf", [old]), new.get("anyOf", [new])
        return [
            f"{place}: a form is no longer accepted"
            for one in before
            if not any(_broken(one, other, whole_old, whole_new, at) == [] for other in now)
        ]
    found = []
    if old.get("type") != new.get("type") and not (old.get("type") == "integer" and new.get("type") == "number"):
        found.append(f"{place}: was {_kind(old)}, is {_kind(new)}")
    codes, codes_now = _codes(old), _codes(new)
    if codes_now is not None and (codes is None or not codes <= codes_now):
        found.append(f"{place}: these codes are gone: {', '.join(sorted(map(str, (codes or {'any'}) - codes_now)))}")
    for rule in ("format", "pattern"):
        if (
            rule in new
            and new[rule] != old.get(rule)
            and not (codes and rule == "pattern" and all(re.search(new[rule], str(code)) for code in codes))
        ):
            found.append(f"{place}: has another {rule}")
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        found.append(f"{place}: {name} is required now")
    for name, part in old.get("properties", {}).items():
        inside = f"{at}.{name}".lstrip(".")
        if name in new.get("properties", {}):
            found += _broken(part, new["properties"][name], whole_old, whole_new, inside)
        elif new.get("additionalProperties") is False:
            found.append(f"{inside}: is gone")
    if "items" in new:
        found += _broken(old.get("items", {}), new["items"], whole_old, whole_new, f"{at}[]")
    return found


def _resolved(part: Any, of: Any) -> Any:
    return of["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def _kind(part: Any) -> str:
    return str(part.get("type", "anything"))


def _codes(part: Any) -> set[Any] | None:
    if "const" in part:
        return {part["const"]}
    return set(part["enum"]) if "enum" in part else None


def current_schema() -> dict[str, Any]:
    """JSON Schema of a value of the compacted topic."""
    name = f"{_CURRENT}.schema.json"
    return {"$schema": DRAFT, "$id": f"{_BASE.removesuffix('events/')}current/{name}", **CurrentTovholder.model_json_schema()}


def current_example() -> Any:
    """One value as it stands on the compacted topic: synthetic ids, every optional part there."""
    content = CurrentTovholder.model_json_schema()
    return CurrentTovholder.model_validate(_example(content, content, "")).model_dump(mode="json")


# -- Examples ---------------------------------------------------------------------------------------------------------------

_DATES = {
    "born_on": "2026-03-01",
    "due_on": "2026-06-15",
    "until_on": "2026-12-31",
    "starts_on": "2027-01-04",
    "effective_on": "2027-01-04",
}
_WORDS = {
    "municipality": "0999",
    "from_municipality": "0999",
    "to_municipality": "0998",
    "organisation": "999990000000011",
    "sends_for": "999990000000011",
    "sor": "999990000000022",
    "issuer": "https://login.tovholder.example",
    "login": "employee-1",
    "client_id": "ward-system",
    "roles": "placement",
    "competence": "cos-p",
    "method": "cos-p",
    "key": "family-training",
    "changed": "capacity",
    "methods": "cos-p",
    "topic": "attachment",
    "categories": "development",
    "withheld": "mother-health",
    "kinds": "cpr",
    "kind": "establishing-visit",
    "purpose": "start-in-daycare",
    "recipient_kind": "daycare",
    "reason": "new-family",
    "programme": "family-training",
    "next_programme": "parents-of-toddlers",
    "place": "library",
    "method_version": "8-sessions",
    "instrument": "epds",
    "outcome": "screened-again",
    "parts": "child-well-being",
}

_SUBJECTS: dict[str, Callable[[dict[str, Any]], str]] = {
    "the child": lambda data: data["child"],
    **dict.fromkeys(("the survivor", "the merged child", "the separated child"), lambda data: data["child"]),
    "the first child": lambda data: data["children"][0]["child"] if data["children"] else data["mother"],
    "the person": lambda data: data["person"],
    "the notification": lambda data: data["notification_id"],
    "the new notification": lambda data: data["notification_id"],
    "the notice": lambda data: data["notice"],
    "the subscription": lambda data: data["subscription"],
    "the professional": lambda data: data["professional"],
    "the unit": lambda data: data["unit"],
    "the underretning": lambda data: data["underretning"],
    "the unit of the intake": lambda data: data["lead"]["unit"],
    "the course": lambda data: data["course"],
    "the gathering": lambda data: data["gathering"],
    "the client": lambda data: data["client"],
    "derived from the code": lambda data: str(subject_of_municipality(data["municipality"])),
}


def subject_of(event: type[Event], data: dict[str, Any]) -> str:
    """The subject that the event's docstring names, from its data. LookupError where the docstring names none that is known."""
    named = re.search(r"Subject: ([^.,;]+)", _text(event))
    if named is None or named.group(1) not in _SUBJECTS:
        raise LookupError(f"{event.__name__} must say `Subject: …` with one of: {', '.join(_SUBJECTS)}")
    return _SUBJECTS[named.group(1)](data)


def example(event: type[Event]) -> dict[str, Any]:
    """One example of an event as it is published: synthetic ids, every optional part there."""
    content = event.model_json_schema()
    fact = event.model_validate(_example(content, content, ""))
    made = envelope(fact, UUID(subject_of(event, fact.model_dump(mode="json"))))
    number = str(uuid5(_EXAMPLE_IDS, event.type))
    return {**made, "id": number, "correlationid": number, "version": 1, "time": EXAMPLE_TIME}


def _example(part: Any, of: Any, name: str) -> Any:
    part = _resolved(part, of)
    if "anyOf" in part:
        return _example(next(one for one in part["anyOf"] if one.get("type") != "null"), of, name)
    if "const" in part or "enum" in part:
        return part.get("const", part.get("enum", [None])[0])
    if part["type"] == "object":
        return {field: _example(content, of, field) for field, content in part["properties"].items()}
    if part["type"] == "array":
        return [_example(part["items"], of, name)]
    return _example_of_kind(part, name)


def _example_of_kind(part: Any, name: str) -> Any:
    match part["type"], part.get("format"):
        case "string", "uuid":
            return str(uuid5(_EXAMPLE_IDS, name))
        case "string", "date":
            return _DATES.get(name, "2026-03-02")
        case "string", "date-time":
            return EXAMPLE_TIME
        case "string", _:
            return _WORDS[name]
        case "integer", _:
            return 1
    return False


# -- AsyncAPI ---------------------------------------------------------------------------------------------------------------


_ABOUT_EVENTS = (
    "CloudEvents 1.0 in structured mode, thin: ids, codes and dates, never a name, a number or a word about a person. "
    "Kafka: the partition is computed from the subject, the header `position` is the record's place in the feed. "
    "One example of each event stands in contracts/examples."
)


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3: a channel per topic, and per service what it sends and what it receives from whom."""
    said = {service.name: _named(service.says) for service in catalogue.SERVICES if service.says}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{capability.TITLE}: what the services say to each other",
            "version": capability.VERSION,
            "description": _ABOUT_EVENTS,
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            name: {
                "address": f"tovholder.{name}",
                "description": f"What {name} says, in order per subject.",
                "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
            }
            for name, messages in said.items()
        }
        | {
            "current": {
                "address": current.TOPIC,
                "description": "Compacted: the last value per child, by its reference; derived by the registry's relay.",
                "messages": {_CURRENT: {"$ref": f"#/components/messages/{_CURRENT}"}},
            }
        },
        "operations": _operations(said) | {"registry.keeps.current": _operation("send", "current", [_CURRENT])},
        "components": {"messages": {event.type: _message(event) for event in published()} | {_CURRENT: _current_message()}},
    }


def _operations(said: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    found = {}
    for service in catalogue.SERVICES:
        if service.name in said:
            found[f"{service.name}.says"] = _operation("send", service.name, said[service.name])
        for source, events in heard(service).items():
            found[f"{service.name}.hears.{source}"] = _operation("receive", source, _named(events))
    return found


def _operation(action: str, channel: str, messages: Sequence[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in messages],
    }


def _named(events: Sequence[type[Event]]) -> list[str]:
    return sorted(event.type for event in events)


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.type,
        "summary": _text(event),
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./events/{event.type}.schema.json"},
        },
    }


def _current_message() -> dict[str, Any]:
    return {
        "name": _CURRENT,
        "summary": _text(CurrentTovholder),
        "contentType": "application/json",
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./current/{_CURRENT}.schema.json"},
        },
    }


# -- The table of services --------------------------------------------------------------------------------------------------


def table() -> str:
    """The services of the catalogue as a Markdown table: what each is for, whom it hears, what it says."""
    rows = ["| service | what it is for | hears | says |", "|---|---|---|---|"]
    for service in catalogue.SERVICES:
        sources = ", ".join(source for source in heard(service) if source != service.name)
        facts = ", ".join(f"`{event.type.split('.')[3]}`" for event in service.says)
        rows.append(f"| [`{service.name}`]({service.name}/README.md) | {_purpose(service)} | {sources} | {facts} |")
    return "\n".join(rows) + "\n"


def _purpose(service: Service) -> str:
    text = (importlib.import_module(f"services.{service.name}").__doc__ or "").splitlines()[0]
    return text.removeprefix(f"{service.name}: ").rstrip(".")


def _json(content: Any) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _yaml(content: Any) -> str:
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=130)
