"""PostgreSQL or Kafka absent, at the start or for a while, and a process that slept too long: nothing lost, no help needed."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import httpx2
import pytest

from services.chassis.calendar import date_of
from services.demo import checking, story
from services.demo import town as demo_town
from services.demo.actors import Answer
from services.midwife.fhir.codes import X_ECPR
from tests.faults.town import WHILE_IT_IS_ANSWERED, Process, Town, struck, until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.xdist_group("faults"), pytest.mark.usefixtures("whole")]


async def _pregnancy(town: Town) -> dict[str, Any]:
    """A message about a woman nobody knows yet."""
    drawn = uuid.uuid4().bytes
    letters = "".join("ABCDEFGHJKLMNPRSTUVWXYZ"[byte % 23] for byte in drawn[:2])
    number = f"{drawn[2] % 28 + 1:02}{drawn[3] % 12 + 1:02}901{letters}{drawn[4] % 10}"
    return {
        "kind": "pregnancy",
        "message_id": str(uuid.uuid4()),
        "receiver": {"sor": demo_town.sor_of(story.INTAKE)},
        "mother": {"identifiers": [{"system": X_ECPR, "value": number}]},
        "due_on": (date_of(await town.now()) + timedelta(days=100)).isoformat(),
    }


async def _sent(town: Town, message: dict[str, Any], key: str | None = None) -> Answer:
    return await town.system(story.WARD).post("/midwife/notifications", message, key)


async def _its_child(town: Town, notification: str) -> str:
    """The child of a notification, as soon as somebody is tovholder."""

    async def look() -> str | None:
        answer = await town.system(story.WARD).get(f"/midwife/notifications/{notification}")
        children = answer.body["children"] if answer.status == 200 else []
        return str(children[0]["child"]) if children and children[0]["tovholder"] else None

    return await until(look, "the child has a tovholder")


async def _all_invariants_hold(town: Town) -> None:
    findings = await checking.check(town.look, story.Played(), town.breathe)
    assert {finding.name: finding.broken for finding in findings if finding.broken} == {}


async def test_without_kafka_from_the_start_the_api_accepts_and_what_was_accepted_goes_on_by_itself_when_kafka_comes(
    town: Town,
) -> None:
    town.kill("broker")
    for process in town.processes.values():
        process.kill_and_start_again()
    await town.until_ready()

    accepted = await _sent(town, await _pregnancy(town))

    assert accepted.status == 201
    assert (await town.system(story.WARD).get(f"/midwife/notifications/{accepted.body['id']}")).body["children"] == []

    async def said() -> bool | None:
        return bool(await town.look("midwife", "select 1 from feed where subject = $1", uuid.UUID(accepted.body["id"]))) or None

    await until(said, "what was accepted has its place in the feed, with or without Kafka")

    await town.bring_back("broker")

    await _its_child(town, accepted.body["id"])
    await _all_invariants_hold(town)


async def test_without_postgresql_from_the_start_everyone_is_told_to_come_again_and_then_served(town: Town) -> None:
    message = await _pregnancy(town)
    town.kill("postgres")
    midwife = town.processes["midwife"]
    midwife.kill_and_start_again()

    async def answers() -> httpx2.Response | None:
        found = await town.probe(midwife.port)
        return found if found.content else None

    unready = await until(answers, "the process answers")
    refused = await _raw(town, "/midwife/notifications", message, str(uuid.uuid4()))

    assert unready.status_code == 503
    assert "midwife.store" in unready.json()["troubles"]
    _says_come_again(refused)

    await town.bring_back("postgres")

    await town.until_ready()
    assert (await _sent(town, await _pregnancy(town))).status == 201


async def test_postgresql_away_for_a_while_refuses_what_it_cannot_keep_and_the_same_request_is_then_done_once(town: Town) -> None:
    message, key = await _pregnancy(town), str(uuid.uuid4())
    accepted = await _sent(town, await _pregnancy(town))
    child = await _its_child(town, accepted.body["id"])

    town.kill("postgres")
    refused = await _raw(town, "/midwife/notifications", message, key)
    unread = await _raw(town, f"/registry/children/{child}")

    _says_come_again(refused)
    _says_come_again(unread)

    await town.bring_back("postgres")

    first = await until(_done(lambda: _sent(town, message, key)), "the same request is accepted")
    again = await _sent(town, message, key)
    assert again.body == first.body
    await _its_child(town, first.body["id"])
    assert len(await town.look("midwife", "select 1 from ledger where subject = $1", uuid.UUID(first.body["id"]))) == 2
    assert (await town.professional(story.INTAKE_LEAD).get(f"/registry/children/{child}")).status == 200


async def test_a_process_that_wakes_after_its_leases_went_to_another_changes_nothing(town: Town) -> None:
    accepted = await _sent(town, await _pregnancy(town))
    child = await _its_child(town, accepted.body["id"])
    sleeper, other = town.processes["registry"], town.another("registry")
    offer = {"to": {"professional": town.names[story.NURSE_B], "unit": town.names[story.TEAM]}, "reason": "case-allocation"}
    path, key = f"/registry/children/{child}/handovers", str(uuid.uuid4())
    inge = town.professional(story.INTAKE_LEAD)

    async def falls_asleep(_: str, __: str, place: int) -> bool:
        if place == WHILE_IT_IS_ANSWERED:
            sleeper.pause()
        return place == WHILE_IT_IS_ANSWERED

    with struck(town.road, falls_asleep):
        outstanding = asyncio.create_task(inge.post(path, offer, key))
        await until(_so(sleeper.is_paused), "the process sleeps in the midst of a request")
    slept_on = {lease.place: lease.epoch for lease in await _leases(town)}
    lost = {lease.holder for lease in await _leases(town)}
    try:
        other.start()
        town.road.addresses["registry"] = other.port
        await until(_all_leases(town, lambda lease: lease.holder not in lost), "another process holds every lease")
        offered = await until(_done(lambda: inge.post(path, offer, key)), "the other process answers the same request")
        nurse, acceptance = town.professional(story.NURSE_B), f"/registry/handovers/{offered.body['id']}/acceptance"
        own_key = str(uuid.uuid4())
        await until(_done(lambda: nurse.post(acceptance, {}, own_key)), "what was offered is accepted")
        before = await _said_of(town, child)

        sleeper.wake()
        woken_at = await _real_time(town)
        late = await outstanding
        await until(
            _all_leases(town, lambda lease: lease.holder is not None and lease.until > woken_at + _LEASE),
            "the leases were renewed since",
        )

        assert late.status in (201, 409, 503)
        assert late.status != 201 or late.body == offered.body
        await until(_ready(town, sleeper), "the process that slept is ready again")
        assert await _said_of(town, child) == before
        # It has its share again, each partition under a later epoch than the one it slept on.
        assert all(lease.epoch > slept_on[lease.place] for lease in await _leases(town))
    finally:
        sleeper.wake()
        town.road.addresses["registry"] = sleeper.port
        other.kill()
    await _all_invariants_hold(town)


_LEASE = timedelta(seconds=2)


class _Lease(NamedTuple):
    """Who may move one partition, apply one partition, or keep the clock."""

    place: str
    epoch: int
    holder: uuid.UUID | None
    until: datetime


async def _leases(town: Town) -> list[_Lease]:
    """The registry's, those that anybody ever held."""
    rows = await town.look(
        "registry",
        "select 'relay ' || partition as place, epoch, holder, until from relay"
        " union all select 'position ' || source || partition, epoch, holder, until from position"
        " union all select 'lease ' || name, epoch, holder, until from lease order by 1",
    )
    return [_Lease(row["place"], row["epoch"], row["holder"], row["until"]) for row in rows]


