"""Lets the families of the five programmes live a little, through the public API: what there is to see in a demo."""

import asyncio
import random
import uuid
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from services.chassis.calendar import date_of
from services.demo import town
from services.demo.doing import Doing
from services.demo.story import WARD, Scene
from services.midwife.fhir.codes import X_ECPR
from services.sundhedspleje.repository import plans

FILE = "families.yaml"
STAFF = ("intake", "nurse", "leader")


@cache
def written() -> Sequence[Mapping[str, Any]]:
    """What the file says of each town, with the title of its programme."""
    found: Sequence[dict[str, Any]] = yaml.safe_load(files("services.demo").joinpath(FILE).read_text())
    return [each | {"title": plans.programmes(town.person(each["nurse"]).municipality).title} for each in found]


async def live(scene: Scene) -> int:
    """Plays what the file says, all towns at once; returns how many families there are. StoryBroke where something cannot be."""
    return sum(await asyncio.gather(*(_Town(scene, each).live() for each in written())))


class _Town(Doing):
    def __init__(self, scene: Scene, said: Mapping[str, Any]) -> None:
        super().__init__(scene, said["town"])
        self._said, self._ids, self._slug = said, scene.names, said["town"]
        self._nurse, self._intake = scene.professional(said["nurse"]), scene.professional(said["intake"])
        self._courses: dict[str, str] = {}
        self._enrolled: dict[str, list[str]] = {}
        self._children: list[str] = []

    async def live(self) -> int:
        self._today = date_of(await self.scene.now())
        for training in self._said.get("trainings", ()):
            await self._train(training)
        for course in self._said.get("courses", ()):
            await self._plan(course)
        for family in self._said["families"]:
            await self._enrol(family)
        for course in self._said.get("courses", ()):
            await self._hold(course)
        for gathering in self._said.get("gatherings", ()):
            await self._gather(gathering)
        return len(self._children)

    # -- What staff do together -------------------------------------------------------------------------------------------------

    async def _train(self, said: Mapping[str, Any]) -> None:
        body = {"method": said["method"], "held_on": self._today.isoformat(), "professionals": self._people(said)}
        await self.done(self.scene.professional(self._said["leader"]), "/sundhedspleje/trainings", body)

    async def _plan(self, said: Mapping[str, Any]) -> None:
        body = {
            "programme": said["programme"],
            "unit": self._unit("sundhedspleje"),
            "begins_on": self._today.isoformat(),
            "ends_on": (self._today + timedelta(weeks=said["weeks"])).isoformat(),
            "place": said.get("place"),
            "capacity": said.get("capacity"),
            "team": [self._ids[each] for each in said["team"]],
        }
        self._courses[said["key"]] = (await self.done(self._nurse, "/sundhedspleje/courses", body))["id"]

    async def _hold(self, said: Mapping[str, Any]) -> None:
        if not said.get("start"):
            return
        course = f"/sundhedspleje/courses/{self._courses[said['key']]}"
        await self.done(self._nurse, f"{course}/start")
        there = dict.fromkeys(self._enrolled[said["key"]], "attended")
        for _ in range(said.get("sessions", 0)):
            session = await self.done(self._nurse, f"{course}/sessions", {"on_date": self._today.isoformat()})
            await self.done(self._nurse, f"/sundhedspleje/sessions/{session['id']}/held", {"attendance": there})

    async def _gather(self, said: Mapping[str, Any]) -> None:
        body = {
            "programme": said["programme"],
            "unit": self._unit("sundhedspleje"),
            "held_in": self._unit(said["held_in"]) if "held_in" in said else None,
            "on_date": self._today.isoformat(),
        }
        held = {"professionals": self._people(said), "children": self._children if said.get("children") else []}
        gathering = (await self.done(self._nurse, "/sundhedspleje/gatherings", body))["id"]
        await self.done(self._nurse, f"/sundhedspleje/gatherings/{gathering}/held", held)

    # -- A family ---------------------------------------------------------------------------------------------------------------

    async def _enrol(self, said: Mapping[str, Any]) -> None:
        """Known to the municipality, taken on by the nurse, offered the programme, and what it answers."""
        child = await (self._expected(said) if "weeks" in said else self._born(said))
        self._children.append(child)
        to = {"professional": self._ids[self._said["nurse"]], "unit": self._unit("sundhedspleje")}
        asked = {"to": to, "reason": "case-allocation"}
        handover = await self.done(self._intake, f"/registry/children/{child}/handovers", asked)
        await self.done(self._nurse, f"/registry/handovers/{handover['id']}/acceptance", {})

        offered = {"child": child, "programme": said["programme"], "grounds": said.get("grounds", [])}
        enrolment = (await self.done(self._nurse, "/sundhedspleje/enrolments", offered))["id"]
        path = f"/sundhedspleje/enrolments/{enrolment}"
        if said.get("answer") == "decline":
            await self.done(self._nurse, f"{path}/refusal", {"reason": "no-time"})
            return
        if "consent" in said:
            await self._consent(child, *said["consent"])
        answer = {"course": self._courses[said["course"]]} if "course" in said else {}
        await self.done(self._nurse, f"{path}/acceptance", answer)
        if said.get("start"):
            await self.done(self._nurse, f"{path}/start")
        self._enrolled.setdefault(said.get("course", ""), []).append(enrolment)

    async def _expected(self, said: Mapping[str, Any]) -> str:
        """The ward that all the towns share notifies the pregnancy; the ward sees the child when it has a tovholder."""
        body = {
            "kind": "pregnancy",
            "message_id": str(uuid.uuid4()),
            "receiver": {"sor": town.sor_of(f"{self._slug}-intake")},
            "mother": self._mother(said),
            "due_on": (self._today + timedelta(weeks=said["weeks"])).isoformat(),
        }
        ward = self.scene.system(WARD)
        notification = (await self.done(ward, "/midwife/notifications", body))["id"]
        shown = await self.until(ward, f"/midwife/notifications/{notification}", "children")
        return str(shown[0]["child"])

    async def _born(self, said: Mapping[str, Any]) -> str:
        """Moved in: registered by hand where children are taken in."""
        born_on: date = self._today - timedelta(days=round(said["months"] * 30.5))
        body = {
            "mother": self._mother(said),
            "born_at": datetime(born_on.year, born_on.month, born_on.day, 9, tzinfo=(await self.scene.now()).tzinfo).isoformat(),
            "reason": "moved-in",
        }
        child = str((await self.done(self._intake, "/persons/children", body))["child"])
        await self.until(self._intake, f"/registry/children/{child}", "tovholder")
        return child

    async def _consent(self, child: str, recipient: str, purpose: str, *categories: str) -> None:
        mother = (await self.until(self._nurse, f"/persons/{child}", "mother")) or ""
        consent = {
            "given_by": mother,
            "recipient_kind": recipient,
            "purpose": purpose,
            "categories": list(categories),
            "from_on": self._today.isoformat(),
        }
        await self.done(self._nurse, f"/persons/{child}/consents", consent)

    def _mother(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """A replacement number: nobody has it."""
        pick = random.SystemRandom().choice
        letters, digits = "ABCDEFGHJKLMNPRSTUVWXYZ", "0123456789"
        day = f"{pick(range(1, 29)):02}{pick(range(1, 13)):02}{pick(range(90, 100))}"
        number = f"{day}1{pick(letters)}{pick(letters)}{pick(digits)}"
        return {
            "identifiers": [{"system": X_ECPR, "value": number}],
            "name": said["name"],
            "address": "Demovej 1, 9999 Ingensteds",
        }

    def _unit(self, key: str) -> str:
        return self._ids[f"{self._slug}-{key}"]

    def _people(self, said: Mapping[str, Any]) -> list[str]:
        return [self._ids[each] for each in said.get("professionals", ())]
