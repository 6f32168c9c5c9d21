"""Two hundred endpoints, a tenth of them ill, and the process that sends is killed again and again: counted, nothing is lost."""

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import pytest

from services.demo.processes import free_port
from services.events.registry import ChildBorn
from tests.faults.town import Process, until
from tests.notifications.receiver import Manner, Receiver, receiving
from tests.notifications.telling import AT, HAVBY, Telling
from tests.notifications.test_killed import as_if_its_time_had_run_out
from tests.notifications.test_subscriptions import SUBSCRIPTIONS
from tests.support.world import Someone

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

_ENDPOINTS, _CHILDREN, _ILL_ONE_IN = 200, 40, 10
_PER_CHILD = _ENDPOINTS // _CHILDREN
_PER_COMMIT = 10
# The next events are said before the endpoints have all those before: a kill finds something at every step of the way.
_BEHIND = 150
_PATIENCE = 300.0
# Whoever is away is nobody's answer: the one ill manner that no endpoint can be told to have.
_ILL: tuple[str, ...] = ("away", *(one for one in get_args(Manner) if one != "takes"))


@dataclass
class Line:
    """One subscription: whose child it follows, and what its endpoint is like. `said`: the ids of all that it is to get."""

    path: str
    child: UUID
    manner: str
    at: Receiver
    id: UUID = field(default_factory=uuid4)
    said: frozenset[str] = frozenset()

    @property
    def is_well(self) -> bool:
        return self.manner == "takes"

    def births(self) -> list[str]:
        """The ids of the births that came, each as often as it came."""
        return [event["id"] for event in self.at.events(self.path) if event["type"].endswith(".child_born.v1")]

    def is_told_apart(self) -> bool:
        """Whether a receiver that knows ids alone takes nothing twice and takes no two for one."""
        came = [one for one in self.at.came if one.path == self.path]
        by_id = {one.headers["webhook-id"]: one.body for one in came}
        return all(by_id[one.headers["webhook-id"]] == one.body for one in came) and len(set(by_id.values())) == len(by_id)


@dataclass
class Counted:
    """What was said, what came, and what is wrong with it: the words of every assertion."""

    seed: int
    kills: list[int]
    lines: list[Line]
    wrong: list[str] = field(default_factory=list)

    def count_taken(self, line: Line, stands: dict[str, Any]) -> None:
        """Each at least once, in a dense order, told apart; and the product knows it."""
        came = Counter(line.births())
        numbers = line.at.sequences(line.path)
        self._unless(set(came) == line.said, line, f"{len(line.said - set(came))} lost, {len(set(came) - line.said)} of others")
        self._unless(set(numbers) == set(range(1, stands["sequence"] + 1)), line, "its numbers have gaps")
        self._unless(line.is_told_apart(), line, "a repeat cannot be told from another event")
        self._unless(stands["waiting"] == 0, line, f"{stands['waiting']} wait still")

    def count_again(self, line: Line) -> None:
        """Again at most what was in hand at a kill."""
        again = sum(number - 1 for number in Counter(line.at.sequences(line.path)).values())
        self._unless(again <= len(self.kills), line, f"{again} came again at {len(self.kills)} kills")

    def count_kept(self, line: Line, stands: dict[str, Any], log: list[dict[str, Any]]) -> None:
        """None was taken, all are kept and shown, and so is what is wrong."""
        kept = {one["event"] for one in log if one["kind"] == "child_born"}
        self._unless(kept == line.said, line, f"{len(line.said - kept)} of {len(line.said)} are not in its log")
        self._unless(stands["sent"] == 0 and stands["waiting"] == stands["sequence"], line, f"counts as sent: {stands['sent']}")
        self._unless(bool(_trouble(stands)), line, "nobody is shown that it is ill")
        self._unless(line.manner != "gone" or stands.get("paused_why") == "gone", line, "410, and not paused")

    def _unless(self, holds: bool, line: Line, what: str) -> None:
        if not holds:
            self.wrong.append(f"{line.path} ({line.manner}): {what}")

    def report(self) -> str:
        well = [line for line in self.lines if line.is_well]
        came = [line.births() for line in well]
        said, different = sum(len(line.said) for line in well), sum(len(set(one)) for one in came)
        lines = [
            f"seed {self.seed}; killed when {', '.join(map(str, self.kills))} requests had come",
            f"{len(well)} healthy: {said} to deliver, {different} came, {sum(map(len, came)) - different} of them again",
            *(
                f"{it.path} {it.manner}: {len(it.said)} to deliver, {len(it.births())} came"
                for it in self.lines
                if it not in well
            ),
        ]
        return "\n".join([*lines, f"{len(self.wrong)} wrong", *self.wrong])


