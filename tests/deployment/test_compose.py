"""The compose file runs every service from one image, each after what it needs, and opens nothing to the outside."""

import re
from typing import Any

import pytest

from services.chassis.settings import Settings
from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart

AROUND = {"postgres", "kafka", "migrate", "topics", "gateway"}


def test_the_file_keeps_to_the_specification() -> None:
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")

    assert checked.returncode == 0, checked.stdout


def test_every_service_of_the_project_has_a_container_of_its_own(compose: dict[str, Any], service_names: set[str]) -> None:
    programs = {name: one["command"] for name, one in compose["services"].items() if name not in AROUND}

    assert programs == {name: ["run", "--service", name] for name in service_names}


def test_nothing_waits_for_what_does_not_exist_or_cannot_say_that_it_is_ready(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for needed, wait in service.get("depends_on", {}).items():
            assert needed in compose["services"], f"{name} waits for {needed}, which does not exist"
            if wait["condition"] == "service_healthy":
                assert "test" in compose["services"][needed]["healthcheck"], (
                    f"{name} waits for {needed}, which has no health check"
                )
            else:
                assert wait["condition"] == "service_completed_successfully"
                assert compose["services"][needed]["restart"] == "no", f"{name} waits for the end of {needed}, which never ends"


def test_nothing_waits_for_itself_in_a_circle(compose: dict[str, Any]) -> None:
    waiting = {name: set(service.get("depends_on", {})) for name, service in compose["services"].items()}

    while ready := {name for name, needed in waiting.items() if not needed}:
        waiting = {name: needed - ready for name, needed in waiting.items() if name not in ready}

    assert waiting == {}


def test_every_service_waits_for_the_database_the_broker_and_their_preparation(
    compose: dict[str, Any], service_names: set[str]
) -> None:
    for name in service_names:
        assert set(compose["services"][name]["depends_on"]) == AROUND


def test_ports_are_open_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_our_containers_are_without_rights_on_a_read_only_file_system(compose: dict[str, Any], service_names: set[str]) -> None:
    for name in service_names | {"migrate", "topics"}:
        service = compose["services"][name]
        assert service["user"] == "10001:10001"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "privileged" not in service


def test_every_setting_is_one_that_the_program_knows_and_none_is_a_secret(
    compose: dict[str, Any], service_names: set[str]
) -> None:
    known = {f"TOVHOLDER_{field.upper()}" for field in Settings.model_fields}

    for name in service_names:
        given = set(compose["services"][name]["environment"])
        assert given <= known
        assert not [one for one in given if re.search("PASSWORD|TOKEN|SECRET(?!S_FOLDER)|_KEY$", one)]


def test_the_gateway_has_the_paths_of_every_service_and_no_other(service_names: set[str]) -> None:
    text = (ROOT / "deploy" / "compose" / "gateway.conf").read_text()

    named = re.search(r"location ~ \^/\(([a-z|]+)\)\(/\|\$\)", text)

    assert named
    assert set(named.group(1).split("|")) == service_names


def test_the_secrets_made_are_those_of_every_service(service_names: set[str]) -> None:
    named = re.search(r'^services="(.*)"$', (ROOT / "deploy" / "compose" / "make-secrets").read_text(), re.MULTILINE)

    assert named
    assert set(named.group(1).split()) == service_names


def test_the_secrets_made_are_left_out_of_the_repository_and_of_the_image() -> None:
    assert (ROOT / "deploy" / "compose" / ".gitignore").read_text().split() == ["secrets/"]
    assert "!deploy/compose" not in (ROOT / ".dockerignore").read_text()
