"""What people, systems and time do to the town: each act goes on by itself, from point to point, beside all the others."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.chassis.calendar import date_of
from services.chassis.errors import TryAgainSoon
from services.events import Event
from services.events.directory import AbsenceEnded, AbsenceRegistered, ProfessionalLeaving
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild, PartiesIdentified
from tests.simulation.ground import BEGINS_AT, Ground
from tests.simulation.process import Answer, NoAnswer, Town
from tests.simulation.scheduling import Crashed, Scheduler

CODE = "0990"
_CHILDREN_AT_MOST = 6
_AS_IT_IS = """
select c.status, a.professional, a.unit, h.id as handover, h.receiver, h.receiver_unit, h.proposer, h.question
from registry.child c
  left join registry.assignment a on a.child_id = c.id and a.finished_at = 'infinity'
  left join registry.handover h on h.child_id = c.id and h.state in ('proposed', 'scheduled')
where c.id = $1
"""
# A lease that somebody is just using does not run out.
_LAPSED = """
update {0}.{1} set until = '-infinity' where ctid in (
  select ctid from {0}.{1} where holder = any ($1) or $1 is null for update skip locked)
"""

Act = Coroutine[Any, Any, None]


@dataclass
class Asked:
    """A command and how it was answered in the end."""

    what: str
    child: UUID
    path: str
    key: str
    who: str
    answer: Answer | None = None
    deviates: str = ""

    @property
    def done(self) -> bool:
        return self.answer is not None and self.answer.status < 300


@dataclass
class Acts:
    """Draws acts from the seed."""

    town: Town
    ground: Ground
    scheduler: Scheduler
    children: list[UUID] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    absences: dict[UUID, str] = field(default_factory=dict)
    _day: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.chance = self.scheduler.chance
        self._weighed: list[tuple[int, Callable[[], Coroutine[Any, Any, Act | None]]]] = [
            (5, self._registers), (4, self._is_born), (14, self._proposes), (18, self._accepts), (2, self._declines),
            (2, self._withdraws), (3, self._asks), (3, self._answers), (3, self._overrides), (2, self._is_absent),
            (1, self._is_back), (1, self._leaves), (6, self._time_passes), (40, self._works), (4, self._crashes),
            (3, self._lapses), (12, self._act_at_once), (4, self._much_at_once),
        ]  # fmt: skip

    async def draw(self) -> Act | None:
        """The next act; None where there is nobody who could."""
        _, drawn = self.chance.choices(self._weighed, [weight for weight, _ in self._weighed])[0]
        self.scheduler.history.append(drawn.__name__)
        return await drawn()

    async def _registers(self) -> Act | None:
        if len(self.children) >= _CHILDREN_AT_MOST:
            return None
        child = self._id()
        self.children.append(child)
        return self.identified(IdentifiedChild(child=child, order=1, status=self.chance.choice(["expected", "born"]), new=True))

    async def _much_at_once(self) -> Act | None:
        """Several are registered, several are absent, and what is said of them is moved on at the same time."""
        for _ in range(2):
            for act in (await self._registers(), await self._is_absent()):
                if act is not None:
                    self.scheduler.start(act)
        process = self.chance.choice(self.town.processes)
        self.scheduler.start(process.work(process.relays["directory"]))
        return process.work(process.relays["persons"])

    async def _is_born(self) -> Act | None:
        child, found = await self._someone()
        if found is None or found["status"] != "expected":
            return None
        family = [IdentifiedChild(child=child, order=1, status="born", new=False)]
        if self.chance.random() < 0.3:
            twin = self._id()
            self.children.append(twin)
            family.append(IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child))
        return self.identified(*family)

    def identified(self, *children: IdentifiedChild) -> Act:
        event = PartiesIdentified(
            notification_id=self._id(), municipality=CODE, unit=self.ground.seats["lead"].unit, mother=self._id(),
            children=list(children),
        )  # fmt: skip
        return self._told("persons", children[0].child, event)

    async def _proposes(self) -> Act | None:
        child, found = await self._someone()
        if found is None or found["professional"] is None or (found["handover"] and self.chance.random() < 0.8):
            return None
        return self._proposed(child, found["professional"])

    def _proposed(self, child: UUID, by: UUID) -> Act:
        body: dict[str, Any] = {"to": self._seat().model_dump(mode="json"), "reason": "district"}
        if self.chance.random() < 0.3:
            body["effective_on"] = (date_of(BEGINS_AT + self._day) + timedelta(days=self.chance.randint(0, 5))).isoformat()
        return self._command("propose", child, f"/registry/children/{child}/handovers", by, body)

    async def _accepts(self) -> Act | None:
        child, found = await self._offered()
        if found is None:
            return None
        who = found["receiver"] if self.chance.random() < 0.9 else self._seat().professional
        return self._answer_to("accept", child, found, who, "acceptance")

    async def _declines(self) -> Act | None:
        child, found = await self._offered()
        return found and self._answer_to("decline", child, found, found["receiver"], "refusal", {"reason": "at-capacity"})

    async def _withdraws(self) -> Act | None:
        child, found = await self._offered()
        return found and self._answer_to("withdraw", child, found, found["proposer"], "withdrawal")

    async def _asks(self) -> Act | None:
        child, found = await self._offered()
        return found and self._answer_to("ask", child, found, found["receiver"], "question", {"text": "hvornår?"})

    async def _answers(self) -> Act | None:
        child, found = await self._offered()
        return found and self._answer_to("answer", child, found, found["proposer"], "answer", {"text": "til sommer"})

    async def _act_at_once(self) -> Act | None:
        """Two or three of those who could, at the same time."""
        child, found = await self._someone()
        if found is None:
            return None
        possible = [self._overridden(child, leader) for leader in ("leader", "chief")]
        if found["handover"]:
            possible += [
                self._answer_to("accept", child, found, found["receiver"], "acceptance"),
                self._answer_to("decline", child, found, found["receiver"], "refusal", {"reason": "at-capacity"}),
                self._answer_to("withdraw", child, found, found["proposer"], "withdrawal"),
            ]
        elif found["professional"]:
            possible += [self._proposed(child, found["professional"]) for _ in range(2)]
        if found["status"] == "expected":
            possible.append(self.identified(IdentifiedChild(child=child, order=1, status="born", new=False)))
        self.chance.shuffle(possible)
        for _ in range(self.chance.choice([1, 2])):
            self.scheduler.start(possible.pop())
        act = possible.pop() if possible else None
        for unused in possible:
            unused.close()
        return act

    async def _overrides(self) -> Act | None:
        child, found = await self._someone()
        return found and self._overridden(child, self.chance.choice(["leader", "chief"]))

    def _overridden(self, child: UUID, by: str) -> Act:
        body = {"to": self._seat().model_dump(mode="json"), "reason": "conflict"}
        return self._command("override", child, f"/registry/children/{child}/override", self.ground.seats[by].professional, body)

    async def _is_absent(self) -> Act | None:
        name = self.chance.choice(["nurse", "colleague", "pedagogue", "lead"])
        absence, seat, today = self._id(), self.ground.seats[name], date_of(BEGINS_AT + self._day)
        self.absences[absence] = name
        event = AbsenceRegistered(
            absence=absence, professional=seat.professional, municipality=CODE, from_on=today,
            until_on=today + timedelta(days=self.chance.choice([3, 20])), deputy=self.ground.seats["deputy"],
        )  # fmt: skip
        return self._told("directory", seat.professional, event)

    async def _is_back(self) -> Act | None:
        if not self.absences:
            return None
        absence, name = self.absences.popitem()
        person, today = self.ground.seats[name].professional, date_of(BEGINS_AT + self._day)
        event = AbsenceEnded(absence=absence, professional=person, municipality=CODE, ended_on=today)
        return self._told("directory", person, event)

    async def _leaves(self) -> Act | None:
        person = self.ground.seats[self.chance.choice(["nurse", "pedagogue"])].professional
        event = ProfessionalLeaving(professional=person, municipality=CODE, leaving_on=date_of(BEGINS_AT + self._day))
        return self._told("directory", person, event)

    async def _time_passes(self) -> Act | None:
        """Days for promises and facts, or seconds for leases and looks."""
        if self.chance.random() < 0.5:
            self.scheduler.seconds += self.chance.choice([31, 201])
        else:
            by = timedelta(days=self.chance.choice([1, 1, 3]))
            self._day += by
            await self.ground.move_clock(by)
        return None

    async def _works(self) -> Act | None:
        process = self.chance.choice(self.town.processes)
        workers: dict[str, tuple[int, Any]] = {
            **{f"{name} relay": (4, worker) for name, worker in process.relays.items()},
            **{f"{name} consumer": (6, worker) for name, worker in process.consumers.items()},
            **{f"{name} clock": (1 if name == "notifications" else 3, worker) for name, worker in process.leaders.items()},
        }
        name, (_, worker) = self.chance.choices(list(workers.items()), [weight for weight, _ in workers.values()])[0]
        self.scheduler.history.append(f"{process.name} {name}")
        return process.work(worker)

    async def _crashes(self) -> Act | None:
        process = self.chance.choice(self.town.processes)
        self.town.crash(process)
        await self.scheduler.quiet()
        if self.chance.random() < 0.7:
            await self.lapse(process.runtimes, [worker._holder for worker in process.workers()])
        return None

    async def _lapses(self) -> Act | None:
        """A process sleeps so long that others take over, and wakes where it stood."""
        process = self.chance.choice(self.town.processes)
        await self.lapse(process.runtimes, [worker._holder for worker in process.workers()])
        return None

    async def lapse(self, services: Any, holders: list[UUID] | None = None) -> None:
        """Leases run out (all of them where no holder is named), and whoever looks next sees it."""
        for schema in services:
            for table in ("relay", "position", "lease", "worker"):
                await self.ground.look.execute(_LAPSED.format(schema, table), holders)
        self.scheduler.seconds += 201

    async def _someone(self) -> tuple[UUID, Any]:
        if not self.children:
            return UUID(int=0), None
        child = self.chance.choice(self.children)
        return child, await self.ground.look.fetchrow(_AS_IT_IS, child)

    async def _offered(self) -> tuple[UUID, Any]:
        child, found = await self._someone()
        return child, found if found and found["handover"] else None

    def _answer_to(self, what: str, child: UUID, found: Any, who: UUID, act: str, body: Any = None) -> Act:
        return self._command(what, child, f"/registry/handovers/{found['handover']}/{act}", who, body)

    async def _command(self, what: str, child: UUID, path: str, who: UUID, body: Any) -> None:
        """Repeated under the same key until an answer arrives, as every client should."""
        asked = Asked(what, child, path, self.chance.randbytes(8).hex(), str(who))
        self.asked.append(asked)
        while asked.answer is None or asked.answer.status == 503:
            try:
                asked.answer = await self.town.ask("POST", path, f"person {who}", body, asked.key)
            except NoAnswer:
                continue
        self.scheduler.history.append(f"{what} {asked.answer.status} {asked.answer.problem or ''}")
        if asked.answer.status >= 500:
            asked.deviates = f"answered {asked.answer.status}"
        if asked.done and self.chance.random() < 0.1:
            await self._asks_otherwise(asked, body)

    async def _asks_otherwise(self, asked: Asked, body: Any) -> None:
        """The same key with other words is refused: it would be answered with what became of the first."""
        if asked.what in ("propose", "override"):
            otherwise = {**body, "reason": "otherwise"}
        elif asked.what != "withdraw":
            otherwise = {**(body or {}), "text": "noget andet"}
        else:
            return
        try:
            answer = await self.town.ask("POST", asked.path, f"person {asked.who}", otherwise, asked.key)
        except NoAnswer:
            return
        if answer.status < 500 and answer.status != 422:
            asked.deviates = f"its key was used for other words and answered {answer.status}"

    async def _told(self, source: str, subject: UUID, event: Event) -> None:
        """A fact that its source says, again until it has been said at least once."""
        while True:
            store = self.chance.choice(self.town.processes).runtimes[source].store
            try:
                async with store.transaction() as tx:
                    tx.publish(subject, event)
                return
            except (TryAgainSoon, Crashed):
                # Who draws again first must not hang on which rollback PostgreSQL ended first.
                await self.scheduler.point("lock", f"{source} is told again", None)

    def _seat(self) -> Seat:
        return self.ground.seats[self.chance.choice(list(self.ground.seats))]

    def _id(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)
