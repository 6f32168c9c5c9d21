"""The parents of the demo who can log in as a family, and what has happened in their lives until they do."""

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from services.chassis.calendar import date_of
from services.demo import town
from services.demo.doing import Doing
from services.demo.story import WARD, Scene
from services.midwife.fhir.codes import CPR

FILE = "parents.yaml"


@dataclass(frozen=True)
class Parent:
    """Someone who logs in as a family. `sub`: what the provider's tokens call them; `sees`: what there is on their page."""

    username: str
    sub: str
    name: str
    sees: str
    cpr: str = field(repr=False)

    @property
    def password(self) -> str:
        return f"{self.username}-demo"


@cache
def _written() -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = yaml.safe_load(files("services.demo").joinpath(FILE).read_text())
    return found


def parents() -> list[Parent]:
    """Everyone who may log in as a family. Passwords and numbers are no secret: nobody is real."""
    return [
        Parent(each["username"], str(each["login"]), each["name"], each["sees"], each["cpr"])
        for family in _written()
        for each in (family["mother"], family.get("father"))
        if each
    ]


async def live(scene: Scene) -> int:
    """Their lives until now; returns how many families there are. Repeatable. StoryBroke where something cannot be."""
    await asyncio.gather(*(_Family(scene, said).live() for said in _written()))
    return len(_written())


class _Family(Doing):
    def __init__(self, scene: Scene, said: Mapping[str, Any]) -> None:
        super().__init__(scene, said["mother"]["username"])
        self._said, self._ids = said, scene.names
        self._intake = scene.professional(said["intake"])

    async def live(self) -> None:
        self._today = date_of(await self.scene.now())
        child = await self._notified()
        nurse = self._said.get("nurse")
        baton = await self._intake.get(f"/registry/children/{child}")
        # Somebody else holds it: all this was done when the demo was started before.
        if nurse is None or baton.status != 200 or baton.body["tovholder"]["professional"] != self._ids[self._said["intake"]]:
            return
        await self._passes(child, self._said["intake"], nurse["username"], nurse["unit"], reason="assigned")
        await self._custody(child, nurse["username"])
        await self._start(child, nurse["username"])

    async def _notified(self) -> str:
        """By the ward, under a message id of its own for each family: said again, it is the same message."""
        said, mother = self._said["child"], self._said["mother"]
        if "due_in_weeks" in said:
            about: dict[str, Any] = {
                "kind": "pregnancy", "due_on": (self._today + timedelta(weeks=said["due_in_weeks"])).isoformat(),
            }  # fmt: skip
        else:
            born_at = await self.scene.now() - timedelta(weeks=said["born_weeks_ago"])
            about = {"kind": "birth", "children": [{"order": 1, "born_at": born_at.isoformat()}]}
        body = {
            **about,
            "message_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:tovholder:demo:{mother['username']}")),
            "receiver": {"sor": town.sor_of("intake")},
            "mother": {"identifiers": _number(mother), **{name: mother[name] for name in ("name", "address", "email")}},
        }
        ward = self.scene.system(WARD)
        notification = (await self.done(ward, "/midwife/notifications", body))["id"]
        return str((await self.until(ward, f"/midwife/notifications/{notification}", "children"))[0]["child"])

    async def _passes(self, child: str, giver: str, receiver: str, unit: str, **more: Any) -> None:
        to = {"professional": self._ids[receiver], "unit": self._ids[unit]}
        handover = await self.done(self.scene.professional(giver), f"/registry/children/{child}/handovers", {"to": to, **more})
        await self.done(self.scene.professional(receiver), f"/registry/handovers/{handover['id']}/acceptance", {})

    async def _custody(self, child: str, nurse: str) -> None:
        by, father = self.scene.professional(nurse), self._said["father"]
        mother = await self.until(by, f"/persons/{child}", "mother")
        holders = [{"person": mother}, {"identifiers": _number(father), "name": father["name"]}]
        body = {"holders": holders, "from_on": self._today.isoformat()}
        held = (await self.done(by, f"/persons/children/{child}/custody", body))["holders"]
        [other] = [one for one in held if one != mother]
        await self.done(by, f"/persons/{other}/contact", {"address": father["address"]})
        await self.done(by, f"/persons/{other}/protection", {"protected": father["protected"]})
        for holder in (mother, other):
            consent = {"given_by": holder, **self._said["consent"], "from_on": self._today.isoformat()}
            await self.done(by, f"/persons/{child}/consents", consent)

    async def _start(self, child: str, nurse: str) -> None:
        """A place in daycare, and an agreement that the baton goes along with the child."""
        said = self._said["start"]
        on = (self._today + timedelta(weeks=said["in_weeks"])).isoformat()
        start = {"child": child, "unit": self._ids[said["unit"]], "starts_on": on}
        await self.done(self.scene.professional(nurse), "/daycare/starts", start)
        await self._passes(child, nurse, said["pedagogue"], said["unit"], reason="daycare-start", effective_on=on)


def _number(person: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"system": CPR, "value": person["cpr"]}]
