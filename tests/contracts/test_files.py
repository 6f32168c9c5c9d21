"""The files in contracts/ are what the code says: `tovholder contracts` leaves no difference."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from services import capability, catalogue, contracts
from services.events import current

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "contracts"


def test_no_contract_is_missing_or_out_of_date() -> None:
    stale = [
        name for name, text in contracts.files().items() if not (FOLDER / name).is_file() or (FOLDER / name).read_text() != text
    ]

    assert stale == [], "run: .venv/bin/tovholder contracts"


def test_no_contract_is_kept_of_what_is_no_more() -> None:
    present = {
        str(path.relative_to(FOLDER))
        for kind in ("events", "examples", "openapi", "fhir", "current")
        for path in (FOLDER / kind).iterdir()
    }

    assert present - set(contracts.files()) == set()


def test_writing_removes_what_is_no_more_and_keeps_what_was_released(tmp_path: Path) -> None:
    gone, released = (
        tmp_path / "events" / "dk.tovholder.gone.v1.schema.json",
        tmp_path / "released" / "0.0.1" / "events" / "a.json",
    )
    for path in (gone, released):
        path.parent.mkdir(parents=True)
        path.write_text("{}")

    written = contracts.write(tmp_path)

    assert not gone.exists()
    assert released.exists()
    assert {str(path.relative_to(tmp_path)) for path in written} == set(contracts.files())


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "services", "contracts", "--folder", tmp_path], cwd=ROOT, check=True, capture_output=True
    )

    assert {name: (tmp_path / name).read_text() for name in contracts.files()} == contracts.files()


def test_the_openapi_of_a_service_holds_its_own_addresses_and_all_that_they_refer_to() -> None:
    whole = capability.whole()
    parts = [capability.part(name) for name in catalogue.names()]

    own = {path for part in parts for path in part["paths"]}
    assert own | {"/livez", "/readyz", "/metrics"} == set(whole["paths"])
    for part in parts:
        named = set(part["components"]["schemas"])
        assert capability.references(part["paths"]) <= named
        assert capability.references(part["components"]) <= named


def test_the_capability_statement_is_one_and_names_every_operation_under_fhir() -> None:
    statement = capability.statement(capability.whole())

    CapabilityStatement.model_validate(statement)

    assert [operation["name"] for operation in statement["rest"][0]["operation"]] == ["process-message"]


def sides() -> list[tuple[str, str]]:
    return [(service.name, source) for service in catalogue.SERVICES for source in contracts.heard(service)]


def test_asyncapi_has_a_channel_for_each_topic_and_every_event_on_one() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())

    on_channels = {name: set(channel["messages"]) for name, channel in document["channels"].items()}

    own = {service.name: {event.type for event in service.says} for service in catalogue.SERVICES if service.says}
    assert on_channels == {**own, "current": {"current_tovholder"}}
    addresses = {name: channel["address"] for name, channel in document["channels"].items()}
    assert addresses == {**{name: f"tovholder.{name}" for name in own}, "current": current.TOPIC}


@pytest.mark.parametrize(("service", "source"), sides(), ids=lambda part: str(part))
def test_asyncapi_says_of_a_service_exactly_what_it_hears(service: str, source: str) -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())
    [own] = [one for one in catalogue.SERVICES if one.name == service]

    operation = document["operations"][f"{service}.hears.{source}"]

    assert operation["action"] == "receive"
    assert {message["$ref"].rpartition("/")[2] for message in operation["messages"]} == {
        event.type for event in contracts.heard(own)[source]
    }


def test_asyncapi_says_of_a_service_exactly_what_it_says_and_nothing_more() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())

    sent = {name: operation for name, operation in document["operations"].items() if operation["action"] == "send"}

    assert set(sent) == {
        "registry.keeps.current", *(f"{service.name}.says" for service in catalogue.SERVICES if service.says)
    }  # fmt: skip
    assert set(document["operations"]) - set(sent) == {f"{service}.hears.{source}" for service, source in sides()}
    for service in catalogue.SERVICES:
        said = sent.get(f"{service.name}.says", {"messages": []})
        assert [message["$ref"].rpartition("/")[2] for message in said["messages"]] == sorted(
            event.type for event in service.says
        )


def test_every_reference_of_asyncapi_leads_somewhere() -> None:
    document = yaml.safe_load((FOLDER / "asyncapi.yaml").read_text())

    def addresses(part: object) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if "$ref" in part else []
            return own + [found for value in part.values() for found in addresses(value)]
        return [found for value in part for found in addresses(value)] if isinstance(part, list) else []

    for reference in addresses(document):
        if reference.startswith("./"):
            assert (FOLDER / reference).is_file()
        else:
            place = document
            for step in reference.removeprefix("#/").split("/"):
                place = place[step]


def test_nothing_is_heard_that_nobody_says() -> None:
    said = {event for service in catalogue.SERVICES for event in service.says}

    unsaid = {
        event.type
        for service in catalogue.SERVICES
        for events in contracts.heard(service).values()
        for event in events
        if event not in said
    }

    assert unsaid == set()
