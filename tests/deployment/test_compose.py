"""The compose file runs every service from one image, each after what it needs, and opens nothing to the outside."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main

from services.__main__ import program
from services.chassis.settings import Secrets, Settings
from services.demo.postgres import PostgresServer, binary
from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart

AROUND = {"postgres", "kafka", "migrate", "topics", "gateway"}


def test_the_file_keeps_to_the_specification() -> None:
    checked = run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml")

    assert checked.returncode == 0, checked.stdout


def test_every_service_of_the_project_has_a_container_of_its_own(compose: dict[str, Any], service_names: set[str]) -> None:
    programs = {name: one["command"] for name, one in compose["services"].items() if name not in AROUND}

    assert programs == {name: ["run", "--service", name] for name in service_names}


def _is_a_command(words: list[str]) -> None:
    """Parsed as the program itself does, and not carried out. Fails for what the program does not know."""
    command = typer.main.get_command(program)
    assert isinstance(command, typer.core.TyperGroup)
    name, chosen, rest = command.resolve_command(typer.Context(command), words)
    assert chosen is not None, words
    chosen.make_context(name, rest)


def test_every_command_that_a_container_runs_is_one_of_the_program_s(compose: dict[str, Any]) -> None:
    """Those of our image; of the others the makers' own."""
    built = [name for name, one in compose["services"].items() if one["image"].startswith("tovholder:")]
    image = (ROOT / "deploy" / "Dockerfile").read_text()

    for name in built:
        _is_a_command(compose["services"][name]["command"])
    (default,) = re.findall(r"^CMD \[(.*)\]$", image, re.MULTILINE)
    _is_a_command(shlex.split(default.replace(",", " ")))
    for said in re.findall(r"`(migrate|topics|run)[^`]*`", image):
        _is_a_command([said])
    assert {"migrate", "topics"} < set(built)


def test_every_file_that_a_container_is_given_is_there_or_made_by_the_command_that_the_file_names(
    compose: dict[str, Any],
) -> None:
    mounted = {one.split(":")[0] for service in compose["services"].values() for one in service.get("volumes", [])}
    builds = [service["build"] for service in compose["services"].values() if "build" in service]

    files = {one for one in mounted if one.startswith("./")}
    assert [one for one in files if not (ROOT / one).exists()] in ([], ["./deploy/compose/secrets/files"])
    assert {one for one in mounted if not one.startswith("./")} == set(compose["volumes"])
    assert all((ROOT / build["context"] / build["dockerfile"]).is_file() for build in builds)
    first = re.search(r"^#   (deploy/\S+)", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE)
    assert first
    assert os.access(ROOT / first.group(1), os.X_OK)


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


def _with_defaults(value: str) -> str:
    """As compose reads it where nothing is set; what must be set becomes an address."""
    return re.sub(r"\$\{\w+(:-|:\?)([^}]*)\}", lambda it: it[2] if it[1] == ":-" else "https://op.example", value)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make-secrets 0101` makes, asked twice."""
    folder = tmp_path_factory.mktemp("compose")
    shutil.copy(ROOT / "deploy" / "compose" / "make-secrets", folder)
    for _ in range(2):
        made = subprocess.run([folder / "make-secrets", "0101"], capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
    assert made.stdout == "", "the second time everything is there already"
    return folder / "secrets" / "files"


def test_the_secrets_made_are_such_as_the_program_reads(secrets: Path, service_names: set[str]) -> None:
    found = Secrets(secrets)

    assert found.newest_sealing_key("0101") == "0101.1"
    assert [len(key) for key in (found.sealing_key("0101.1"), found.blind_index_key(), found.indicators_key())] == [32, 32, 32]
    for service in service_names:
        assert found.client_key(service).startswith("-----BEGIN PRIVATE KEY-----")
        assert len({found.password(f"{service}_api"), found.password(f"{service}_machine")}) == 2


def test_with_the_roles_and_settings_of_the_file_the_database_is_migrated(
    compose: dict[str, Any], secrets: Path, tmp_path: Path
) -> None:
    """As the containers do it: roles.sh on an empty server, as its image calls it, then the command of `migrate`."""
    server = PostgresServer(tmp_path / "postgres").start()
    try:
        psql = ["--host", "127.0.0.1", "--port", str(server.port)]
        administrator = {"PATH": f"{binary('psql').parent}:{os.environ['PATH']}", "PGPASSWORD": server.password}
        given = compose["services"]["postgres"]["environment"] | {"POSTGRES_USER": "postgres"}
        made = f'create database "{given["POSTGRES_DB"]}"'
        subprocess.run(["psql", *psql, "-U", "postgres", "-c", made], env=administrator, check=True, capture_output=True)
        roles = subprocess.run(
            ["bash", ROOT / "deploy" / "compose" / "roles.sh"],
            env={
                **administrator, **given, "PGHOST": "127.0.0.1", "PGPORT": str(server.port),
                "TOVHOLDER_SECRETS_FOLDER": str(secrets),
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert roles.returncode == 0, roles.stderr

        here = {"TOVHOLDER_DATABASE_HOST": "127.0.0.1", "TOVHOLDER_DATABASE_PORT": str(server.port)}
        written = {name: _with_defaults(value) for name, value in compose["services"]["migrate"]["environment"].items()}
        settings = {**written, **here, "TOVHOLDER_SECRETS_FOLDER": str(secrets)}
        migrated = subprocess.run(
            [ROOT / ".venv" / "bin" / "tovholder", *compose["services"]["migrate"]["command"]],
            env={"PATH": os.environ["PATH"], **settings}, capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert migrated.returncode == 0, migrated.stderr
        assert "up to date" in migrated.stdout
    finally:
        server.remove()
