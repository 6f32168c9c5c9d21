"""The image is built from locked packages, runs as a user without rights, and starts the command of the project."""

import re
import tomllib

import pytest

from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart

DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[str]:
    joined = DOCKERFILE.read_text().replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line) for line in joined.splitlines() if line and not line.startswith("#")]


def final_stage() -> list[str]:
    lines = instructions()
    return lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]


def test_the_linter_finds_nothing() -> None:
    checked = run("hadolint", DOCKERFILE)

    assert checked.returncode == 0, checked.stdout


def test_packages_are_installed_with_hashes_and_from_the_lock_only() -> None:
    [install] = [line for line in instructions() if "pip install" in line]

    assert "--require-hashes --constraint requirements.lock" in install
    assert "--only-binary :all:" in install


def test_the_container_runs_as_a_user_without_rights_and_says_whether_it_lives() -> None:
    stage = final_stage()

    assert [line for line in stage if line.startswith("USER ")] == ["USER 10001:10001"]
    assert any(line.startswith("HEALTHCHECK ") and "/livez" in line for line in stage)


def test_the_container_s_command_is_that_of_the_project() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, _ = scripts["tovholder"].partition(":")
    started = (ROOT / "deploy" / "tovholder").read_text()

    assert 'ENTRYPOINT ["tovholder"]' in final_stage()
    assert module.removesuffix(".__main__") == "services"
    assert 'exec python -m services "$@"' in started


def test_what_the_image_copies_is_let_through_to_the_builder() -> None:
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in instructions()
        if line.startswith("COPY ") and "--from=" not in line
        for source in [part for part in line.split()[1:-1] if not part.startswith("--")]
    }

    assert copied == let_through
