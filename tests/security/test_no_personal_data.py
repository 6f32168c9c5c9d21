"""After a whole story with names, numbers and texts that occur nowhere else: none of them in anything that leaves the seals."""

import asyncio
import json
import logging
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from services import catalogue
from services.demo import story
from services.demo.post_office import PostOffice
from tests.journeys.test_story import WorldScene
from tests.support.issuer import Issuer
from tests.support.world import Answer, Installation, Someone, World

# What people write in the story; each text is of its own, so that a hit can only come from there.
TEXTS = (
    "Der ventes tvillinger", "Er der brug for tolk", "familien taler dansk", "Triller fra mave til ryg", "Ammes morgen og aften",
    "svært i de første uger",
)  # fmt: skip
# Table → what of its rows is read.
TABLES = {
    "ledger": "envelope",
    "dead_letter": "body || reason",
    "answer": "body",
    "kept": "envelope",
    "parked": "envelope",
    "access": "row_to_json(t)",
}


class Listening(Someone):
    """Someone who keeps every no that they get."""

    def __init__(self, world: World, token: str, problems: list[str]) -> None:
        super().__init__(world, token)
        self._problems = problems

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        answer = await super().ask(method, path, headers, **options)
        if answer.status >= 400:
            self._problems.append(json.dumps(answer.body, default=str, ensure_ascii=False))
        return answer


class Overheard(WorldScene):
    """The story's scene, with every address asked and every no kept."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._heard_in, self.problems = world, list[str]()

    def professional(self, username: str) -> Someone:
        return Listening(self._heard_in, super().professional(username).token, self.problems)

    def system(self, client_id: str) -> Someone:
        return Listening(self._heard_in, super().system(client_id).token, self.problems)


@dataclass
class Left:
    """What a story left behind, by where it was found; `family`: what must not be in it."""

    world: World
    family: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)


@contextmanager
def _standard_error(into: Path) -> Iterator[None]:
    """Everything this process and its libraries write to the descriptor of standard error."""
    kept = os.dup(2)
    with into.open("wb") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@pytest.fixture(scope="module")
async def left(installation: Installation, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Left]:
    folder, name = tmp_path_factory.mktemp("left"), f"world_{uuid.uuid4().hex[:12]}"
    office = PostOffice(folder / "mail")
    office.start()
    await asyncio.to_thread(installation.clone, name)
    mail = {"smtp_host": "127.0.0.1", "smtp_port": office.port, "smtp_tls": "none", "log_level": "debug"}
    level = logging.getLogger().level
    with _standard_error(folder / "log"):
        async with installation.world(issuer, name, **mail) as world:
            logging.getLogger().setLevel(logging.DEBUG)
            try:
                yield await _told(world, office, folder)
            finally:
                logging.getLogger().setLevel(level)
    office.stop()
    await asyncio.to_thread(installation.drop, name)


async def _told(world: World, office: PostOffice, folder: Path) -> Left:
    left, scene = Left(world), Overheard(world)
    played = await story.play(scene, lambda _: None)
    left.family = [*played.personal, *TEXTS]
    await _what_goes_wrong(scene, left)
    await world.settle()
    for service, (table, column) in product(catalogue.names(), TABLES.items()):
        rows = await world.sql(service, f"select ({column})::text as said from {table} t")  # noqa: S608 - names are ours
        left.found[f"{table} of {service}"] = "\n".join(row["said"] for row in rows)
    left.found["metrics"] = (await world.http.get("/metrics")).text
    left.found["readiness"] = (await world.http.get("/readyz")).text
    left.found["e-mail"] = "\n".join(letter.read_text(errors="replace") for letter in office.folder.glob("*.eml"))
    left.found["problems"] = "\n".join(scene.problems)
    left.found["log"] = (folder / "log").read_text(errors="replace")
    return left


async def _what_goes_wrong(scene: Overheard, left: Left) -> None:
    """The same names and numbers in requests that are refused, each in its own way."""
    ward, inge = scene.system(story.WARD), scene.professional(story.INTAKE_LEAD)
    number, name = left.family[0], left.family[1]
    mother = {"identifiers": [{"system": "urn:oid:1.2.208.176.1.6.1.1", "value": number}], "name": name}
    for body in (
        {"kind": name, "mother": mother}, {"kind": "pregnancy", "mother": name, name: number}, [name, number], name,
        {"kind": "pregnancy", "message_id": name, "receiver": {"sor": number}, "mother": {**mother, "name": 7}},
        {
            "kind": "pregnancy", "message_id": str(uuid.uuid4()), "receiver": {"sor": "000000000000000"}, "mother": mother,
            "due_on": "2031-01-01",
        },
    ):  # fmt: skip
        await ward.post("/midwife/notifications", body)
    for path in (
        "/persons/lookup",
        "/persons/children",
        f"/persons/{uuid.uuid4()}/contact",
        f"/registry/children/{uuid.uuid4()}/handovers",
    ):
        await inge.post(
            path, {"identifiers": mother["identifiers"], "purpose": name, "email": name, "message": TEXTS[0], name: number}
        )
    await inge.get(f"/persons/{number}")
    await inge.ask(
        "POST", "/fhir/$process-message", {"content-type": "application/fhir+json"}, content=json.dumps({"name": name}).encode()
    )
    assert len(scene.problems) >= 10


PLACES = (
    *(f"{table} of {service}" for table, service in product(TABLES, catalogue.names())),
    *("metrics", "readiness", "e-mail", "problems", "log"),
)


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_of_the_family_is_to_be_found(left: Left, place: str) -> None:
    # A letter is addressed to someone; beyond its envelope it says nothing of them.
    wanted = [word for word in left.family if not (place == "e-mail" and "@" in word)]

    assert [word for word in wanted if word in left.found[place]] == []


async def test_there_was_something_to_be_found(left: Left) -> None:
    """A search that cannot find anything proves nothing."""
    for place in ("ledger of registry", "answer of registry", "access of persons", "metrics", "e-mail", "problems", "log"):
        assert left.found[place], place
    async with left.world.store("midwife").connection() as connection:
        sealed = await connection.fetchval("select count(*) from sealing_key")
    assert sealed > 0
    assert "request.answered" in left.found["log"]
    assert "tovholder_changed" in left.found["ledger of registry"]


async def test_what_is_written_about_a_person_lies_sealed_in_every_table(left: Left) -> None:
    """Not only what leaves a service: no column of any table holds a name, a number or a text as it was said."""
    hits = []
    for service in catalogue.names():
        tables = await left.world.sql(
            service, "select relname::text as name from pg_class where relnamespace = $1::regnamespace and relkind = 'r'", service
        )
        for table in tables:
            hits += await _said_in(left, service, table["name"])

    assert hits == []


async def _said_in(left: Left, service: str, table: str) -> list[str]:
    async with left.world.store(service).connection() as connection:
        can_read = await connection.fetchval("select has_table_privilege($1, 'select')", f"{service}.{table}")
        if not can_read:
            return []
        said = await connection.fetch(
            f"select distinct word from {service}.{table} t, unnest($1::text[]) word"  # noqa: S608 - from the catalogue
            " where position(word in row_to_json(t)::text) > 0",
            left.family,
        )
    return [f"{service}.{table}: {row['word']}" for row in said]
