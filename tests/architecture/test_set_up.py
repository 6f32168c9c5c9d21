"""What cannot be set up is named with the one command that would get it; a failure where everything is required, else a skip."""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.deployment_tools import ROOT

NEEDS_WHAT_IS_NOT_THERE = """
import pytest
from services.demo.installed import installed

@pytest.fixture(scope="session")
def engine():
    return installed("steam-engine", "test")

def test_with_it(engine): ...
def test_without_it(): ...
"""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`deploy/setup` for somebody who is not root, on a machine without Maven, with an empty cache."""
    loader = importlib.machinery.SourceFileLoader("setup", str(ROOT / "deploy" / "setup"))
    spec = importlib.util.spec_from_loader("setup", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "setup", module)
    loader.exec_module(module)
    for name, value in {"TOOLS": tmp_path, "CACHE": tmp_path / "cache", "is_root": lambda: False}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    return module


def test_what_cannot_be_had_is_named_with_the_command_that_would_get_it_also_after_the_tests(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(setup.Missing) as gap:
        setup.fetch_kafka()

    monkeypatch.delenv("REQUIRE", raising=False)
    going_on = setup.report([gap.value], ["test"])
    named, kept = capsys.readouterr().out, (tmp_path / "missing.txt").read_text()
    monkeypatch.setenv("REQUIRE", "all")
    required, demo = setup.report([gap.value], ["test"]), setup.report([gap.value], ["demo"])

    assert (going_on, required, demo) == (0, 1, 1)
    for said in (named, kept):
        assert "sudo apt-get install -y maven" in said
        assert "Apache Kafka" in said
    assert setup.report([], ["test"]) == 0
    assert not (tmp_path / "missing.txt").exists()


@pytest.mark.parametrize(("require", "exit_code", "says"), [("", 0, "1 passed, 1 skipped"), ("all", 1, "1 passed, 1 error")])
def test_a_test_of_what_is_not_there_is_skipped_with_its_reason_and_fails_where_everything_is_required(
    tmp_path: Path, require: str, exit_code: int, says: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_engine.py").write_text(NEEDS_WHAT_IS_NOT_THERE)

    settings = ["-q", "-p", "tests.nothing_skipped", "-c", str(tmp_path / "pytest.ini")]

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, tmp_path / "test_engine.py"],
        cwd=ROOT, env={**os.environ, "REQUIRE": require}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == exit_code, ended.stdout
    assert says in ended.stdout
    assert "steam-engine is not installed: run deploy/setup test" in ended.stdout
