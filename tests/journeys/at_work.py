"""A town of a programme as its people work in it through the public API: families come, are offered, answer; time passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.chassis.calendar import date_of
from services.demo import town
from services.demo.story import WARD
from services.indicators.domain.periods import Quarter
from services.midwife.fhir.codes import X_ECPR
from tests.support.world import Answer, Someone, World

# How long a quarter is told after its end, and a day to be beyond it.
_SETTLED = 1


def number(address: str) -> str:
    """The id at the end of an address."""
    return address.rsplit("/", 1)[-1]


@dataclass
class Family:
    """A family that does not exist. `children`: their references; expected or born."""

    number: str
    name: str
    children: list[str] = field(default_factory=list)
    notification: str = ""
    mother: str = ""

    @property
    def child(self) -> str:
        return self.children[0]

    def as_mother(self) -> dict[str, Any]:
        return {"identifiers": [{"system": X_ECPR, "value": self.number}], "name": self.name}


@dataclass
class AtWork:
    """One of the five towns. `nurse`, `intake`, `leader`: user names of those who work there, as in the demo's files."""

    world: World
    slug: str
    nurse: str
    intake: str
    leader: str
    _families: int = 0

    # -- What people do and see ---------------------------------------------------------------------------------------------

    def person(self, username: str) -> str:
        return self.world.names[username]

    def unit(self, kind: str) -> str:
        return self.world.names[f"{self.slug}-{kind}"]

    def seat(self, username: str, kind: str) -> dict[str, str]:
        return {"professional": self.person(username), "unit": self.unit(kind)}

    async def day(self, days: int = 0) -> str:
        return (date_of(await self.world.now()) + timedelta(days=days)).isoformat()

    async def does(self, path: str, body: Any = None, by: str | Someone | None = None) -> Any:
        """A change that is made; by the nurse, where nobody else is named."""
        answer = await self._asked(path, body, by)
        assert answer.status in (200, 201), (path, answer.status, answer.body)
        return answer.body

    async def refused(self, path: str, body: Any = None, by: str | Someone | None = None) -> str:
        """A change that is not made: why."""
        answer = await self._asked(path, body, by)
        assert answer.problem, (path, answer.status, answer.body)
        return answer.problem

    async def sees(self, path: str, by: str | None = None) -> Any:
        answer = await self.world.as_professional(by or self.nurse).get(path)
        assert answer.status == 200, (path, answer.status, answer.body)
        return answer.body

    async def _asked(self, path: str, body: Any, by: str | Someone | None) -> Answer:
        who = by if isinstance(by, Someone) else self.world.as_professional(by or self.nurse)
        return await who.post(path, body)

    async def pass_days(self, days: int) -> None:
        # What was said until now is heard before, as it is where relays run all the time.
        await self.world.settle()
        await self.world.advance(timedelta(days=days))

    # -- Families -----------------------------------------------------------------------------------------------------------

    def family(self) -> Family:
        self._families += 1
        return Family(f"{self._families:02}07901AB{self._families % 10}", f"Fiktiva {self.slug.capitalize()} {self._families}")

    async def expecting(self, *weeks: int, **said: Any) -> list[Family]:
        """Families whose child is due in so many weeks: the ward notifies, the intake offers, the nurse takes the baton."""
        found = [self.family() for _ in weeks]
        for family, until in zip(found, weeks, strict=True):
            await self.notified(family, "pregnancy", due_on=await self.day(7 * until), **said)
        return await self._taken_on(found)

    async def moved_in(self, *months: float) -> list[Family]:
        """Families with a child of so many months, registered by hand at the intake and taken on by the nurse."""
        found = [self.family() for _ in months]
        for family, age in zip(found, months, strict=True):
            born_at = (await self.world.now() - timedelta(days=round(age * 30.5))).isoformat()
            body = {"mother": family.as_mother(), "born_at": born_at, "reason": "moved-in"}
            family.children = [(await self.does("/persons/children", body, self.intake))["child"]]
        return await self._taken_on(found)

    async def notified(self, family: Family, kind: str, **said: Any) -> None:
        body = {
            "kind": kind,
            "message_id": str(uuid4()),
            "receiver": {"sor": town.sor_of(f"{self.slug}-intake")},
            "mother": family.as_mother(),
            **said,
        }
        family.notification = (await self.does("/midwife/notifications", body, self.world.as_client(WARD)))["id"]

    async def born(self, family: Family, children: int = 1) -> None:
        """The ward tells of the birth, today; the references of the children follow."""
        at = (await self.world.now() - timedelta(hours=2)).isoformat()
        await self.notified(family, "birth", children=[{"order": 1 + each, "born_at": at} for each in range(children)])
        await self.world.settle()
        await self._known_at_the_ward(family)
        assert len(family.children) == children

    async def _known_at_the_ward(self, family: Family) -> None:
        shown = await self.world.as_client(WARD).get(f"/midwife/notifications/{family.notification}")
        family.children = [each["child"] for each in sorted(shown.body["children"], key=lambda each: int(each["order"]))]

    async def _taken_on(self, families: list[Family]) -> list[Family]:
        await self.world.settle()
        to, handovers = self.seat(self.nurse, "sundhedspleje"), []
        for family in families:
            if family.notification:
                await self._known_at_the_ward(family)
            asked = {"to": to, "reason": "case-allocation"}
            handovers.append((await self.does(f"/registry/children/{family.child}/handovers", asked, self.intake))["id"])
        for handover in handovers:
            await self.does(f"/registry/handovers/{handover}/acceptance", {})
        await self.world.settle()
        for family in families:
            family.mother = (await self.sees(f"/persons/{family.child}"))["mother"]
        return families

    async def tovholder(self, child: str, by: str | None = None) -> str:
        return str((await self.sees(f"/registry/children/{child}", by))["tovholder"]["professional"])

    async def consents(self, family: Family, recipient: str, purpose: str, *categories: str, by: str | None = None) -> str:
        body = {
            "given_by": family.mother,
            "recipient_kind": recipient,
            "purpose": purpose,
            "categories": list(categories),
            "from_on": await self.day(),
        }
        given = (await self.does(f"/persons/{family.child}/consents", body, by))["consent"]
        await self.world.settle()
        return str(given)

    # -- Visits -------------------------------------------------------------------------------------------------------------

    async def visits(self, child: str) -> dict[str, dict[str, Any]]:
        """The child's visits by kind; of several of a kind the last."""
        return {each["kind"]: each for each in (await self.sees(f"/sundhedspleje/cases/{child}"))["visits"]}

    async def held(self, child: str, kind: str, **more: Any) -> Any:
        visit = (await self.visits(child))[kind]["id"]
        return await self.does(f"/sundhedspleje/visits/{visit}/held", {"on": await self.day(), **more})

    async def screens(self, child: str, instrument: str, score: Any) -> Any:
        result = {"instrument": instrument, "whose": "child", "score": score, "on": await self.day()}
        return await self.does(f"/sundhedspleje/cases/{child}/screenings", result)

    async def systematic(self, child: str) -> Any:
        """The systematic screening that a need-based visit has opened."""
        return (await self.sees(f"/sundhedspleje/cases/{child}/screenings"))["systematic"][-1]

    # -- Programmes ---------------------------------------------------------------------------------------------------------

    async def why(self, child: str, programme: str) -> dict[str, Any]:
        """What the programme says of this family."""
        found = (await self.sees(f"/sundhedspleje/cases/{child}/programmes"))["programmes"]
        return next(each for each in found if each["programme"]["key"] == programme)

    async def offers(self, child: str, programme: str, *grounds: str) -> str:
        offer = {"child": child, "programme": programme, "grounds": list(grounds)}
        return f"/sundhedspleje/enrolments/{(await self.does('/sundhedspleje/enrolments', offer))['id']}"

    async def takes_part(self, child: str, programme: str, *grounds: str, course: str = "") -> str:
        """Offered, and the family says yes."""
        enrolment = await self.offers(child, programme, *grounds)
        await self.does(f"{enrolment}/acceptance", {"course": number(course)} if course else {})
        return enrolment

    async def course(self, programme: str, team: Sequence[str], weeks: int = 12, **more: Any) -> str:
        body = {
            "programme": programme,
            "unit": self.unit("sundhedspleje"),
            "begins_on": await self.day(),
            "ends_on": await self.day(7 * weeks),
            "team": [self.person(each) for each in team],
            **more,
        }
        return f"/sundhedspleje/courses/{(await self.does('/sundhedspleje/courses', body))['id']}"

    async def sessions(self, course: str, many: int, enrolments: Sequence[str], absent: Mapping[int, str] | None = None) -> None:
        """So many sessions, a week apart, and the weeks pass. `absent`: session from 1 → the enrolment that was not there."""
        planned = await self.plans_sessions(course, many)
        await self.pass_days(7 * many)
        await self.holds_sessions(planned, enrolments, absent)

    async def plans_sessions(self, course: str, many: int) -> list[str]:
        days = [await self.day(7 * week) for week in range(1, many + 1)]
        return [(await self.does(f"{course}/sessions", {"on_date": day}))["id"] for day in days]

    async def holds_sessions(
        self, sessions: Sequence[str], enrolments: Sequence[str], absent: Mapping[int, str] | None = None
    ) -> None:
        for place, session in enumerate(sessions, start=1):
            away = (absent or {}).get(place)
            there = {number(each): "absent" if each == away else "attended" for each in enrolments}
            await self.does(f"/sundhedspleje/sessions/{session}/held", {"attendance": there})

    async def state(self, enrolment: str) -> str:
        return str((await self.sees(enrolment))["state"])

    async def gathers(self, programme: str, held_in: str = "", children: Sequence[str] = (), people: Sequence[str] = ()) -> Any:
        """A consultation, a talk or a forum, held today; returns it as it is shown."""
        body = {
            "programme": programme,
            "unit": self.unit("sundhedspleje"),
            "held_in": self.unit(held_in) if held_in else None,
            "on_date": await self.day(),
        }
        gathering = f"/sundhedspleje/gatherings/{(await self.does('/sundhedspleje/gatherings', body))['id']}"
        there = {"professionals": [self.person(each) for each in people], "children": list(children)}
        await self.does(f"{gathering}/held", there)
        return await self.sees(gathering)

    async def passes_on(self, child: str, to: str, kind: str, days: int = 0, by: str | None = None) -> None:
        """The tovholder asks, the named person accepts; the baton passes in so many days, or at once."""
        asked: dict[str, Any] = {"to": self.seat(to, kind), "reason": "daycare-start" if days else "other-effort"}
        if days:
            asked["effective_on"] = await self.day(days)
        handover = (await self.does(f"/registry/children/{child}/handovers", asked, by))["id"]
        await self.does(f"/registry/handovers/{handover}/acceptance", {}, to)
        await self.world.settle()

    # -- Daycare ------------------------------------------------------------------------------------------------------------

    async def starts(self, child: str, kind: str, days: int, by: str | None = None, pedagogue: str = "") -> str:
        """A start that is planned; returns its address."""
        body: dict[str, Any] = {"child": child, "unit": self.unit(kind), "starts_on": await self.day(days)}
        if pedagogue:
            body |= {"pedagogue": self.seat(pedagogue, kind)}
        start = (await self.does("/daycare/starts", body, by))["id"]
        await self.world.settle()
        return f"/daycare/starts/{start}"

    async def hands_over(self, child: str, kind: str, start: str, **text: str) -> Any:
        """An overlevering to a unit before a start; the keys are categories, written with underscores."""
        said = {category.replace("_", "-"): words for category, words in text.items()}
        body = {
            "child": child,
            "to": {"unit": self.unit(kind)},
            "start": number(start),
            "categories": list(said),
            "text": said,
        }
        given = await self.does("/sundhedspleje/overleveringer", body)
        await self.world.settle()
        return given

    # -- Evaluation ---------------------------------------------------------------------------------------------------------

    async def quarter(self) -> Quarter:
        return Quarter.of(date_of(await self.world.now()))

    async def figures(self, quarter: Quarter) -> dict[str, dict[tuple[Any, Any], Any]]:
        """The quarter's figures of the whole municipality, once told: figure → (code, word) → value; None where none is told."""
        wait = (quarter.settles_on - date_of(await self.world.now())).days + _SETTLED
        await self.pass_days(max(wait, 0))
        await self.world.tick()
        shown = await self.sees(f"/indicators/figures?period={quarter}", self.leader)
        return {
            figure["figure"]: {(each["code"], each["word"]): each["value"] for each in figure["lines"] if each["unit"] is None}
            for figure in shown["figures"]
        }
