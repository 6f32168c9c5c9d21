"""Plays one family's story, from the midwife's first note to daycare, through the public API; the baton is watched throughout."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, TypeVar

from services.chassis.calendar import COPENHAGEN, date_of, start_of
from services.demo import town
from services.demo.watching import Watch
from services.midwife.fhir.codes import CPR, X_ECPR

PATIENCE = 90.0

INTAKE_LEAD, LEADER = "inge", "lone"
NURSE_A, NURSE_B, DEPUTY = "anna", "birgit", "dorte"
PEDAGOGUE, DAYCARE_LEADER = "cecilie", "mona"
WARD, PLACEMENT = "maternity-havby", "placement-havby"
TEAM, INTAKE, INSTITUTION = "nord", "intake", "maelkevejen"
FAMILY = "family"


_DIGITS, _LETTERS = "0123456789", "ABCDEFGHJKLMNPRSTUVWXYZ"

T = TypeVar("T")


class StoryBroke(RuntimeError):
    """Something did not go as it must; the text says what, and what was there instead."""


class Answer(Protocol):
    """An HTTP answer; `body` is what its JSON says."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> Any: ...


class Actor(Protocol):
    """A person or a system with a valid token, talking HTTP."""

    async def get(self, path: str) -> Answer: ...

    async def post(self, path: str, body: Any = None, key: str | None = None) -> Answer: ...


class Scene(Protocol):
    """Where the story is played: the running demo, or a test's world. `names`: people and units by short name → id."""

    @property
    def names(self) -> Mapping[str, str]: ...

    def professional(self, username: str) -> Actor: ...

    def system(self, client_id: str) -> Actor: ...

    async def now(self) -> datetime:
        """The time of facts."""

    async def advance(self, by: timedelta) -> None:
        """Moves the clock of promises and facts."""

    async def breathe(self) -> None:
        """Lets the services go on, between two looks."""


@dataclass(frozen=True)
class Step:
    """What happened, as it is told: time of facts, who holds each child's baton afterwards, who was told."""

    at: str
    what: str
    holders: str
    told: str


@dataclass
class Played:
    """What the closing checks need. `personal`: every number and name of this family, which no event may hold."""

    children: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    reads: int = 0
    refused: int = 0
    without: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Family:
    """People who do not exist. The child's number has a day above 60, which the CPR Office gives to nobody."""

    mother: str
    mother_name: str
    email: str
    child_cpr: str

    @classmethod
    def made_up(cls, born_on: date) -> "_Family":
        pick = random.SystemRandom().choice
        surname = pick(("Bølge", "Klit", "Lyng", "Marehalm", "Rav", "Tang", "Vade")) + pick(("dahl", "gaard", "holt", "lund"))
        name = f"{pick(('Agnete', 'Bodil', 'Signe', 'Tove'))} {surname}"
        day, month, year = pick(range(1, 29)), pick(range(1, 13)), pick(range(90, 100))
        replacement = f"{day:02}{month:02}{year}1{pick(_LETTERS)}{pick(_LETTERS)}{pick(_DIGITS)}"
        cpr = f"{60 + born_on.day}{born_on:%m%y}{''.join(pick(_DIGITS) for _ in range(4))}"
        return cls(replacement, name, f"{uuid.uuid4().hex[:8]}@familie.example", cpr)


async def play(scene: Scene, tell: Callable[[Step], None]) -> Played:
    """Plays the whole story once; it may be played again on the same data. StoryBroke at the first thing amiss."""
    story = _Story(scene, tell)
    with story.watched():
        for chapter in (
            story.nobody_is_away,
            story.a_pregnancy_is_notified,
            story.the_same_again,
            story.offered_to_one_who_has_no_room,
            story.offered_to_one_who_asks_first,
            story.twins_are_born,
            story.one_twin_gets_its_number,
            story.a_start_in_daycare_is_planned,
            story.information_is_handed_over,
            story.the_pedagogue_takes_one_twin,
            story.a_deputy_stands_in_for_the_other,
            story.the_midwife_corrects,
        ):
            await chapter()
    return story.played


