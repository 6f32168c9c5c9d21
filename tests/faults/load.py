"""Clients who use every address of the registry at a steady rate, repeat what was not answered, and write everything down."""

import asyncio
import random
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import httpx2

from services.chassis.calendar import date_of
from services.demo import story
from services.demo import town as demo_town
from tests.faults.furnishing import CANARY, furnished
from tests.faults.history import History, Operation, Seat
from tests.faults.operators import Act, Operators, asks
from tests.faults.town import PATIENCE, Town, until
from tests.support.addresses import Addresses

SEATS = (("anna", "nord"), ("birgit", "nord"), ("dorte", "nord"), ("dorte", "syd"), ("elin", "syd"), ("ditte", "intake"))
LEADER, STRANGER = story.LEADER, "skovby-lead"
_ELSEWHERE, _OUTSIDE = "0991", "0101"
"""Municipalities that a family moves to: one that uses the product, and one that does not."""
_PATIENCE_SECONDS = 60.0
_ANSWER_SECONDS = 6.0
_AGAIN_IN_A_HUNDRED = 6
_CONNECTIONS = 600
_OWED_FIRST = 0.2


@dataclass
class Known:
    """What the clients believe of a child: they may be wrong, as people are."""

    status: str = ""
    lead: Seat | None = None
    unseen: bool = False
    handover: dict[str, Any] | None = None

    def hear(self, body: dict[str, Any]) -> None:
        """A child as it was read."""
        held, offered = body["tovholder"], body["handover"]
        self.status = body["status"]
        self.lead = (held["professional"], held["unit"]) if held else None
        self.unseen = bool(held and held["unseen"])
        self.handover = offered


