"""What the project says of itself in files, for the tests that compare one with another."""

from typing import Any

import pytest
import yaml

from tests.support.deployment_tools import ROOT

NOT_SERVICES = {"chassis", "events", "demo", "audit", "decisions"}


@pytest.fixture(scope="session")
def service_names() -> set[str]:
    """The services by their folders."""
    folders = (path for path in (ROOT / "services").iterdir() if (path / "__init__.py").is_file())
    return {path.name for path in folders} - NOT_SERVICES


@pytest.fixture(scope="session")
def topics() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "topics.yaml").read_text())
    return content


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


@pytest.fixture(scope="session")
def chart_values() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "helm" / "tovholder" / "values.yaml").read_text())
    return content
