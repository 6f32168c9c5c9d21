"""Synthetic families for the tests of persons: numbers nobody has, and messages about them."""

import asyncio
import uuid
from typing import Any

from tests.support.world import Answer, World

CPR, X_ECPR = "urn:oid:1.2.208.176.1.2", "urn:oid:1.2.208.176.1.6.1.1"
MOTHER, MOTHERS_CPR, FATHER = (X_ECPR, "0703921VJ4"), (CPR, "0703929996"), (CPR, "1105889995")
TWIN_A, TWIN_B, WRONG = (CPR, "2211269981"), (CPR, "2211269982"), (CPR, "2211269983")
BORN = "2026-11-22T04:30:00+01:00"
CANARY = "Kanarie Fugleby"


def identifier(pair: tuple[str, str]) -> dict[str, str]:
    return {"system": pair[0], "value": pair[1]}


def child(order: int, *pairs: tuple[str, str], born_at: str = BORN) -> dict[str, Any]:
    return {"order": order, "identifiers": [identifier(it) for it in pairs], "sex": "female", "born_at": born_at}


async def notify(world: World, kind: str = "pregnancy", corrects: str | None = None, **more: Any) -> str:
    """A midwife's notification, settled; its id."""
    body: dict[str, Any] = {
        "kind": kind,
        "message_id": str(uuid.uuid4()),
        "receiver": {"sor": "953741000016009"},
        "mother": {"identifiers": [identifier(MOTHER)], "name": CANARY},
        **({"due_on": "2026-12-10"} if kind == "pregnancy" else {}),
        **more,
    }
    answer = await world.as_client("maternity-havby").post(
        "/midwife/notifications", {**body, **({"corrects": corrects} if corrects else {})}
    )
    assert answer.status in (200, 201, 202), answer.body
    await world.settle()
    found: str = answer.body["id"]
    return found


async def children_of(world: World) -> list[str]:
    rows = await world.sql("persons", "select id from person where kind = 'child' order by birth_order, id")
    return [str(row["id"]) for row in rows]


async def mother_of(world: World, child_ref: str) -> str:
    rows = await world.sql("persons", "select mother from person where id = $1", uuid.UUID(child_ref))
    return str(rows[0]["mother"])


async def register_by_hand(world: World, who: str = "inge", **body: Any) -> Answer:
    answer = await world.as_professional(who).post("/persons/children", {"reason": "moved-in", **body})
    await world.settle()
    return answer


async def at_once(*work: Any) -> list[Any]:
    return list(await asyncio.gather(*work, return_exceptions=True))
