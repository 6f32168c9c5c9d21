"""A Kafka topic of one's own: filled in a dense order, read by one principal and by no other, where rights are kept."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from services.chassis.settings import Settings
from services.demo.kafka import KafkaBroker
from services.demo.processes import free_port
from services.notifications.outward import topics as external
from services.notifications.outward.work import Outward, topic_of
from tests.notifications.telling import Telling
from tests.support.issuer import Issuer
from tests.support.world import Installation, World

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]
FILE = Path(__file__).parents[2] / "deploy" / "topics.yaml"
_LOG_IN = "org.apache.kafka.common.security.scram.ScramLoginModule"
USERS = ("tovholder-notifications", "record-havby", "record-skovby")


class Guarded(KafkaBroker):
    """Keeps rights: its administrator comes without a name over the first port, everyone else with SCRAM over the second."""

    guarded_port = 0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder, ports = tmp_path_factory.mktemp("guarded"), [free_port() for _ in range(3)]
    plain, guarded, controller = ports
    (folder / "controller-port").write_text(str(controller))
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},GUARDED://127.0.0.1:{guarded},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},GUARDED://127.0.0.1:{guarded}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,GUARDED:SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.guarded.scram-sha-512.sasl.jaas.config": f"{_LOG_IN} required;",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:ANONYMOUS",
    }
    made = Guarded(folder, port=plain, settings=settings)
    made.guarded_port = guarded
    with made as started:
        admin = AdminClient({"bootstrap.servers": started.bootstrap})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        for future in admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, info, b"word-of-" + user.encode()) for user in USERS]
        ).values():
            future.result(20)
        yield made


@pytest.fixture
async def world(installation: Installation, issuer: Issuer, broker: Guarded, tmp_path: Path) -> AsyncIterator[World]:
    name = f"world_{broker.port}_topics"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name) as made:
        yield made
    await asyncio.to_thread(installation.drop, name)


def on_kafka(settings: Settings, broker: Guarded, user: str | None, secrets: Path) -> Settings:
    """`user` None: the administrator."""
    more: dict[str, Any] = {"bus": "kafka", "kafka_bootstrap": broker.bootstrap}
    if user:
        more |= {"kafka_bootstrap": f"127.0.0.1:{broker.guarded_port}", "kafka_security": "SASL_PLAINTEXT", "kafka_user": user}
        (settings.secrets_folder / "kafka-password").write_text(f"word-of-{user}")
    return settings.model_copy(update=more)


async def read(broker: Guarded, user: str, topic: str, wanted: int) -> list[dict[str, Any]]:
    """What a principal reads of a topic with a consumer group of that name."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=f"127.0.0.1:{broker.guarded_port}", security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=user, sasl_plain_password=f"word-of-{user}", group_id=None, auto_offset_reset="earliest",
        request_timeout_ms=10_000,
    )  # fmt: skip
    await consumer.start()
    try:
        place, found = TopicPartition(topic, 0), list[dict[str, Any]]()
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        async with asyncio.timeout(30):
            while len(found) < wanted:
                records = await consumer.getmany(place, timeout_ms=1000)
                found += [orjson.loads(record.value or b"{}") for page in records.values() for record in page]
        return found
    finally:
        await consumer.stop()


def refused(broker: Guarded, user: str, topic: str) -> int | None:
    """Why a principal reads nothing of a topic; None where it does."""
    consumer = Consumer(
        {
            "bootstrap.servers": f"127.0.0.1:{broker.guarded_port}", "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanisms": "SCRAM-SHA-512", "sasl.username": user, "sasl.password": f"word-of-{user}", "group.id": topic,
        }
    )  # fmt: skip
    try:
        error = consumer.list_topics(topic, timeout=20).topics[topic].error
        return error.code() if error else None
    finally:
        consumer.close()


async def test_a_subscription_s_topic_is_read_by_its_one_principal_and_a_foreign_one_reads_nothing(
    world: World, broker: Guarded, tmp_path: Path
) -> None:
    telling, runtime = Telling(world), world.running.runtimes["notifications"]
    system = await telling.system("record-havby")
    own = on_kafka(world.settings, broker, "tovholder-notifications", tmp_path)
    # The endpoint and the work of a process on Kafka.
    here = replace(runtime, settings=own)
    world.running.runtimes["notifications"].settings = own
    made = await system.post("/notifications/subscriptions", {"channel": "topic", "rules": [{"name": "all"}]})
    assert made.status == 201, made.body
    topic = made.body["topic"]
    await telling.register()
    work = Outward(here)
    await work.once()
    waits = (await system.get(f"/notifications/subscriptions/{made.body['id']}")).body

    said = await external.make(on_kafka(world.settings, broker, None, tmp_path), FILE)
    await work.once()
    after = (await system.get(f"/notifications/subscriptions/{made.body['id']}")).body

    assert (waits["topic_ready"], waits["sent"], after["waiting"]) == (False, 0, 0)
    assert topic == topic_of(made.body["id"])
    assert {f"made {topic}", f"allowed User:record-havby read on {topic}"} <= set(said)
    assert await external.make(on_kafka(world.settings, broker, None, tmp_path), FILE) == []
    events = await read(broker, "record-havby", topic, after["sequence"])
    assert [int(event["sequence"]) for event in events] == list(range(1, after["sequence"] + 1))
    assert {event["matchedrule"] for event in events} == {"all"}
    assert await asyncio.to_thread(refused, broker, "record-skovby", topic) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert await asyncio.to_thread(refused, broker, "record-havby", "tovholder.registry") == KafkaError.TOPIC_AUTHORIZATION_FAILED
