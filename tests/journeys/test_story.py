"""The story that `tovholder demo --once` plays, step by step in one process: told as expected, and all is true afterwards."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from services.chassis.migrate import owner_dsn
from services.demo import checking, story
from services.demo.post_office import PostOffice
from tests.support.issuer import Issuer
from tests.support.world import Installation, Someone, World

pytestmark = pytest.mark.journey


class WorldScene:
    """A test's world as the story needs it: nothing runs by itself, so a breath is one turn of everything."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.names: Mapping[str, str] = world.names

    def professional(self, username: str) -> Someone:
        return self._world.as_professional(username)

    def system(self, client_id: str) -> Someone:
        return self._world.as_client(client_id)

    async def now(self) -> datetime:
        return await self._world.now()

    async def advance(self, by: timedelta) -> None:
        await self._world.advance(by)

    async def breathe(self) -> None:
        await self._world.settle()
        await self._world.tick()


@pytest.fixture
def post_office(tmp_path: Path) -> Iterator[PostOffice]:
    office = PostOffice(tmp_path / "mail")
    office.start()
    yield office
    office.stop()


@pytest.fixture
async def with_mail(installation: Installation, issuer: Issuer, post_office: PostOffice) -> AsyncIterator[World]:
    """A fresh copy of the demo town, with a mail server."""
    name = f"world_{uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name, smtp_host="127.0.0.1", smtp_port=post_office.port, smtp_tls="none") as world:
        yield world
    await asyncio.to_thread(installation.drop, name)


async def test_the_story_goes_as_told_and_every_invariant_holds_afterwards(with_mail: World, post_office: PostOffice) -> None:
    told: list[story.Step] = []

    played = await story.play(WorldScene(with_mail), told.append)
    findings = await checking.check(with_mail.sql, played, with_mail.tick)

    assert [finding.broken for finding in findings] == [[]] * len(findings)
    assert len(played.children) == 2
    assert played.reads > len(told)
    assert "Cecilie Legind" in told[-1].holders
    assert "Dorte Holmegaard" in told[-1].holders
    letters = [letter.read_text() for letter in post_office.folder.glob("*.eml")]
    assert letters
    assert not [word for letter in letters for word in played.personal[:2] + played.personal[3:] if word in letter]


async def test_the_story_can_be_told_again_on_what_was_kept(with_mail: World) -> None:
    scene = WorldScene(with_mail)

    first = await story.play(scene, lambda _: None)
    second = await story.play(scene, lambda _: None)
    findings = await checking.check(with_mail.sql, second, with_mail.tick)

    assert not set(first.children) & set(second.children)
    assert [finding.broken for finding in findings] == [[]] * len(findings)


# What is done behind the store's back → the invariant that it breaks.
HARM = {
    "update notifications.notice set event = id::text where kind = 'handover_declined'": "I9  everyone concerned was told",
    "update notifications.delivery set state = 'failed', reason = 'x', shown_to = null where kind = 'handover_declined'": (
        "I9  every delivery is accounted for"
    ),
    "update registry.assignment set started_at = started_at - interval '1 hour', prev_finished_at = prev_finished_at - interval"
    " '1 hour' where seq = 2": "I2  the chain has no gap and no overlap",
    "update registry.assignment set why = 'mistake' where why = 'stand-in'": "I5  the baton moved only as it may",
    "update registry.child set version = version + 1": "I4  versions run 1, 2, 3 … without a hole",
    "delete from daycare.feed": "What was kept is what was sent: ledger = feed",
    "update registry.ledger set envelope = envelope || jsonb_build_object('note', '{personal}') where version = 1": (
        "I7  no number and no name of the family in an event"
    ),
    "delete from daycare.seen where source = 'registry'": "What was passed was applied",
    "update sundhedspleje.child_case set holder = gen_random_uuid()": "Each service's copy names the registry's tovholder",
    "update persons.position set position = position + 1 where source = 'registry'": "Nobody has heard what was never said",
    "delete from registry.assignment where finished_at = 'infinity'": "I1  one tovholder per child, on an open seat",
}


async def test_the_checks_see_what_is_done_behind_the_stores_back(with_mail: World, installation: Installation) -> None:
    """What the store refuses is forced on it, step by step: a check that cannot fail proves nothing."""
    scene = WorldScene(with_mail)
    played = await story.play(scene, lambda _: None)
    assert not any(finding.broken for finding in await checking.check(with_mail.sql, played, scene.breathe))
    expected: set[str] = set()

    for harm, invariant in HARM.items():
        await _force(installation, with_mail, harm.replace("{personal}", played.personal[0]))
        findings = await checking.check(with_mail.sql, played, with_mail.settle)

        expected.add(invariant)
        assert expected <= {finding.name for finding in findings if finding.broken}
        assert len(expected) == len({finding.name for finding in findings if finding.broken})


async def _force(installation: Installation, world: World, harm: str) -> None:
    """As nobody can in an installation: a superuser, with keys and row-level security put aside."""
    database = owner_dsn(world.settings).rsplit("/", 1)[1]
    connection: Any = await asyncpg.connect(installation.superuser_dsn.rsplit("/", 1)[0] + f"/{database}")
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(harm)
    finally:
        await connection.close()