@dataclass
class Load:
    """Draws operations from the seed. `aim`: operations a second; the machine may give less, and what it gave is reported."""

    town: Town
    chance: random.Random
    aim: float
    history: History = field(default_factory=History)
    children: list[str] = field(default_factory=list)
    known: dict[str, Known] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)
    replicas: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    bulk_children: set[str] = field(default_factory=set)
    bulks: list[tuple[str, str]] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)
    today: date = date.min
    patience_seconds: float = _PATIENCE_SECONDS
    done: int = 0

    def __post_init__(self) -> None:
        self._http = httpx2.AsyncClient(timeout=_ANSWER_SECONDS, limits=httpx2.Limits(max_connections=_CONNECTIONS))
        self.addresses = Addresses("registry")
        self._tokens: dict[str, tuple[str, float]] = {}
        self._next = 0.0
        self._over = asyncio.Event()
        self._clients: list[asyncio.Task[None]] = []
        self._usernames = {ident: name for name, ident in self.town.names.items()}
        self._moved = asyncio.Condition()
        self._acts: list[tuple[int, Act, frozenset[str]]] = [
            (22, self._read, asks("GET children/{child_ref}")),
            (5, self._read_at, asks("GET children/{child_ref}")),
            (5, self._read_events, asks("GET children/{child_ref}/events")),
            (5, self._read_assignments, asks("GET children/{child_ref}/assignments")),
            (5, self._read_story, asks("GET children/{child_ref}/story")),
            (
                6,
                self._list,
                asks("GET children", "GET handovers", "GET matters", "GET caseloads", "GET desk", "GET bulk-handovers"),
            ),
            (5, self._read_handover, asks("GET handovers/{handover_id}")),
            (12, self._propose, asks("POST children/{child_ref}/handovers")),
            (16, self._accept, asks("POST handovers/{handover_id}/acceptance")),
            (5, self._decline, asks("POST handovers/{handover_id}/refusal")),
            (4, self._withdraw, asks("POST handovers/{handover_id}/withdrawal")),
            (4, self._ask, asks("POST handovers/{handover_id}/question")),
            (4, self._answer, asks("POST handovers/{handover_id}/answer")),
            (6, self._override, asks("POST children/{child_ref}/override")),
            (5, self._reschedule, asks("POST handovers/{handover_id}/rescheduling")),
            (5, self._see, asks("POST children/{child_ref}/seen")),
            (1, self._close, asks("POST children/{child_ref}/closing")),
            (3, self._reopen, asks("POST children/{child_ref}/reopening")),
            (1, self._hand_over_many, asks("POST bulk-handovers", "POST bulk-handovers/preview")),
            (1, self._look_at_many, asks("GET bulk-handovers/{bulk_id}")),
            (1, self._answer_many, asks("POST bulk-handovers/{bulk_id}/answer")),
            (1, self._move, asks("POST children/{child_ref}/move")),
            (1, self._separate, asks("POST children/{child_ref}/separation")),
            (1, self._decide, asks("POST matters/{matter}/decision")),
            *Operators(self).acts(),
        ]

    def asked_for(self) -> frozenset[str]:
        """The addresses that the acts say they ask; which of them were answered is in `reached`."""
        return frozenset().union(*(addresses for _, _, addresses in self._acts))

    # -- Beginning, waiting, ending ------------------------------------------------------------------------------------------

    async def furnish(self, children: int) -> None:
        """As many children as there are to be, each with its first tovholder."""
        self.today = date_of(await self.town.now())
        self.children, self.numbers = await furnished(self.town, children, self.today)
        self.known = {child: Known() for child in self.children}

    def start(self, clients: int) -> None:
        self._next = _clock()
        self._clients = [asyncio.create_task(self._client(number)) for number in range(clients)]

    async def stop(self) -> None:
        self._over.set()
        await asyncio.gather(*self._clients)
        await self._http.aclose()

    async def until_done(self, more: int, at_most_seconds: float) -> None:
        """Until so many more operations have come to an end, whatever became of them; or so long, where nothing can."""
        aim = self.done + more
        try:
            async with asyncio.timeout(at_most_seconds), self._moved:
                await self._moved.wait_for(lambda: self.done >= aim or self._ended_early())
        except TimeoutError:
            return

    def _ended_early(self) -> bool:
        return any(task.done() for task in self._clients)

    async def until_answered(self, seconds: float = PATIENCE) -> None:
        """Until a change that was asked after now has been answered well."""
        since, seen = _clock(), len(self.history.operations)

        async def look() -> bool | None:
            nonlocal seen
            fresh, seen = self.history.operations[seen:], len(self.history.operations)
            return any(one.type == "ok" and not one.is_read and one.t_invoke > since for one in fresh) or None

        await until(look, "a change is answered well again", seconds)

    async def _client(self, number: int) -> None:
        while not self._over.is_set():
            self._next = max(self._next + 1 / self.aim, _clock() - 1.0)
            await asyncio.sleep(max(0.0, self._next - _clock()))
            await self.act(number)

    async def act(self, number: int, child: str | None = None) -> None:
        """One client does something, with the child that is named or with any."""
        child = child or self.chance.choice(self.children)
        await self._drawn()(number, child, self.known[child])

    def _drawn(self) -> Act:
        """By weight; what nobody has been answered yet comes before its turn now and then."""
        owed = [act for _, act, addresses in self._acts if not addresses <= self.reached.keys()]
        if owed and self.chance.random() < _OWED_FIRST:
            return self.chance.choice(owed)
        acts = [act for _, act, _ in self._acts]
        return self.chance.choices(acts, [weight for weight, _, _ in self._acts])[0]

    # -- What people do ------------------------------------------------------------------------------------------------------

    async def _read(self, number: int, child: str, known: Known) -> None:
        who = self.chance.choice([LEADER, self._name(known.lead)])
        body = await self.look(number, child, "read", f"/registry/children/{child}", who)
        if body is not None:
            known.hear(body)

    async def _read_at(self, number: int, child: str, _: Known) -> None:
        await self.look(number, child, "read_at", f"/registry/children/{child}?at={self.today.isoformat()}", LEADER)

    async def _read_events(self, number: int, child: str, _: Known) -> None:
        await self.look(number, child, "read_events", f"/registry/children/{child}/events", LEADER)

    async def _read_assignments(self, number: int, child: str, _: Known) -> None:
        who = STRANGER if self.chance.random() < 0.2 else LEADER
        await self.look(number, child, "read_assignments", f"/registry/children/{child}/assignments", who)

    async def _read_story(self, number: int, child: str, _: Known) -> None:
        await self.look(number, child, "read_story", f"/registry/children/{child}/story", LEADER)

    async def _list(self, number: int, child: str, known: Known) -> None:
        who = self._name(known.lead)
        what, path = self.chance.choice(
            [
                ("list_children", "children"), ("list_handovers", "handovers?state=open"), ("list_matters", "matters"),
                ("list_caseloads", f"caseloads?unit={self.town.names['nord']}"), ("list_desk", "desk"),
                ("list_many", "bulk-handovers"),
            ]
        )  # fmt: skip
        await self.look(number, "", what, f"/registry/{path}", LEADER if what == "list_caseloads" else who)

    async def _read_handover(self, number: int, child: str, known: Known) -> None:
        if known.handover is None:
            return await self._read(number, child, known)
        path = f"/registry/handovers/{known.handover['id']}"
        await self.look(number, child, "read_handover", path, self._name(_seat(known.handover["receiver"])))
        return None

    async def _propose(self, number: int, child: str, known: Known) -> None:
        if known.lead is None or (known.handover and self.chance.random() < 0.8):
            return await self._read(number, child, known)
        body: dict[str, Any] = {"to": self._someone(), "reason": "case-allocation", "message": self._text()}
        if self.chance.random() < 0.35:
            body["effective_on"] = self._day()
        await self.change(number, child, "propose", f"/registry/children/{child}/handovers", self._name(known.lead), body)
        return None

    async def _accept(self, number: int, child: str, known: Known) -> None:
        who = None if self.chance.random() < 0.9 else self.chance.choice(SEATS)[0]
        await self._about_offer(number, child, known, "accept", "acceptance", "receiver", {}, who)

    async def _decline(self, number: int, child: str, known: Known) -> None:
        body = {"reason": "at-capacity", "text": self._text()}
        await self._about_offer(number, child, known, "decline", "refusal", "receiver", body)

    async def _withdraw(self, number: int, child: str, known: Known) -> None:
        await self._about_offer(number, child, known, "withdraw", "withdrawal", "proposer", None)

    async def _ask(self, number: int, child: str, known: Known) -> None:
        await self._about_offer(number, child, known, "ask", "question", "receiver", {"text": self._text()})

    async def _answer(self, number: int, child: str, known: Known) -> None:
        await self._about_offer(number, child, known, "answer", "answer", "proposer", {"text": self._text()})

    async def _reschedule(self, number: int, child: str, known: Known) -> None:
        by = self.chance.choice(["proposer", "receiver"])
        await self._about_offer(number, child, known, "reschedule", "rescheduling", by, {"effective_on": self._day()})

    async def _about_offer(
        self, number: int, child: str, known: Known, f: str, act: str, role: str, body: Any, who: str | None = None
    ) -> None:
        if known.handover is None:
            return await self._propose(number, child, known)
        named = known.handover[role]
        person = who or self._usernames[named if isinstance(named, str) else named["professional"]]
        await self.change(number, child, f, f"/registry/handovers/{known.handover['id']}/{act}", person, body)
        return None

    async def _override(self, number: int, child: str, known: Known) -> None:
        body = {"to": self._someone(), "reason": "conflict", "text": self._text()}
        await self.change(number, child, "override", f"/registry/children/{child}/override", LEADER, body)

    async def _see(self, number: int, child: str, known: Known) -> None:
        if not known.unseen:
            return await self._read(number, child, known)
        await self.change(number, child, "see", f"/registry/children/{child}/seen", self._name(known.lead), None)
        return None

    async def _close(self, number: int, child: str, known: Known) -> None:
        body = {"reason": "wrongly-registered", "text": self._text()}
        await self.change(number, child, "close", f"/registry/children/{child}/closing", LEADER, body)

    async def _reopen(self, number: int, child: str, known: Known) -> None:
        closed = [one for one, it in self.known.items() if it.status == "closed"]
        if not closed:
            return await self._read(number, child, known)
        one = self.chance.choice(closed)
        body = {"to": self._someone(), "text": self._text()}
        await self.change(number, one, "reopen", f"/registry/children/{one}/reopening", LEADER, body)
        return None

    async def _hand_over_many(self, number: int, child: str, known: Known) -> None:
        """A job of two children, carried out child by child by the clock."""
        two = sorted({child, self.chance.choice(self.children)})
        self.bulk_children.update(two)
        to = self._someone()
        body = {"children": two, "to": to, "reason": "case-allocation"}
        if self.chance.random() < 0.3:
            await self.look(number, "", "preview_many", "/registry/bulk-handovers/preview", LEADER, body)
        begun = await self.change(number, "", "hand_over_many", "/registry/bulk-handovers", LEADER, body)
        if begun is not None:
            self.bulks.append((begun["id"], self._usernames[to["professional"]]))

    async def _look_at_many(self, number: int, child: str, known: Known) -> None:
        if not self.bulks:
            return await self._read(number, child, known)
        job, _ = self.chance.choice(self.bulks)
        await self.look(number, "", "read_many", f"/registry/bulk-handovers/{job}", LEADER)
        return None

    async def _answer_many(self, number: int, child: str, known: Known) -> None:
        """The receiver takes all that was offered; before all is offered, or twice, that is refused."""
        if not self.bulks:
            return await self._read(number, child, known)
        job, receiver = self.chance.choice(self.bulks)
        await self.change(number, "", "answer_many", f"/registry/bulk-handovers/{job}/answer", receiver, {"accept": True})
        return None

    async def _move(self, number: int, child: str, known: Known, to: str | None = None) -> None:
        """To a municipality that uses the product, whose intake lead is asked; or to one that does not, which people decide."""
        body = {"to_municipality": to or self.chance.choice([_ELSEWHERE, _OUTSIDE])}
        await self.change(number, child, "move", f"/registry/children/{child}/move", self._name(known.lead), body)

    async def _separate(self, number: int, child: str, _: Known) -> None:
        """Nothing was merged here: it is refused whatever breaks."""
        await self.change(number, child, "separate", f"/registry/children/{child}/separation", LEADER, None)

    async def _decide(self, number: int, child: str, known: Known) -> None:
        """One of the matters that the leader is to decide: the family has not moved after all."""
        found = await self.look(number, "", "list_matters", "/registry/matters", LEADER)
        if not found or not found["matters"]:
            return await self._move(number, child, known, _OUTSIDE)
        matter = self.chance.choice(found["matters"])["id"]
        await self.change(number, "", "decide", f"/registry/matters/{matter}/decision", LEADER, {"outcome": "not-moved"})
        return None

    # -- How it is asked -----------------------------------------------------------------------------------------------------

    async def look(self, number: int, child: str, f: str, path: str, who: str, body: Any = None) -> Any:
        """`body`: what is asked about, where that is no part of an address."""
        operation = Operation(str(uuid.uuid4()), number, child, f, {}, _clock(), who=self.town.names.get(who, who))
        status, found = await self._asked("POST" if body else "GET", operation, path, who, body)
        if status == 200 and f == "read":
            held = found["tovholder"]
            operation.version, operation.lead = found["version"], _seat(held) if held else None
        self._over_with(operation, status, path)
        return found if status == 200 else None

    async def change(self, number: int, child: str, f: str, path: str, who: str, body: Any) -> Any:
        """What was answered, where it was answered well."""
        args = {key: value for key, value in (body or {}).items() if key in ("to", "reason", "effective_on")}
        operation = Operation(str(uuid.uuid4()), number, child, f, args, _clock(), who=self.town.names.get(who, who))
        status, answered = await self._asked("POST", operation, path, who, body)
        if 200 <= status < 300 and child:
            operation.version = answered["version"]
            operation.lead = _seat(answered["tovholder"]) if answered["tovholder"] else None
        self._over_with(operation, status, path)
        if operation.type == "ok" and self.chance.randrange(100) < _AGAIN_IN_A_HUNDRED:
            await self._again(number, operation, path, who, body, (status, answered))
        if operation.type != "info" and child and self.chance.random() < 0.7:
            await self._read(number, child, self.known[child])
        return answered if operation.type == "ok" else None

    async def _again(self, number: int, first: Operation, path: str, who: str, body: Any, answered: tuple[int, Any]) -> None:
        """The same request once more gets the same answer; the same key with other words is refused."""
        spoiled = body is not None and self.chance.random() < 0.5
        again = Operation(first.id, number, first.child, "spoiled" if spoiled else "again", {}, _clock(), who=first.who)
        sent = {**body, "text": f"{CANARY} otherwise"} if spoiled and "effective_on" not in body else body
        if spoiled and sent == body:
            sent = {**body, "effective_on": (self.today + timedelta(days=90)).isoformat()}
        status, found = await self._asked("POST", again, path, who, sent)
        if status in (0, 503):
            pass
        elif spoiled and status != 422:
            again.deviates = f"the key of a {first.f} was used for other words and answered {status}"
        elif not spoiled and (status, found) != answered:
            again.deviates = f"a {first.f} was answered {answered[0]} first and {status} when it was repeated"
        again.version = None
        self._over_with(again, status, path)

    async def _asked(self, method: str, operation: Operation, path: str, who: str, body: Any) -> tuple[int, Any]:
        """Repeated with the same key until the answer is one: not that nobody answers, or that it is to be repeated."""
        unsure, backoff = False, 0.05
        headers = {"x-correlation-id": operation.id, **({"idempotency-key": operation.id} if method == "POST" else {})}
        while True:
            operation.attempts += 1
            status, found = await self._once(method, path, {**headers, "authorization": f"Bearer {self._token(who)}"}, body)
            unsure = unsure or status == 0
            if status not in (0, 503):
                break
            if _clock() - operation.t_invoke > self.patience_seconds or self._over.is_set():
                break
            await asyncio.sleep(backoff * self.chance.uniform(0.5, 1.0))
            backoff = min(1.0, backoff * 2)
        operation.t_complete, operation.status = _clock(), status
        if status not in (0, 503):
            self.reached[self.addresses.of(method, path)] += 1
        if 200 <= status < 300:
            operation.type = "ok"
        elif 400 <= status < 500 and not unsure:
            # After an attempt without an answer a refusal says nothing of that attempt.
            operation.type = "fail"
        return status, found

    async def _once(self, method: str, path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
        port = self.chance.choice(self.replicas) if self.replicas else self.town.addresses["registry"]
        try:
            answer = await self._http.request(
                method, f"http://127.0.0.1:{port}{path}", headers=headers, **({"json": body} if body is not None else {})
            )
        except (httpx2.TransportError, httpx2.RemoteProtocolError):
            return 0, None
        if answer.status_code >= 400 and CANARY in answer.text:
            self.errors.append(f"{answer.status_code} on {path}")
        return answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else None

    def _over_with(self, operation: Operation, status: int, path: str) -> None:
        if status >= 500 and status != 503:
            operation.deviates = f"{operation.f} was answered {status}"
        self.history.operations.append(operation)
        self.done += 1
        asyncio.ensure_future(self._tell())  # noqa: RUF006 - nobody waits for it

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    def _token(self, who: str) -> str:
        token, made = self._tokens.get(who, ("", -1e9))
        if _clock() - made > 200:
            is_system = who in demo_town.client_ids()
            token = self.town.issuer.token(who, who) if is_system else self.town.issuer.token(demo_town.login_of(who), "portal")
            made = _clock()
            self._tokens[who] = (token, made)
        return token

    def _name(self, seat: Seat | None) -> str:
        return self._usernames[seat[0]] if seat else LEADER

    def _someone(self) -> dict[str, str]:
        name, unit = self.chance.choice(SEATS)
        return {"professional": self.town.names[name], "unit": self.town.names[unit]}

    def _day(self) -> str:
        return (self.today + timedelta(days=self.chance.randint(1, 20))).isoformat()

    def _text(self) -> str:
        return f"{CANARY} {self.chance.randrange(10**12)}"


def _seat(seat: dict[str, str]) -> Seat:
    return seat["professional"], seat["unit"]


def _clock() -> float:
    return time.monotonic()


now = _clock
