"""How the people of the demo get done what they do: changes that must be made, and what must come to be seen."""

import asyncio
import uuid
from typing import Any

from services.demo.story import PATIENCE, Actor, Scene, StoryBroke

# Not yet: a service has not heard of it, or is starting.
_NOT_YET = (403, 404, 503)


class Doing:
    """What is done in one place of the demo, over the public API. `place`: what a failure is told by."""

    def __init__(self, scene: Scene, place: str) -> None:
        self.scene, self._place = scene, place

    async def done(self, actor: Actor, path: str, body: Any = None) -> Any:
        """A change that must be made; what a service has not heard of yet is asked again under the same key."""
        key, deadline = str(uuid.uuid4()), asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await actor.post(path, body, key)
            if answer.status in (200, 201, 202):
                return answer.body
            if answer.status not in _NOT_YET or asyncio.get_running_loop().time() > deadline:
                raise StoryBroke(f"{self._place}: POST {path} was answered {answer.status} {_slug(answer.body)}")
            await self.scene.breathe()

    async def until(self, actor: Actor, path: str, field: str) -> Any:
        """Looks again and again until the field is there."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            answer = await actor.get(path)
            if answer.status == 200 and answer.body.get(field):
                return answer.body[field]
            if asyncio.get_running_loop().time() > deadline:
                raise StoryBroke(f"{self._place}: GET {path} shows no {field} after {PATIENCE:.0f} s: {answer.status}")
            await self.scene.breathe()


def _slug(body: Any) -> str:
    return str(body["type"]).rsplit("/", 1)[-1] if isinstance(body, dict) and "type" in body else ""
