"""What may stand in an event: ids, codes, dates and numbers; and what is published is what the contract says."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import jsonschema
import orjson
import pytest

from services import catalogue, contracts
from services.chassis.envelope import Envelope, envelope
from services.events import Event, event_types

EVENTS = contracts.published()

# Words that a field about a person has in its name.
PERSONAL = re.compile(
    r"(^|_)(name|names|cpr|address|street|phone|mobile|email|mail|text|note|notes|message|comment|body|content|title|description|birthday|gender|sex|photo)(_|$)"
)
# Strings that are neither code, id nor date, each with why it may be in an event.
FREE_STRINGS = {
    "organisation": "a SOR number or the directory's code of an organisation",
    "sor": "SOR numbers of units",
    "sends_for": "SOR numbers, or * for a gateway",
    "issuer": "the address of a log-in provider",
    "login": "the provider's opaque name of an employee",
    "client_id": "a system's name",
}


def named(event: type[Event]) -> str:
    return event.type


def fields(part: Any, of: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of a schema with what it may hold, however deep."""
    if "$ref" in part:
        part = of["$defs"][part["$ref"].rpartition("/")[2]]
    for form in part.get("anyOf", ()):
        yield from fields(form, of, name)
    for field, content in part.get("properties", {}).items():
        yield from fields(content, of, field)
    if "items" in part:
        yield from fields(part["items"], of, name)
    if name and "anyOf" not in part:
        yield name, part


def test_every_event_that_is_declared_is_said_by_the_service_it_is_named_after() -> None:
    # Events that other tests declare for small services of their own are none of the product's.
    declared = {kind for kind, event in event_types().items() if event.__module__.startswith("services.events.")}
    assert declared == {event.type for event in EVENTS}
    for service in catalogue.SERVICES:
        assert {event.source for event in service.says} <= {service.name}


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_no_field_is_named_like_a_personal_datum(event: type[Event]) -> None:
    content = event.model_json_schema()

    assert [name for name, _ in fields(content, content) if PERSONAL.search(name)] == []


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_no_field_holds_free_text(event: type[Event]) -> None:
    content = event.model_json_schema()

    free = {
        name
        for name, kind in fields(content, content)
        if kind.get("type") == "string" and not {"format", "pattern", "enum", "const"} & set(kind)
    }

    assert free - set(FREE_STRINGS) == set()


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_no_field_takes_whatever_comes(event: type[Event]) -> None:
    content = event.model_json_schema()

    assert content["additionalProperties"] is False
    assert [name for name, kind in fields(content, content) if not {"type", "enum", "const"} & set(kind)] == []


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_the_example_is_valid_and_can_be_read(event: type[Event]) -> None:
    example, schema = contracts.example(event), contracts.schema(event)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(example)
    decoded = Envelope.decode(orjson.dumps(example))

    assert event.model_validate(decoded.content["data"]).type == decoded.type


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_what_is_published_is_the_example_byte_for_byte_but_for_ids_and_times(event: type[Event]) -> None:
    example = contracts.example(event)

    made = envelope(event.model_validate(example["data"]), UUID(example["subject"]))
    numbered = {
        **made,
        "version": 1,
        "time": contracts.EXAMPLE_TIME,
        "id": example["id"],
        "correlationid": example["correlationid"],
    }

    assert orjson.dumps(numbered) == orjson.dumps(example)


@pytest.mark.parametrize("spoilt", ["data", "subject", "version", "type"])
def test_a_schema_refuses_an_event_that_lacks_a_part(spoilt: str) -> None:
    event = event_types()["dk.tovholder.registry.tovholder_changed.v1"]
    example = {name: value for name, value in contracts.example(event).items() if name != spoilt}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(contracts.schema(event)).validate(example)


def test_a_schema_refuses_a_field_that_nobody_declared() -> None:
    event = event_types()["dk.tovholder.registry.tovholder_changed.v1"]
    example = contracts.example(event)
    example["data"]["mother"] = str(uuid4())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(contracts.schema(event)).validate(example)