@pytest.mark.parametrize(
    ("events", "kills"), [pytest.param(600, 4, id="short"), pytest.param(10_000, 25, id="whole", marks=pytest.mark.long)]
)
async def test_each_healthy_endpoint_gets_every_event_and_each_ill_one_s_are_kept_however_often_the_process_is_killed(
    telling_all: Telling, receiver: Receiver, receiver_away: Receiver, tmp_path: Path, events: int, kills: int
) -> None:
    telling = telling_all
    seed = int(os.environ.get("SEED") or random.SystemRandom().getrandbits(32))
    system = await telling.system("record")
    lines = await _subscribed(system, receiver, receiver_away)
    healthy = sum(line.is_well for line in lines) * events // _CHILDREN
    moments = sorted(random.Random(seed).sample(range(1, healthy), kills))
    counted = Counted(seed, moments, lines)
    print(f"seed {seed}: killed at {moments}")  # noqa: T201 - also should it hang
    port = free_port()
    process = Process("notifications", telling.world.settings, tmp_path / "log", port, {"notifications": port})
    process.start()
    try:
        work = (_said(telling, lines, receiver, events), _killed(telling, process, receiver, moments))
        late = list(filter(None, await asyncio.gather(*work, return_exceptions=True)))
        for line in lines:
            line.said = frozenset(await _said_of(telling, line.child))
        assert not late, f"{late}\n{counted.report()}"
        await _all_taken(telling, counted, only_well=True)
        stands = await _ill_ones_shown(system, lines)
        logs = {line.id: await _log(system, line) for line in lines if not line.is_well}

        # Whoever mends theirs gets all of it.
        process.kill()
        await as_if_its_time_had_run_out(telling)
        receiver.manner = {}
        async with receiving(receiver_away):
            for line in lines:
                if not line.is_well:
                    resumed = await system.post(f"{SUBSCRIPTIONS}/{line.id}/resume")
                    assert resumed.status == 200, resumed.body
            process.start()
            await _all_taken(telling, counted)
        mended = await _stands(system)
    finally:
        process.kill()

    for line in lines:
        if line.is_well:
            counted.count_again(line)
        else:
            counted.count_kept(line, stands[line.id], logs[line.id])
        counted.count_taken(line, mended[line.id])
    if "/elsewhere" in {one.path for one in receiver.came}:
        counted.wrong.append("a redirection was followed")
    print(counted.report())  # noqa: T201 - how it went, when asked with -s
    assert not counted.wrong, counted.report()
    assert {len(line.said) for line in lines} == {events // _CHILDREN}, counted.report()


async def _subscribed(system: Someone, receiver: Receiver, receiver_away: Receiver) -> list[Line]:
    """A subscription for each endpoint, five to a child; of each child's at most one is ill."""
    children, ills, lines = [uuid4() for _ in range(_CHILDREN)], cycle(_ILL), []
    for number in range(_ENDPOINTS):
        round_, child = divmod(number, _CHILDREN)
        manner = next(ills) if child % _ILL_ONE_IN == round_ else "takes"
        line = Line(f"/{number}", children[child], manner, receiver_away if manner == "away" else receiver)
        rules = [{"name": "one-child", "children": [str(line.child)]}]
        made = await system.post(SUBSCRIPTIONS, {"url": line.at.url(line.path), "rules": rules})
        assert made.status == 201, made.body
        line.id = UUID(made.body["id"])
        lines.append(line)
    receiver.manner = {line.path: line.manner for line in lines if line.manner not in ("takes", "away")}  # type: ignore[misc]
    return lines


async def _said(telling: Telling, lines: list[Line], receiver: Receiver, events: int) -> None:
    """Births, child after child, never far ahead of what has come."""
    children = list(dict.fromkeys(line.child for line in lines))
    of = Counter(line.child for line in lines if line.is_well)
    expected = 0
    for begin in range(0, events, _PER_COMMIT):
        for number in range(begin, min(begin + _PER_COMMIT, events)):
            child = children[number % _CHILDREN]
            expected += of[child]
            await telling.say(child, ChildBorn(child=child, municipality=HAVBY, notification_id=None, born_on=AT.date(), order=1))
        await telling.world.running.relays["registry"].once()
        await receiver.until(expected - _BEHIND, _PATIENCE)


async def _killed(telling: Telling, process: Process, receiver: Receiver, moments: list[int]) -> None:
    """Each time before an answer to the request that was awaited can have been kept."""
    for moment in moments:
        await receiver.until(moment, _PATIENCE)
        process.kill()
        await as_if_its_time_had_run_out(telling)
        process.start()


_TAKEN = """
select bool_and(s.sent = s.sequence) and count(*) = $2 and sum(o.births) = $3 as so from subscription s,
  lateral (select count(*) as births from outward where subscription = s.id and kind = 'child_born') o where s.id = any ($1)
"""


async def _all_taken(telling: Telling, counted: Counted, only_well: bool = False) -> None:
    """Until the product says so of each; what is still missing after so long is counted."""
    lines = [line for line in counted.lines if line.is_well or not only_well]
    numbers, births = [line.id for line in lines], sum(len(line.said) for line in lines)

    async def look() -> bool | None:
        [row] = await telling.world.sql("notifications", _TAKEN, numbers, len(numbers), births)
        return row["so"] or None

    try:
        await until(look, "each endpoint has everything", _PATIENCE)
    except AssertionError as late:
        raise AssertionError(f"{late}\n{counted.report()}") from late


async def _stands(system: Someone) -> dict[UUID, dict[str, Any]]:
    found = (await system.get(SUBSCRIPTIONS)).body["subscriptions"]
    return {UUID(one["id"]): one for one in found}


def _trouble(stands: dict[str, Any]) -> str | None:
    """What is shown of an endpoint that takes nothing."""
    found: str | None = stands.get("paused_why") or (stands.get("trouble") if stands["state"] == "active" else None)
    return found


async def _ill_ones_shown(system: Someone, lines: list[Line]) -> dict[UUID, dict[str, Any]]:
    """How all stand once each ill one has been tried to its end, which the slow ones take long for; or after so long."""

    async def look() -> dict[UUID, dict[str, Any]] | None:
        stands = await _stands(system)
        return stands if all(_trouble(stands[line.id]) for line in lines if not line.is_well) else None

    try:
        return await until(look, "each ill endpoint is shown as such", _PATIENCE)
    except AssertionError:
        return await _stands(system)


async def _log(system: Someone, line: Line) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        page = (await system.get(f"{SUBSCRIPTIONS}/{line.id}/log?after={after}&limit=500")).body
        found += page["events"]
        after = page["next"]
    return found


async def _said_of(telling: Telling, child: UUID) -> list[str]:
    """The ids of a child's births, as the registry has them."""
    rows = await telling.world.sql("registry", "select envelope->>'id' as id from ledger where subject = $1", child)
    return [row["id"] for row in rows]