def _all_leases(town: Town, so: Callable[[_Lease], bool]) -> Callable[[], Awaitable[bool | None]]:
    async def look() -> bool | None:
        return all(so(lease) for lease in await _leases(town)) or None

    return look


def _so(look: Callable[[], bool]) -> Callable[[], Awaitable[bool | None]]:
    async def found() -> bool | None:
        return look() or None

    return found


def _ready(town: Town, process: Process) -> Callable[[], Awaitable[bool | None]]:
    async def found() -> bool | None:
        return (await town.probe(process.port)).status_code == 200 or None

    return found


def _done(ask: Callable[[], Awaitable[Answer]]) -> Callable[[], Awaitable[Answer | None]]:
    """An answer that is not *not just now*; anything else but success is a failure."""

    async def look() -> Answer | None:
        answer = await ask()
        assert answer.status in (200, 201, 503), answer
        return None if answer.status == 503 else answer

    return look


async def _said_of(town: Town, child: str) -> list[str]:
    rows = await town.look("registry", "select type from ledger where subject = $1 order by version", uuid.UUID(child))
    return [row["type"] for row in rows]


async def _real_time(town: Town) -> datetime:
    (row,) = await town.look("registry", "select clock_timestamp() as at")
    found: datetime = row["at"]
    return found


async def _raw(town: Town, path: str, body: Any = None, key: str = "") -> httpx2.Response:
    """The answer itself, with its headers: of a change where there is a body."""
    subject, client = (story.WARD, story.WARD) if body else (demo_town.login_of(story.INTAKE_LEAD), "portal")
    headers = {"authorization": f"Bearer {town.issuer.token(subject, client)}", **({"idempotency-key": key} if key else {})}
    return await town.http.request("POST" if body else "GET", path, headers=headers, json=body)


def _says_come_again(answer: httpx2.Response) -> None:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert (problem["fault"], problem["retry"]) == ("dependency", True)
    assert problem["type"].endswith("/try-again-soon")
