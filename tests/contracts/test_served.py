"""Every process tells of the whole installation, whatever runs in it."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from services import capability, catalogue
from services.app import create_app
from services.chassis.settings import Settings

# Questions that carry a body; a message, whose own ids serve; a pass, of which the one before stands. `decisions` keeps what
# it was asked and answered, as an access log does, and changes nothing else.
WITHOUT_A_KEY = {
    "/fhir/$process-message", "/persons/lookup", "/persons/search", "/persons/decisions", "/persons/family/pass",
    "/registry/bulk-handovers/preview", "/sundhedspleje/overleveringer/preview",
}  # fmt: skip


@pytest.fixture(params=catalogue.names())
async def process(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    """A process that runs one service."""
    [alone] = [service for service in catalogue.SERVICES if service.name == request.param]
    app = create_app([alone], Settings(gateway_url="https://havby.example", issuer="https://login.example"), work=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://process") as http:
        yield http


async def test_the_openapi_of_the_whole_is_the_same_in_every_process(process: httpx2.AsyncClient) -> None:
    told = (await process.get("/openapi.json")).json()

    assert told == capability.whole()
    assert {path.split("/")[1] for path in told["paths"]} >= set(catalogue.names())


def test_every_change_asks_for_an_idempotency_key_and_may_be_held_to_a_version() -> None:
    changing = {
        path: {parameter["name"]: parameter["required"] for parameter in operation.get("parameters", ())}
        for path, content in capability.whole()["paths"].items()
        for method, operation in content.items()
        if method != "get"
    }

    assert {path for path, headers in changing.items() if not headers.get("idempotency-key")} == WITHOUT_A_KEY
    assert {path for path, headers in changing.items() if "if-match" not in headers} == WITHOUT_A_KEY


async def test_the_capability_statement_needs_no_log_in_and_says_where_to_get_one(process: httpx2.AsyncClient) -> None:
    told = await process.get("/fhir/metadata")

    assert (told.status_code, told.headers["content-type"]) == (200, "application/fhir+json")
    statement = told.json()
    assert statement["implementation"]["url"] == "https://havby.example/fhir"
    assert "https://login.example" in statement["rest"][0]["security"]["description"]
    assert statement["messaging"][0]["endpoint"][0]["address"] == "https://havby.example/fhir/$process-message"


async def test_a_process_describes_its_own_service_apart(process: httpx2.AsyncClient) -> None:
    answers = {name: (await process.get(f"/{name}/openapi.json")).status_code for name in catalogue.names()}

    assert sorted(answers.values()) == [200, *[404] * (len(catalogue.names()) - 1)]
