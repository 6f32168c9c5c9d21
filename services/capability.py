"""What the whole installation can do, told alike by every process: its OpenAPI and its FHIR CapabilityStatement."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from fastapi import FastAPI, Response

from services import catalogue
from services.chassis import feed, health
from services.chassis.request import answer
from services.chassis.service import Service
from services.chassis.settings import Settings

TITLE = "Tovholder"
SUMMARY = "Every child has exactly one named tovholder, and everyone concerned is told."
VERSION = "0.1.0"
PUBLISHED_ON = "2026-11-22"

# The messages that midwife receives: MedCom's MessageDefinition where it has published one, else the message's profile in words.
_MESSAGES = ("http://medcomfhir.dk/ig/messagedefinitions/MessageDefinition/MedComCareCommunicationMessageDefinition|5.0",)
_ALSO_RECEIVED = (
    "HospitalNotification too, where the municipality has switched on its legal basis; profile: "
    "http://medcomfhir.dk/ig/hospitalnotification/StructureDefinition/medcom-hospitalNotification-message. "
    "Each message is answered with a MedCom Acknowledgement."
)
_TRANSPORT = {"system": "http://terminology.hl7.org/CodeSystem/message-transport", "code": "http"}
_DEFINITIONS = {"process-message": "http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message"}
_INTERACTIONS = {"get": "read", "post": "create"}


def serve(app: FastAPI, services: Sequence[Service]) -> None:
    """The addresses of the given services, each with its feed, and those that every process has."""
    app.include_router(health.router)
    for service in services:
        app.include_router(service.router)
        app.include_router(feed.router_of(service))


def serve_descriptions(app: FastAPI, services: Sequence[Service], settings: Settings) -> None:
    """`/openapi.json` of the whole, whatever runs here; `/<service>/openapi.json` of those that do; `/fhir/metadata`."""
    app.openapi = whole  # type: ignore[method-assign]

    @app.get("/fhir/metadata", include_in_schema=False)
    async def metadata() -> Response:
        """FHIR R4 § 3.1.0.9: open to everyone, so that a client can find out how to log in."""
        made = answer(200, statement(whole(), settings.gateway_url, settings.issuer))
        made.headers["content-type"] = "application/fhir+json"
        return made

    for service in services:
        app.add_api_route(f"/{service.name}/openapi.json", _telling(service.name), include_in_schema=False)


def _telling(service: str) -> Any:
    async def own() -> dict[str, Any]:
        return part(service)

    return own


@cache
def whole() -> dict[str, Any]:
    """OpenAPI of all services."""
    app = FastAPI(title=TITLE, version=VERSION, summary=SUMMARY)
    serve(app, catalogue.SERVICES)
    described = app.openapi()
    for content in described["paths"].values():
        for operation in content.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "idempotency-key":
                    # Read as if it could be absent, so that its absence is answered in words of its own: 400, and what it is for.
                    parameter |= {"required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 200}}
    return described


def part(service: str) -> dict[str, Any]:
    """OpenAPI of one service: its paths, and of the schemas those they lead to."""
    described = whole()
    paths = {
        path: content
        for path, content in described["paths"].items()
        if any(service in operation.get("tags", ()) for operation in content.values())
    }
    schemas = described["components"]["schemas"]
    reached: set[str] = set()
    new = references(paths)
    while new:
        reached |= new
        new = {name for found in new for name in references(schemas[found])} - reached
    components = {**described["components"], "schemas": {name: schemas[name] for name in sorted(reached)}}
    return {**described, "info": {**described["info"], "title": f"{TITLE}: {service}"}, "paths": paths, "components": components}


def references(content: Any) -> set[str]:
    """The names of the schemas that a part of the document refers to."""
    if isinstance(content, Mapping):
        own = {content["$ref"].rpartition("/")[2]} if isinstance(content.get("$ref"), str) else set()
        return own | {name for value in content.values() for name in references(value)}
    if isinstance(content, list):
        return {name for value in content for name in references(value)}
    return set()


def statement(openapi: Mapping[str, Any], url: str = "https://tovholder.example", issuer: str | None = None) -> dict[str, Any]:
    """The CapabilityStatement (FHIR R4) of the paths under /fhir: operations `$name` and resources `/fhir/<Type>`."""
    operations: list[dict[str, str]] = []
    resources: dict[str, list[dict[str, str]]] = {}
    for path, content in sorted(openapi["paths"].items()):
        first = path.removeprefix("/fhir/").partition("/")[0]
        if not path.startswith("/fhir/"):
            continue
        if first.startswith("$"):
            operations.append({"name": first[1:], "definition": _DEFINITIONS[first[1:]]})
        else:
            resources.setdefault(first, []).extend({"code": _INTERACTIONS[verb]} for verb in content)
    security: dict[str, Any] = {
        "description": "OAuth 2.0 client credentials with private_key_jwt; access tokens of at most five minutes"
        + (f", from {issuer}." if issuer else ".")
    }
    rest: dict[str, Any] = {"mode": "server", "security": security}
    if resources:
        rest["resource"] = [{"type": name, "interaction": found} for name, found in resources.items()]
    if operations:
        rest["operation"] = operations
    messaging = {
        "endpoint": [{"protocol": _TRANSPORT, "address": f"{url}/fhir/$process-message"}],
        "documentation": _ALSO_RECEIVED,
        "supportedMessage": [{"mode": "receiver", "definition": definition} for definition in _MESSAGES],
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": PUBLISHED_ON,
        "kind": "instance",
        "software": {"name": TITLE, "version": VERSION},
        "implementation": {"description": SUMMARY, "url": f"{url}/fhir"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml"],
        "rest": [rest],
        "messaging": [messaging],
    }
