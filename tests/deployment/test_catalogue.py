"""What operators run is what the code says: paths and rights follow services/catalogue.py."""

import re
from typing import Any

import pytest
import yaml

from services import catalogue, contracts
from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart


def test_the_ingress_sends_every_path_where_the_catalogue_does() -> None:
    chart = ROOT / "helm" / "tovholder"
    rendered = run("helm", "template", "release", chart, "--values", chart / "ci" / "example-values.yaml")
    [ingress] = [one for one in yaml.safe_load_all(rendered.stdout) if one and one["kind"] == "Ingress"]
    paths = {path["path"]: path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    paths.pop("/openapi.json")

    assert set(paths) == {f"/{name}" for name in catalogue.names()} | set(catalogue.EXTRA_PATHS)
    for path, name in paths.items():
        assert name == f"release-tovholder-{catalogue.service_of_path(path)}"


def test_the_gateway_sends_every_path_where_the_catalogue_does() -> None:
    text = (ROOT / "deploy" / "compose" / "gateway.conf").read_text()
    own, *extra = re.findall(r"location ~ (\S+) \{\s*set \$service (\S+);", text)

    assert own[1] == "$1"
    for name in catalogue.names():
        found = re.match(own[0], f"/{name}/anything")
        assert found
        assert found.group(1) == name
    for path, name in catalogue.EXTRA_PATHS.items():
        below = path if path == "/" else f"{path}/anything"
        assert [service for place, service in extra if re.match(place, below)] == [name]
    assert not re.match(own[0], "/midwifery")
    assert not re.match(own[0], "/metrics")


def test_a_service_may_read_the_topics_it_hears_and_no_other(topics: dict[str, Any]) -> None:
    for service in catalogue.SERVICES:
        readable = {topic["service"] for topic in topics["topics"] if service.name in topic["readers"]}

        assert readable == set(contracts.heard(service)), service.name
