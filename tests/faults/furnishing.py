"""The children of a fault run, each from a midwife's message to its first tovholder."""

import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from services.demo import story
from services.demo import town as demo_town
from services.midwife.fhir.codes import X_ECPR
from tests.faults.town import Town, until

CANARY = "kanariefugl"
"""Stands in every text that is written: in a log, an event or an error it must never be found."""


async def furnished(town: Town, children: int, today: date) -> tuple[list[str], list[str]]:
    """So many children as the registry knows them, and the numbers of their mothers, of nobody whom an earlier run told of."""
    ward = town.system(story.WARD)
    numbers = [_number() for _ in range(children)]
    sent = [
        await until(_accepted(lambda number=number: ward.post("/midwife/notifications", _message(number, today))),  # type: ignore[misc]
                    "a message is taken")
        for number in numbers
    ]  # fmt: skip

    async def child_of(notification: str) -> str:
        async def look() -> str | None:
            answer = await ward.get(f"/midwife/notifications/{notification}")
            found = answer.body["children"] if answer.status == 200 else []
            return str(found[0]["child"]) if found and found[0]["tovholder"] else None

        return await until(look, "the child has a tovholder")

    return [await child_of(one.body["id"]) for one in sent], numbers


def _number() -> str:
    drawn = random.SystemRandom()
    letters = f"{drawn.choice('ABCDEFGHJKLM')}{drawn.choice('ABCDEFGHJKLM')}{drawn.randrange(10)}"
    return f"{drawn.randint(1, 28):02}{drawn.randint(1, 12):02}901{letters}"


def _message(number: str, today: date) -> dict[str, Any]:
    return {
        "kind": "pregnancy",
        "message_id": str(uuid.uuid4()),
        "receiver": {"sor": demo_town.sor_of(story.INTAKE)},
        "mother": {"identifiers": [{"system": X_ECPR, "value": number}], "name": f"{CANARY} {uuid.uuid4()}"},
        "due_on": (today + timedelta(days=100)).isoformat(),
    }


def _accepted(ask: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any | None]]:
    async def look() -> Any | None:
        answer = await ask()
        return answer if answer.status == 201 else None

    return look
