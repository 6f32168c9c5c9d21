"""Topics and rights on a real broker that keeps rights: made once, exactly as deploy/topics.yaml says, and they bind."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AdminClient,
)

from services.chassis import topics
from services.chassis.settings import Settings
from services.demo.kafka import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]
FILE = Path(__file__).parents[2] / "deploy" / "topics.yaml"
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": "User:ANONYMOUS",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Keeps rights; who comes without a name is its administrator, since it listens on this machine only."""
    with KafkaBroker(tmp_path_factory.mktemp("with-rights"), settings=AUTHORIZER) as started:
        yield started


async def test_every_right_of_the_file_stands_on_the_broker_and_no_other(broker: KafkaBroker) -> None:
    settings = Settings(bus="kafka", kafka_bootstrap=broker.bootstrap)

    said = [line for line in await asyncio.to_thread(topics.make, settings, FILE) if line.startswith("allowed ")]

    found: set[tuple[str, str, str]] = {
        (str(acl.principal), str(acl.name), acl.operation.name) for acl in await _rights(broker, len(said))
    }
    wanted: list[Any] = topics.rights(topics.content_of(FILE))
    assert found == {(acl.principal, acl.name, acl.operation.name) for acl in wanted}
    assert ("User:tovholder-registry", "tovholder.registry", "WRITE") in found
    assert ("User:tovholder-midwife", "tovholder.registry", "WRITE") not in found
    assert len(said) == len(found)


async def test_a_second_call_makes_nothing(broker: KafkaBroker) -> None:
    settings = Settings(bus="kafka", kafka_bootstrap=broker.bootstrap)
    await asyncio.to_thread(topics.make, settings, FILE)
    await _rights(broker, len(topics.rights(topics.content_of(FILE))))

    assert await asyncio.to_thread(topics.make, settings, FILE) == []


async def _rights(broker: KafkaBroker, at_least: int) -> list[Any]:
    """What stands on the broker, once it shows so many: a new right is seen a moment after it was made."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    async with asyncio.timeout(10):
        while len(found := list(await asyncio.to_thread(lambda: admin.describe_acls(topics.ANY_RIGHT).result(10)))) < at_least:
            continue
    return found
