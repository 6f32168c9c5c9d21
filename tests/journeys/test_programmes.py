"""The five programmes at work in their towns, each from its files alone: what `make demo` shows, and what changes it."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.demo import families, town
from tests.directory.command import surroundings
from tests.journeys.test_story import WorldScene
from tests.support.issuer import Issuer
from tests.support.world import Installation, World

pytestmark = pytest.mark.journey


class Together(WorldScene):
    """Several towns at once: one of them at a time moves everything on."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._turn = asyncio.Lock()

    async def breathe(self) -> None:
        async with self._turn:
            await super().breathe()


@pytest.fixture
async def towns(installation: Installation, issuer: Issuer) -> AsyncIterator[World]:
    """The demo with the five towns and their families."""
    name = f"world_{uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)
    async with installation.world(issuer, name) as world:
        await town.settle_in(world.store("directory"), issuer.url, everyone=True)
        await world.settle()
        assert await families.live(Together(world)) == 10
        await world.settle()
        yield world
    await asyncio.to_thread(installation.drop, name)


async def enrolments(world: World, nurse: str) -> list[dict[str, Any]]:
    """All enrolments of a nurse's families, in the order they were registered."""
    her, found = world.as_professional(nurse), []
    for case in (await her.get("/sundhedspleje/cases?holder=me")).body["cases"]:
        found += (await her.get(f"/sundhedspleje/cases/{case['child']}/enrolments")).body["enrolments"]
    return sorted(found, key=lambda each: str(each["id"]))


async def test_each_of_the_five_programmes_is_at_work_in_its_town(towns: World, tmp_path: Path) -> None:
    seen = {nurse: await enrolments(towns, nurse) for nurse in ("frida", "ditlev", "dorthea", "dina", "dagmar")}

    # Every family has what its town's file says, and each effort is shown with its step in the Handleguide.
    assert {nurse: [(each["programme"]["key"], each["state"]) for each in found] for nurse, found in seen.items()} == {
        "frida": [("klar-til-baby", "accepted"), ("klar-til-baby", "waiting"), ("ekstra-hjemmebesoeg", "running")],
        "ditlev": [("familietraening", "running")],
        "dorthea": [("besoeg-halvandet-og-tre-aar", "running"), ("cos-p-gruppe", "running")],
        "dina": [("to-besoeg-mere", "accepted"), ("foraeldrekursus", "accepted"), ("foraeldrekursus", "declined")],
        "dagmar": [("familiegruppe", "running")],
    }
    assert all(each["programme"]["handleguide"]["address"] for found in seen.values() for each in found)
    assert "judged:serious-loss" in seen["dina"][0]["because"]
    lacking = (await towns.as_professional("dina").get("/sundhedspleje/methods/ekstrauddannelse/trained")).body["lacking"]
    assert set(lacking) == {towns.names["ester"], towns.names["gunvor"]}

    # The family therapist of another department sees the course she holds and its family; nothing else of the child.
    gudrun, training = towns.as_professional("gudrun"), seen["ditlev"][0]
    course = (await gudrun.get(f"/sundhedspleje/courses/{training['course']}")).body
    assert [each["child"] for each in course["families"]] == [training["child"]]
    assert (await gudrun.get(f"/sundhedspleje/enrolments/{training['id']}")).status == 200
    assert (await gudrun.get(f"/sundhedspleje/cases/{training['child']}")).status in (403, 404)

    # A withdrawn consent ends what needs it; who waits gets the place, and nobody of another town is told or shown anything.
    placed, waiting, _ = seen["frida"]
    frida = towns.as_professional("frida")
    given = await towns.sql("persons", "select id from consent where child = $1", UUID(placed["child"]))
    withdrawn = await frida.post(f"/persons/consents/{given[0]['id']}/withdrawal")
    assert withdrawn.status == 201, withdrawn.body
    await towns.settle()
    after = {each["id"]: each for each in await enrolments(towns, "frida")}
    assert (after[placed["id"]]["state"], after[placed["id"]]["reason"]) == ("stopped", "consent-withdrawn")
    assert (after[waiting["id"]]["state"], after[waiting["id"]]["course"]) == ("accepted", placed["course"])
    assert (await frida.get(f"/sundhedspleje/enrolments/{training['id']}")).status == 404
    again = {"child": placed["child"], "programme": "klar-til-baby", "grounds": ["young-parents"]}
    offered = await frida.post("/sundhedspleje/enrolments", again)
    refused = await frida.post(f"/sundhedspleje/enrolments/{offered.body['id']}/acceptance", {})
    assert refused.problem == "the-consent-is-missing"

    # Why this family? The command says it, by the same rule, and the reading is in the access log.
    command = [sys.executable, "-m", "services", "programmes", "explain", training["child"]]
    explained = await asyncio.to_thread(
        subprocess.run, command, env=surroundings(towns), capture_output=True, text=True, check=False
    )
    assert explained.returncode == 0, explained.stdout + explained.stderr
    assert "familietraening" in explained.stdout
    assert "running, offered for" in " ".join(explained.stdout.split())
    assert "Familietræning (https://handleguide.tidligby.example/familietraening)" in explained.stdout
    assert "programmes.yaml: the folder of 0993" in explained.stdout
    # And before it is uploaded: which visits the child would have by a file; and what is uploaded, which here is nothing.
    file = tmp_path / "besoeg.yaml"
    file.write_text((await towns.as_professional("gudrun").get("/sundhedspleje/visit-plan-file")).body["content"])
    by_file, uploaded = [
        await asyncio.to_thread(subprocess.run, [*command[:4], *rest], env=surroundings(towns), capture_output=True, text=True)
        for rest in (["explain", training["child"], "--file", str(file)], ["check", str(file), "--municipality", "0993"])
    ]
    assert f"visits.yaml: {file}" in by_file.stdout, by_file.stdout + by_file.stderr
    assert "it is for every family" in by_file.stdout
    assert (uploaded.returncode, "0993/visits.yaml: nothing uploaded holds today" in uploaded.stdout) == (0, True), (
        uploaded.stdout
    )
    assert "it changes nothing" in uploaded.stdout
    assert await towns.dead_letters() == []