class _Story:
    def __init__(self, scene: Scene, tell: Callable[[Step], None]) -> None:
        self._scene, self._tell = scene, tell
        self._ids = scene.names
        self._overseer = scene.professional(INTAKE_LEAD)
        self._watch = Watch(self._overseer)
        self.played = Played()
        self._heard: set[str] = set()
        self._shown: dict[str, str] = {}
        self._absence = self._handover = self._start = ""

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """A task of its own reads every child again and again and notes each reading without exactly one tovholder."""
        watching = asyncio.create_task(self._watch.run())
        try:
            yield
        finally:
            watching.cancel()
            self.played.reads, self.played.refused = self._watch.reads, self._watch.refused
            self.played.without = self._watch.without

    # -- The story -----------------------------------------------------------------------------------------------------------

    async def nobody_is_away(self) -> None:
        """An earlier play may have been broken off while B was on leave."""
        b = self._scene.professional(NURSE_B)
        person = await self._got(b, f"/directory/professionals/{self._ids[NURSE_B]}")
        for absence in person["absences"]:
            if absence["ended_on"] is None:
                await self._done(b, f"/directory/absences/{absence['id']}/end")

    async def a_pregnancy_is_notified(self) -> None:
        today = date_of(await self._scene.now())
        self._due_on = today + timedelta(days=140)
        self._family = _Family.made_up(self._due_on)
        self.played.personal = [self._family.mother, self._family.mother_name, self._family.email, self._family.child_cpr]
        self._first = self._notification("pregnancy", due_on=self._due_on)
        self._answer = await self._done(self._scene.system(WARD), "/midwife/notifications", self._first)
        await self._children_are(self._answer["id"], 1)
        await self._holds(0, INTAKE_LEAD)
        await self._step("A pregnancy is notified, by a replacement CPR", told={INTAKE_LEAD, FAMILY})

    async def the_same_again(self) -> None:
        again = await self._done(self._scene.system(WARD), "/midwife/notifications", self._first)
        self._must(again == self._answer, f"the same message again was answered {again}, not {self._answer}")
        await self._step("The same message again: the same answer")

        later = self._notification("pregnancy", due_on=self._due_on + timedelta(days=3), multiple_pregnancy=True)
        answer = await self._done(self._scene.system(WARD), "/midwife/notifications", later)
        await self._children_are(answer["id"], 1)
        await self._holds(0, INTAKE_LEAD)
        await self._step("A new message, same pregnancy: still one child")

        mother = (await self._until(self._case_seen_by(INTAKE_LEAD, 0), "the case is open at sundhedspleje"))["mother"]
        self._mother = mother
        await self._until(
            self._written(f"/persons/{mother}/contact", {"email": self._family.email}), "how the mother is reached is noted"
        )
        await self._step("The case is open; the mother can be reached")

    async def offered_to_one_who_has_no_room(self) -> None:
        await self._propose(INTAKE_LEAD, NURSE_A, TEAM, 0, reason="case-allocation")
        await self._step(f"Offered to {await self._name(NURSE_A)}", told={NURSE_A, INTAKE_LEAD})

        await self._answered(NURSE_A, "refusal", {"reason": "at-capacity"})
        await self._holds(0, INTAKE_LEAD)
        await self._step("She has no room: the intake lead keeps it", told={INTAKE_LEAD, LEADER})

    async def offered_to_one_who_asks_first(self) -> None:
        await self._propose(INTAKE_LEAD, NURSE_B, TEAM, 0, reason="case-allocation", message="Der ventes tvillinger.")
        await self._step(f"Offered to {await self._name(NURSE_B)}", told={NURSE_B, INTAKE_LEAD})

        await self._answered(NURSE_B, "question", {"text": "Er der brug for tolk?"})
        await self._step("She asks first; the deadline rests", told={INTAKE_LEAD})

        await self._answered(INTAKE_LEAD, "answer", {"text": "Nej, familien taler dansk."})
        await self._step("The intake lead answers; the deadline runs again", told={NURSE_B})

        await self._answered(NURSE_B, "acceptance")
        await self._holds(0, NURSE_B)
        await self._step("She accepts: the baton passes", told={NURSE_B, INTAKE_LEAD, FAMILY})

    async def twins_are_born(self) -> None:
        await self._scene.advance(start_of(self._due_on) + timedelta(hours=9) - await self._scene.now())
        self._born_at = await self._scene.now() - timedelta(hours=2)
        self._birth = self._notification("birth", children=[self._twin(1, "female"), self._twin(2, "male", minutes=14)])
        answer = await self._done(self._scene.system(WARD), "/midwife/notifications", self._birth)
        self._birth_id = answer["id"]
        await self._children_are(answer["id"], 2)
        for twin in (0, 1):
            await self._holds(twin, NURSE_B)
            await self._until(self._status_is(twin, "born"), "the child is registered as born")
        await self._step("Twins are born: two children, the same tovholder", told={NURSE_B, FAMILY})

    async def one_twin_gets_its_number(self) -> None:
        await self._scene.advance(timedelta(days=2))
        numbered = {**self._twin(1, "female"), "identifiers": [{"system": CPR, "value": self._family.child_cpr}]}
        await self._correct([numbered, self._twin(2, "male", minutes=14)])
        await self._until(self._is_found_by_number(0), "the first twin is found by its CPR number")
        await self._step("One twin gets its CPR number: still the same child")

    async def a_start_in_daycare_is_planned(self) -> None:
        await self._scene.advance(timedelta(days=280))
        self._starts_on = date_of(await self._scene.now()) + timedelta(days=21)
        seat = {"professional": self._ids[PEDAGOGUE], "unit": self._ids[INSTITUTION]}
        body = {
            "child": self._children[0],
            "unit": self._ids[INSTITUTION],
            "starts_on": self._starts_on.isoformat(),
            "pedagogue": seat,
        }
        self._start = (await self._done(self._scene.system(PLACEMENT), "/daycare/starts", body))["id"]
        await self._step(f"A start in daycare on {self._starts_on} is planned", told={NURSE_B, PEDAGOGUE})

    async def information_is_handed_over(self) -> None:
        b, child = self._scene.professional(NURSE_B), self._children[0]
        today = date_of(await self._scene.now())
        consent = {
            "given_by": self._mother, "recipient_kind": "daycare", "purpose": "transition",
            "categories": ["development", "feeding"], "from_on": today.isoformat(),
        }  # fmt: skip
        await self._done(b, f"/persons/{child}/consents", consent)
        texts = {
            "development": "Triller fra mave til ryg, ler højt og rækker ud.",
            "feeding": "Ammes morgen og aften, spiser grød og mos.",
            "mother-wellbeing": "Har haft det svært i de første uger.",
        }
        body = {
            "child": child, "to": {"unit": self._ids[INSTITUTION], "professional": self._ids[PEDAGOGUE]}, "start": self._start,
            "categories": list(texts), "text": texts,
        }  # fmt: skip
        given = await self._done(b, "/sundhedspleje/overleveringer", body)
        self._must(
            sorted(given["categories"]) == ["development", "feeding"] and given["withheld"] == ["mother-wellbeing"],
            f"the overlevering passed {given['categories']} and withheld {given['withheld']}",
        )
        await self._until(self._start_is("prepared"), "daycare has the start prepared")
        await self._step("Overlevering: what the mother released, no more", told={NURSE_B, DAYCARE_LEADER})

    async def the_pedagogue_takes_one_twin(self) -> None:
        await self._propose(NURSE_B, PEDAGOGUE, INSTITUTION, 0, reason="daycare-start", effective_on=self._starts_on.isoformat())
        await self._answered(PEDAGOGUE, "acceptance")
        await self._holds(0, NURSE_B)
        await self._step(f"{await self._name(PEDAGOGUE)} accepts for that day", told={NURSE_B, PEDAGOGUE, FAMILY})

        await self._scene.advance(start_of(self._starts_on) + timedelta(minutes=1) - await self._scene.now())
        await self._holds(0, PEDAGOGUE)
        await self._holds(1, NURSE_B)
        await self._until(self._start_is("started"), "daycare has the child started")
        child = await self._child(0)
        self._must(
            any(it["professional"] == self._ids[NURSE_B] for it in child["supporters"]),
            "the giver is not among the supporters afterwards",
        )
        await self._step("The day has come: one baton passes, one stays", told={PEDAGOGUE, NURSE_B, FAMILY})

    async def a_deputy_stands_in_for_the_other(self) -> None:
        b, today = self._scene.professional(NURSE_B), date_of(await self._scene.now())
        leave = {
            "professional": self._ids[NURSE_B],
            "from_on": today.isoformat(),
            "until_on": (today + timedelta(days=90)).isoformat(),
        }
        absence = await self._done(b, "/directory/absences", leave)
        await self._holds(1, DEPUTY)
        await self._holds(0, PEDAGOGUE)
        await self._step("The other's is on long leave: her deputy stands in", told={DEPUTY, NURSE_B, FAMILY})
        self._absence = absence["id"]

    async def the_midwife_corrects(self) -> None:
        numbered = {**self._twin(1, "female"), "identifiers": [{"system": CPR, "value": self._family.child_cpr}]}
        await self._correct([numbered, self._twin(2, "female", minutes=21)])
        await self._holds(0, PEDAGOGUE)
        await self._holds(1, DEPUTY)
        await self._step("The midwife's message is corrected: nothing moves")

        await self._scene.advance(timedelta(days=30))
        await self._done(self._scene.professional(NURSE_B), f"/directory/absences/{self._absence}/end")
        await self._holds(1, DEPUTY)
        await self._step(f"{await self._name(NURSE_B)} is back; nothing moves")

    # -- What is said --------------------------------------------------------------------------------------------------------

    def _notification(self, kind: str, **more: Any) -> dict[str, Any]:
        said = {name: value.isoformat() if isinstance(value, date) else value for name, value in more.items()}
        mother = {"identifiers": [{"system": X_ECPR, "value": self._family.mother}], "name": self._family.mother_name}
        return {"kind": kind, "message_id": str(uuid.uuid4()), "receiver": {"sor": town.sor_of(INTAKE)}, "mother": mother, **said}

    def _twin(self, order: int, sex: str, minutes: int = 0) -> dict[str, Any]:
        return {
            "order": order,
            "sex": sex,
            "born_at": (self._born_at + timedelta(minutes=minutes)).isoformat(),
            "identifiers": [],
        }

    async def _correct(self, children: list[dict[str, Any]]) -> None:
        body = self._notification("birth", children=children, corrects=self._birth_id)
        answer = await self._done(self._scene.system(WARD), "/midwife/notifications", body)
        before = list(self._children)
        await self._children_are(answer["id"], 2)
        self._must(self._children == before, f"after the correction the children are {self._children}, not {before}")

    async def _propose(self, by: str, to: str, unit: str, twin: int, **more: str) -> None:
        body = {"to": {"professional": self._ids[to], "unit": self._ids[unit]}, **more}
        answer = await self._done(self._scene.professional(by), f"/registry/children/{self._children[twin]}/handovers", body)
        self._handover = answer["id"]

    async def _answered(self, by: str, what: str, body: Mapping[str, Any] | None = None) -> None:
        await self._done(self._scene.professional(by), f"/registry/handovers/{self._handover}/{what}", dict(body or {}))

    # -- What must then be -----------------------------------------------------------------------------------------------------

    @property
    def _children(self) -> list[str]:
        return self.played.children

    async def _children_are(self, notification: str, number: int) -> None:
        """The ward sees the children of its notification, each with its tovholder."""
        ward = self._scene.system(WARD)

        async def look() -> list[str] | None:
            said = await self._got(ward, f"/midwife/notifications/{notification}")
            children = sorted(said["children"], key=lambda child: int(child["order"]))
            return (
                [str(child["child"]) for child in children]
                if len(children) >= number and all(it["tovholder"] for it in children)
                else None
            )

        found = await self._until(look, f"the notification shows {number} with a tovholder")
        self._must(len(found) == number, f"the notification is about {len(found)} children, not {number}")
        self._must(found[: len(self._children)] == self._children, "the children are not the ones that were known")
        self.played.children = found
        self._watch.children = list(found)

    async def _child(self, twin: int) -> dict[str, Any]:
        found: dict[str, Any] = await self._got(self._overseer, f"/registry/children/{self._children[twin]}")
        return found

    async def _holds(self, twin: int, username: str) -> None:
        async def look() -> bool | None:
            return (await self._child(twin))["tovholder"]["professional"] == self._ids[username] or None

        await self._until(look, f"{username} is tovholder of child {twin + 1}")

    def _status_is(self, twin: int, status: str) -> Callable[[], Awaitable[bool | None]]:
        async def look() -> bool | None:
            return (await self._child(twin))["status"] == status or None

        return look

    def _start_is(self, state: str) -> Callable[[], Awaitable[bool | None]]:
        async def look() -> bool | None:
            found = await self._got(self._scene.professional(PEDAGOGUE), f"/daycare/starts/{self._start}")
            return found["state"] == state or None

        return look

    def _case_seen_by(self, username: str, twin: int) -> Callable[[], Awaitable[dict[str, Any] | None]]:
        async def look() -> dict[str, Any] | None:
            answer = await self._scene.professional(username).get(f"/sundhedspleje/cases/{self._children[twin]}")
            return answer.body if answer.status == 200 and answer.body.get("mother") else None

        return look

    def _is_found_by_number(self, twin: int) -> Callable[[], Awaitable[bool | None]]:
        asked = {"identifiers": [{"system": CPR, "value": self._family.child_cpr}], "purpose": "care"}

        async def look() -> bool | None:
            answer = await self._scene.professional(NURSE_B).post("/persons/lookup", asked)
            return (answer.status == 200 and answer.body["person"] == self._children[twin]) or None

        return look

    def _written(self, path: str, body: dict[str, Any]) -> Callable[[], Awaitable[bool | None]]:
        """A change that may come before its service has heard of who holds the baton: 404 is tried again."""

        async def look() -> bool | None:
            answer = await self._overseer.post(path, body)
            self._must(answer.status in (200, 201, 404, 503), f"POST {path} was answered {_said(answer)}")
            return answer.status in (200, 201) or None

        return look

    # -- How it is told --------------------------------------------------------------------------------------------------------

    async def _step(self, what: str, told: Collection[str] = ()) -> None:
        """One line. Waits until those who must be told have been, and names everyone who was since the last line."""
        new = await self._until(self._telling(told), f"{', '.join(sorted(told))} told: {what}")
        if self._watch.without:
            raise StoryBroke(self._watch.without[0])
        holders = [
            await self._shown_as((await self._child(twin))["tovholder"]["professional"]) for twin in range(len(self._children))
        ]
        numbered = [f"{number} {name}" for number, name in enumerate(holders, start=1)]
        shown = " · ".join(numbered) if len(set(holders)) > 1 else f"{'both ' if len(holders) > 1 else ''}{holders[0]}"
        at = (await self._scene.now()).astimezone(COPENHAGEN)
        self._tell(Step(f"{at:%Y-%m-%d %H:%M}", what, shown, ", ".join(new) or "–"))

    def _telling(self, must: Collection[str]) -> Callable[[], Awaitable[list[str] | None]]:
        wanted = {self._ids.get(name, name) for name in must}

        async def look() -> list[str] | None:
            fresh = [it for it in await self._deliveries() if it["id"] not in self._heard]
            reached = {FAMILY if it["to_whom"] == "family" and it.get("recipient") else it.get("recipient") for it in fresh}
            if not wanted <= reached or (FAMILY in wanted and any(map(_is_on_its_way_to_a_family, fresh))):
                return None
            self._heard |= {it["id"] for it in fresh}
            return await self._in_words(fresh)

        return look

    async def _deliveries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for child in self._children:
            after: str | None = ""
            while after is not None:
                answer = await self._overseer.get(f"/notifications/deliveries?child={child}&limit=500{after or ''}")
                page = answer.body if answer.status == 200 else {"deliveries": [], "next": None}
                found += page["deliveries"]
                after = f"&after={page['next']}" if page["next"] else None
        return found

    async def _in_words(self, deliveries: Sequence[Mapping[str, Any]]) -> list[str]:
        channels: dict[str, set[str]] = {}
        for delivery in deliveries:
            name = "family" if delivery["to_whom"] == "family" else (await self._shown_as(delivery["recipient"])).split()[0]
            channels.setdefault(name, set()).add("e-mail" if delivery["channel"] == "email" else "inbox")
        return [f"{name} ✉" if "e-mail" in by else name for name, by in channels.items()]

    async def _name(self, username: str) -> str:
        return await self._shown_as(self._ids[username])

    async def _shown_as(self, professional: str) -> str:
        """The name, as the directory's API says it."""
        if professional not in self._shown:
            said = await self._got(self._overseer, f"/directory/professionals/{professional}")
            self._shown[professional] = said["name"]
        return self._shown[professional]

    # -- How it is done --------------------------------------------------------------------------------------------------------

    async def _done(self, actor: Actor, path: str, body: Any = None) -> Any:
        """A change that must be made; *not just now* is asked again under the same key."""
        key = str(uuid.uuid4())
        answer = await self._patiently(lambda: actor.post(path, body, key))
        self._must(answer.status in (200, 201, 202), f"POST {path} was answered {_said(answer)}")
        return answer.body

    async def _got(self, actor: Actor, path: str) -> Any:
        answer = await self._patiently(lambda: actor.get(path))
        self._must(answer.status == 200, f"GET {path} was answered {_said(answer)}")
        return answer.body

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        async def look() -> Answer | None:
            answer = await ask()
            return None if answer.status == 503 else answer

        return await self._until(look, "every service answers")

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """Looks again and again until there is something, or it has taken too long."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            found = await look()
            if found is not None:
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise StoryBroke(f"after {PATIENCE:.0f} s it is still not so that {what}")
            await self._scene.breathe()

    def _must(self, so: bool, otherwise: str) -> None:
        if not so:
            raise StoryBroke(otherwise)


def _is_on_its_way_to_a_family(delivery: Mapping[str, Any]) -> bool:
    """Nobody has been asked yet who the family is now; a letter may lie for days."""
    for_a_family = delivery["to_whom"] == "family" and not delivery.get("recipient")
    return for_a_family and delivery["state"] == "queued" and delivery["channel"] != "letter"


def _said(answer: Answer) -> str:
    """Status and problem, without anything else of the body."""
    if isinstance(answer.body, dict) and "type" in answer.body:
        where = ", ".join(f"{error['at']} ({error['says']})" for error in answer.body.get("errors", ()))
        slug = str(answer.body["type"]).rsplit("/", 1)[-1]
        return f"{answer.status} {slug}: {answer.body.get('detail', '')} {where}".strip()
    return str(answer.status)
