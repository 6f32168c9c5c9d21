"""Makes topics and rights on Kafka what `deploy/topics.yaml` says; never deletes, never changes a partition count."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from services.chassis.settings import Settings

_SECONDS = 15
_DAY_MS = 86_400_000


_ANYTHING: Any = None
ANY_RIGHT = AclBindingFilter(
    ResourceType.TOPIC, _ANYTHING, ResourcePatternType.LITERAL, _ANYTHING, _ANYTHING, AclOperation.ANY, AclPermissionType.ANY
)


ANY_GROUP_RIGHT = AclBindingFilter(
    ResourceType.GROUP, _ANYTHING, ResourcePatternType.LITERAL, _ANYTHING, _ANYTHING, AclOperation.ANY, AclPermissionType.ANY
)
NO_RIGHTS = "This cluster keeps no rights (no authorizer): everyone who reaches it may read and write."


class TopicsDiffer(RuntimeError):
    """Kafka has what cannot be changed on a living topic; the text says which and what now."""


@dataclass(frozen=True)
class Wanted:
    """One topic as the file says."""

    name: str
    settings: dict[str, str]
    writers: tuple[str, ...]
    readers: tuple[str, ...]


def wanted(content: dict[str, Any]) -> list[Wanted]:
    """The file's topics with Kafka's names of their settings."""
    found = []
    for topic in content["topics"]:
        found.append(Wanted(topic["name"], _settings_of(topic, content), tuple(topic["writers"]), tuple(topic["readers"])))
    return found


def _settings_of(topic: dict[str, Any], content: dict[str, Any]) -> dict[str, str]:
    settings = {
        "cleanup.policy": topic["cleanup"],
        "message.timestamp.type": "CreateTime",
        "unclean.leader.election.enable": str(content["cluster"]["unclean_leader_election"]).lower(),
    }
    if topic["cleanup"] == "delete":
        settings["retention.ms"] = str(topic["retention_days"] * _DAY_MS)
    else:
        settings["delete.retention.ms"] = str(topic["tombstone_retention_days"] * _DAY_MS)
    return settings


def content_of(file: Path) -> dict[str, Any]:
    """What the file says."""
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    return content


def make(settings: Settings, file: Path) -> list[str]:
    """Brings the cluster up to the file; a line per change made. TopicsDiffer for another partition count than the setting."""
    content = content_of(file)
    admin = AdminClient(_connection(settings))
    try:
        cluster = admin.list_topics(timeout=_SECONDS)
    except KafkaException as error:
        raise TopicsDiffer(
            "Kafka does not answer, or refused the log-in. Check TOVHOLDER_KAFKA_BOOTSTRAP and the credentials."
        ) from error
    replicas = min(content["cluster"]["replication_factor"], len(cluster.brokers))
    in_sync = min(content["cluster"]["min_insync_replicas"], replicas)
    said = _make_topics(admin, wanted(content), cluster.topics, settings.partitions, replicas, in_sync)
    return said + _make_rights(admin, content)


def make_own(settings: Settings, file: Path, wanted_by: Mapping[str, str], prefix_writer: str) -> list[str]:
    """A topic for each external subscription, which `prefix_writer` alone writes and its one principal alone reads.

    `wanted_by`: topic → principal. What is there stays; a line per change made. TopicsDiffer where Kafka does not answer.
    """
    content = content_of(file)
    admin, own = AdminClient(_connection(settings)), content["external"]
    try:
        cluster = admin.list_topics(timeout=_SECONDS)
    except KafkaException as error:
        raise TopicsDiffer(
            "Kafka does not answer, or refused the log-in. Check TOVHOLDER_KAFKA_BOOTSTRAP and the credentials."
        ) from error
    replicas = min(content["cluster"]["replication_factor"], len(cluster.brokers))
    in_sync = min(content["cluster"]["min_insync_replicas"], replicas)
    topics = [Wanted(name, _settings_of({**own, "cleanup": "delete"}, content), (), ()) for name in wanted_by]
    said = _make_topics(admin, topics, cluster.topics, own["partitions"], replicas, in_sync)
    bindings = [
        binding for name, principal in wanted_by.items() for binding in own_rights(content, name, principal, prefix_writer)
    ]
    return said + _allow(admin, bindings)


def own_rights(content: dict[str, Any], topic: str, principal: str, writer: str) -> list[AclBinding]:
    """One principal reads, in a consumer group named like the topic if it wants one; the service that fills it writes."""
    named, given = content["rights"], content["rights"]["principal"].format(service=writer)
    return [
        *(_binding(ResourceType.TOPIC, topic, principal, operation) for operation in named["reader_operations"]),
        _binding(ResourceType.GROUP, topic, principal, "READ"),
        *(_binding(ResourceType.TOPIC, topic, given, operation) for operation in named["writer_operations"]),
    ]


def _binding(kind: ResourceType, name: str, principal: str, operation: str) -> AclBinding:
    allowed = getattr(AclOperation, operation)
    return AclBinding(kind, name, ResourcePatternType.LITERAL, principal, "*", allowed, AclPermissionType.ALLOW)


def _make_topics(
    admin: AdminClient, topics: Iterable[Wanted], present: dict[str, Any], partitions: int, replicas: int, in_sync: int
) -> list[str]:
    said, new, changed = [], [], []
    for topic in topics:
        own = {**topic.settings, "min.insync.replicas": str(in_sync)}
        if topic.name not in present:
            new.append(NewTopic(topic.name, num_partitions=partitions, replication_factor=replicas, config=own))
            said.append(f"made {topic.name}")
            continue
        has = len(present[topic.name].partitions)
        if has != partitions:
            raise TopicsDiffer(
                f"{topic.name} has {has} partitions, this installation works with {partitions}. A living topic's count cannot"
                f" change: set TOVHOLDER_PARTITIONS={has}, or make the topic anew; the feed in PostgreSQL keeps every event."
            )
        entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in own.items()]
        changed.append(ConfigResource(ConfigResource.Type.TOPIC, topic.name, incremental_configs=entries))
    for future in admin.create_topics(new, operation_timeout=_SECONDS).values() if new else ():
        future.result(_SECONDS)
    for future in admin.incremental_alter_configs(changed).values() if changed else ():
        future.result(_SECONDS)
    return said


def _make_rights(admin: AdminClient, content: dict[str, Any]) -> list[str]:
    """Rights that the file names and the cluster lacks."""
    return _allow(admin, rights(content))


def _allow(admin: AdminClient, bindings: Iterable[AclBinding]) -> list[str]:
    try:
        present = {str(one) for filter_ in (ANY_RIGHT, ANY_GROUP_RIGHT) for one in admin.describe_acls(filter_).result(_SECONDS)}
        missing = [binding for binding in bindings if str(binding) not in present]
        for future in admin.create_acls(missing).values() if missing else ():
            future.result(_SECONDS)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.SECURITY_DISABLED:
            return [NO_RIGHTS]
        raise TopicsDiffer(
            "Kafka lets this principal not make rights; run it as the administrator of deploy/topics.yaml."
        ) from error
    return [f"allowed {binding.principal} {_word(binding.operation)} on {binding.name}" for binding in missing]


def _word(operation: AclOperation | str | int) -> str:
    return operation.name.lower() if isinstance(operation, AclOperation) else str(operation)


def rights(content: dict[str, Any]) -> list[AclBinding]:
    """Who may write and read which topic, as bindings, each once. The auditor, where one is named, reads them all."""
    found: dict[str, AclBinding] = {}
    named = content["rights"]["principal"]
    auditors = [content["rights"]["auditor"]] if "auditor" in content["rights"] else []
    for topic in wanted(content):
        writers = [named.format(service=service) for service in topic.writers]
        readers = [named.format(service=service) for service in topic.readers] + auditors
        for principals, operations in ((writers, "writer_operations"), (readers, "reader_operations")):
            for principal in principals:
                for operation in content["rights"][operations]:
                    binding = _binding(ResourceType.TOPIC, topic.name, principal, operation)
                    found[str(binding)] = binding
    return list(found.values())


def _connection(settings: Settings) -> dict[str, str | int | float | bool]:
    folder = settings.secrets_folder
    options: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "security.protocol": settings.kafka_security,
    }
    if "SSL" in settings.kafka_security:
        options["ssl.ca.location"] = str(folder / "kafka-ca.crt")
        if (folder / "kafka.key").exists():
            options |= {"ssl.certificate.location": str(folder / "kafka.crt"), "ssl.key.location": str(folder / "kafka.key")}
    if "SASL" in settings.kafka_security:
        options |= {
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": settings.kafka_user or "",
            "sasl.password": settings.secrets.text("kafka-password"),
        }
    return options
