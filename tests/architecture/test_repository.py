"""What holds for the repository as a whole: its layers, its locks, what no file may name, and how a service is laid out."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".venv" / "bin"
SERVICES = ("midwife", "persons", "directory", "registry", "sundhedspleje", "daycare", "notifications", "indicators", "portal")

NAMES_IN_A_SERVICE = {
    *("README.md", "__init__.py", "endpoints.py", "handlers.py", "repository.py", "schemas.py", "domain.py", "fhir.py"),
    # A package says more than one file can in one thought: `domain/`, `fhir/`, `endpoints/`, `repository/` …
    *("domain", "endpoints", "fhir", "handlers", "repository", "schemas", "tables.py", "migrations"),
    # What the clock does; edges to the world outside; what a municipality's staff may read and change.
    *("ticks.py", "mail.py", "audience.yaml", "plans"),
    # What leaves notifications for integrators and families, and what wakes a live inbox.
    *("outward", "outward.yaml", "letters", "ringing.py"),
    # The directory's ways in: files of any form through one door, and a municipality's own system that is followed.
    *("importing", "os2mo.py"),
    # What indicators counts and asks, as data, and the command that counts anew.
    *("figures.yaml", "survey.yaml", "rebuilding.py"),
    # The portal's pages: their templates, texts and what browsers are given; forms, log-in, and how it asks the others.
    *("templates", "translations", "static", "pages.py", "words", "forms.py", "log_in.py", "apis.py"),
}
PACKAGE_REGISTRIES = (
    *("pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "repo.maven.apache" + ".org", "repo1.maven" + ".org"),
    *("proxy.golang" + ".org", "deb.debian" + ".org", "yarnpkg" + ".com"),
)
MACHINE_PATH = re.compile(r"(?<![\w.~/$}])/(?:home|root|Users|work|mnt)/[\w.-]+")


def tracked_files() -> Iterator[Path]:
    """The files that are in the repository or would be with the next commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            yield ROOT / name


def tracked_texts() -> Iterator[tuple[Path, str]]:
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path.relative_to(ROOT), content.decode(errors="replace")


def python_modules() -> Iterator[Path]:
    return (path for path in tracked_files() if path.suffix == ".py")


def test_knowledge_flows_one_way() -> None:
    checked = subprocess.run([PROGRAMS / "lint-imports", "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("lock", ["requirements.lock", "deploy/kafka-dev/java.lock"])
def test_a_lock_names_no_place_to_download_from(lock: str) -> None:
    content = (ROOT / lock).read_text()

    assert "--hash=sha256:" in content
    assert "://" not in content


@pytest.mark.parametrize("folder", ["oidc", "portal", "browser"])
def test_a_lock_of_npm_names_no_place_to_download_from(folder: str) -> None:
    assert '"resolved"' not in (ROOT / f"deploy/{folder}/package-lock.json").read_text()


def test_the_locks_are_what_the_project_s_dependencies_ask_for(tmp_path: Path) -> None:
    present = {"requirements.lock": ROOT / "requirements.lock", "java.lock": ROOT / "deploy/kafka-dev/java.lock"}
    for name, path in present.items():
        # What is locked is preferred, so that a version released since changes nothing.
        shutil.copy(path, tmp_path / name)

    locked = subprocess.run(["deploy/lock", "--into", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)

    if locked.returncode != 0 and os.environ.get("REQUIRE") != "all":
        pytest.skip(f"the package index cannot be asked: {locked.stderr.strip()[-300:]}")
    assert locked.returncode == 0, locked.stderr
    for name, path in present.items():
        assert (tmp_path / name).read_text() == path.read_text(), f"run make lock: {name} is out of date"


def test_no_file_names_a_package_registry() -> None:
    found = [f"{path}: {host}" for path, text in tracked_texts() for host in PACKAGE_REGISTRIES if host in text]

    assert found == []


def test_no_file_names_a_place_on_someone_s_machine() -> None:
    found = [f"{path}: {place}" for path, text in tracked_texts() for place in MACHINE_PATH.findall(text)]

    assert found == []


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    silent = [str(path.relative_to(ROOT)) for path in python_modules() if not ast.get_docstring(ast.parse(path.read_text()))]

    assert silent == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_a_readme_and_the_same_files_as_every_other(service: str) -> None:
    folder = ROOT / "services" / service
    names = {path.relative_to(folder).parts[0] for path in tracked_files() if path.is_relative_to(folder)}

    assert {"README.md", "__init__.py"} <= names
    assert names <= NAMES_IN_A_SERVICE, f"files with names no other service has: {sorted(names - NAMES_IN_A_SERVICE)}"


def test_every_script_can_be_run() -> None:
    scripts = [path for path in tracked_files() if path.read_bytes()[:2] == b"#!"]

    assert [str(path.relative_to(ROOT)) for path in scripts if not os.access(path, os.X_OK)] == []


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony

    described = re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE)

    assert sorted(described) == sorted(phony.group(1).split())


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    links = [
        (page, link.partition("#")[0])
        for page in pages
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if "://" not in link and not link.startswith(("#", "mailto:"))
    ]

    assert links
    assert [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_what_the_first_page_says_decides_a_promise_stands_in_the_file_it_links_to() -> None:
    page = (ROOT / "README.md").read_text().partition("## From a promise to the line")[2].partition("\n## ")[0]
    cells = [cell for line in page.splitlines() if line.startswith("| ") for cell in line.split(" | ")[1:]]
    looked_up = 0

    for cell in cells:
        linked = [ROOT / link for link in re.findall(r"\]\(([^)]+)\)", cell)]
        for name in re.findall(r"`(\w+)`", re.sub(r"\[[^]]*\]", "", cell)):
            looked_up += 1
            assert any(re.search(rf"\b{name}\b", path.read_text()) for path in linked if path.is_file()), f"{name}: {cell}"

    assert looked_up >= 6


@pytest.mark.xdist_group("kept-together")
def test_tests_of_one_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    distributed = bool(getattr(request.config.option, "loadgroup", False))

    assert request.node.nodeid.endswith("@kept-together") == distributed
