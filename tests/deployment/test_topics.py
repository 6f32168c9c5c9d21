"""Topics keep what consumers may still need, and nobody writes or reads more than it says and hears."""

from typing import Any

import pytest
import yaml

from services import catalogue
from services.events import current
from tests.support.deployment_tools import ROOT

COMMON = {"name", "service", "cleanup", "writers", "readers"}


def test_every_service_has_one_topic_of_its_own_name_and_the_present_tovholdere_theirs(
    topics: dict[str, Any], service_names: set[str]
) -> None:
    cleanup = {topic["name"]: topic["cleanup"] for topic in topics["topics"]}

    assert len(cleanup) == len(topics["topics"])
    assert cleanup == {**{f"tovholder.{name}": "delete" for name in service_names}, current.TOPIC: "compact"}


def test_a_topic_says_neither_more_nor_less_than_it_must(topics: dict[str, Any]) -> None:
    for topic in topics["topics"]:
        period = {"delete": "retention_days", "compact": "tombstone_retention_days"}[topic["cleanup"]]

        assert set(topic) == COMMON | {period}, topic["name"]
        assert topic[period] >= 14, topic["name"]


def test_a_topic_is_written_by_its_service_alone(topics: dict[str, Any], service_names: set[str]) -> None:
    for topic in topics["topics"]:
        assert topic["writers"] == [topic["service"]], topic["name"]
        assert set(topic["readers"]) <= service_names, topic["name"]
        assert len(topic["readers"]) == len(set(topic["readers"])), topic["name"]


def test_notifications_hears_every_other_service_that_says_anything(topics: dict[str, Any]) -> None:
    heard = {topic["service"] for topic in topics["topics"] if "notifications" in topic["readers"]}

    assert heard == {service.name for service in catalogue.SERVICES if service.says} - {"notifications"}


def test_a_write_counts_when_it_survives_the_loss_of_a_broker(topics: dict[str, Any]) -> None:
    cluster = topics["cluster"]

    assert 2 <= cluster["min_insync_replicas"] < cluster["replication_factor"]
    assert cluster["unclean_leader_election"] is False
    assert cluster["partitions"] == 8
    assert cluster["partitions_for_growth"] > cluster["partitions"]


def test_the_partitions_are_the_same_wherever_they_are_named(
    topics: dict[str, Any], chart_values: dict[str, Any], compose: dict[str, Any]
) -> None:
    assert topics["cluster"]["partitions"] == chart_values["config"]["partitions"]
    assert str(topics["cluster"]["partitions"]) == compose["services"]["registry"]["environment"]["TOVHOLDER_PARTITIONS"]


@pytest.fixture
def strimzi_rights() -> dict[str, set[tuple[str, str, frozenset[str]]]]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kafka" / "users.yaml").read_text())
    return {
        user["metadata"]["name"]: {
            (right["resource"]["type"], right["resource"].get("name", ""), frozenset(one.upper() for one in right["operations"]))
            for right in user["spec"]["authorization"]["acls"]
        }
        for user in documents
    }


def test_the_example_for_strimzi_gives_exactly_these_rights(
    topics: dict[str, Any], strimzi_rights: dict[str, set[tuple[str, str, frozenset[str]]]], service_names: set[str]
) -> None:
    written, read = (frozenset(topics["rights"][key]) for key in ("writer_operations", "reader_operations"))
    wanted = {
        f"tovholder-{service}": {("topic", topic["name"], written) for topic in topics["topics"] if service in topic["writers"]}
        | {("topic", topic["name"], read) for topic in topics["topics"] if service in topic["readers"]}
        for service in service_names
    } | {"tovholder-audit": {("topic", topic["name"], read) for topic in topics["topics"]}}

    assert set(strimzi_rights) == {*wanted, "tovholder-administrator"}
    assert {name: rights for name, rights in strimzi_rights.items() if name in wanted} == wanted


def test_the_example_for_cloudnativepg_has_two_roles_for_every_service(service_names: set[str]) -> None:
    cluster = yaml.safe_load((ROOT / "deploy" / "postgres" / "cluster.yaml").read_text())

    roles = {role["name"] for role in cluster["spec"]["managed"]["roles"]}

    assert roles == {f"{service}_{kind}" for service in service_names for kind in ("api", "machine")} | {"tovholder_bus"}
    assert not [role for role in cluster["spec"]["managed"]["roles"] if role.get("superuser") or role.get("bypassrls")]
