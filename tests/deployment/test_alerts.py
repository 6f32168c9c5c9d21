"""Alerts fire when they should, measure what the code really measures, and each has a runbook that knows it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart

RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"


@pytest.fixture
def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_prometheus_understands_every_rule() -> None:
    checked = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_alerts_fire_when_they_should_and_are_silent_otherwise(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    shutil.copy(RULES, tmp_path / "rules.yaml")
    shutil.copy(Path(__file__).with_name("prometheus_rules_test.yaml"), cases)

    tested = run("promtool", "test", "rules", cases)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_an_alert_says_how_urgent_it_is_and_which_runbook_helps(alerts: list[dict[str, Any]]) -> None:
    for alert in alerts:
        runbook = (ROOT / alert["annotations"]["runbook"]).read_text()

        assert alert["labels"]["severity"] in ("page", "ticket")
        assert f"`{alert['alert']}`" in runbook.splitlines()[0], f"{alert['alert']} is not in the title of its runbook"


def test_what_an_alert_looks_at_is_measured_by_the_code(alerts: list[dict[str, Any]]) -> None:
    looked_at = {name for alert in alerts for name in re.findall(r"tovholder_\w+", alert["expr"])}
    modules = "\n".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    measured = set(re.findall(r"\"(tovholder_\w+)\"", modules))

    assert looked_at - measured == set()
