"""What a public body needs before it takes the code: a licence, a change log, a way to report, and metadata for catalogues."""

import re
import tomllib

import yaml

from tests.support.deployment_tools import ROOT


def test_the_licence_is_the_same_wherever_it_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    catalogue = yaml.safe_load((ROOT / "publiccode.yml").read_text())

    assert (ROOT / "LICENSE").read_text().startswith("Mozilla Public License Version 2.0")
    assert project["license"] == catalogue["legal"]["license"] == "MPL-2.0"


def test_the_catalogue_s_metadata_has_every_key_the_standard_demands() -> None:
    catalogue = yaml.safe_load((ROOT / "publiccode.yml").read_text())

    demanded = {"publiccodeYmlVersion", "name", "url", "platforms", "developmentStatus", "softwareType"}
    assert demanded | {"description", "legal", "maintenance", "localisation"} <= set(catalogue)
    for language, description in catalogue["description"].items():
        assert len(description["shortDescription"]) <= 150, language
        assert 150 <= len(description["longDescription"]) <= 10_000, language
        assert description["features"], language
    assert catalogue["maintenance"]["contacts"][0]["name"]


def test_the_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert yaml.safe_load((ROOT / "publiccode.yml").read_text())["softwareVersion"] == project["version"]


def test_the_change_log_begins_with_what_is_not_released_yet() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased"
