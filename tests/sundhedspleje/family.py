"""A child visited by a sundhedsplejerske, with colleagues of other units, for tests of what people do."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from services.events.envelope import Seat
from services.events.registry import SupporterJoined, TovholderChanged
from tests.support.heard import Heard
from tests.support.world import Answer


@dataclass
class Family:
    """`nurse` visits; `helper` is of the social unit, `pedagogue` of the institution, `leader` and `colleague` of her team."""

    heard: Heard
    child: UUID = field(default_factory=uuid4)
    mother: UUID = field(default_factory=uuid4)
    seats: dict[str, Seat] = field(default_factory=dict)

    @classmethod
    async def visited(cls, heard: Heard, **known: Any) -> Self:
        """Born today, unless told otherwise."""
        family = cls(heard)
        for name, kind, leads in (
            ("nurse", "sundhedspleje", False), ("helper", "social", False), ("pedagogue", "institution", False),
        ):  # fmt: skip
            unit = await heard.unit(kind)  # type: ignore[arg-type]
            person = await heard.professional(unit, kind, leads=leads)  # type: ignore[arg-type]
            family.seats[name] = Seat(professional=person, unit=unit)
        team = family.seats["nurse"].unit
        for name, leads in (("leader", True), ("colleague", False)):
            person = await heard.professional(team, "sundhedspleje", leads=leads)
            family.seats[name] = Seat(professional=person, unit=team)
        facts = {"status": "born", "born_on": await heard.today(), "mother": family.mother, **known}
        family.child = await heard.child(family.seats["nurse"], **facts)
        return family

    async def ask(self, who: str, path: str) -> Answer:
        """`path` below /sundhedspleje."""
        return await self.heard.logged_in(self.seats[who].professional).get(f"/sundhedspleje{path}")

    async def do(self, path: str, body: Any = None, who: str = "nurse", **options: Any) -> Answer:
        return await self.heard.logged_in(self.seats[who].professional).post(f"/sundhedspleje{path}", body, **options)

    async def pass_baton(self, to: str) -> None:
        """The baton goes on, and nothing else changes."""
        changed = TovholderChanged(
            child=self.child, municipality=self.heard.municipality, tovholder=self.seats[to], before=self.seats["nurse"],
            why="acceptance", since=await self.heard.world.now(),
        )  # fmt: skip
        await self.heard.tell(self.child, changed)

    async def support(self, who: str) -> None:
        joined = SupporterJoined(
            child=self.child, municipality=self.heard.municipality, supporter=self.seats[who], role="team", until_on=None
        )
        await self.heard.tell(self.child, joined)

    async def visits(self) -> dict[str, dict[str, Any]]:
        """By kind; of several need-based visits the last."""
        return {it["kind"]: it for it in (await self.ask("nurse", f"/cases/{self.child}")).body["visits"]}

    async def said(self, subject: UUID | str | None = None) -> list[str]:
        return await self.heard.world.events("sundhedspleje", str(subject or self.child))

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """The data of every event of a kind, whatever its subject."""
        rows = await self.heard.world.sql(
            "sundhedspleje", "select envelope from ledger where type like $1 order by at, version", f"%.{kind}.v1"
        )
        return [row["envelope"]["data"] for row in rows]

    async def day(self, days: int = 0) -> str:
        return (await self.heard.today() + timedelta(days=days)).isoformat()

    async def today(self) -> date:
        return await self.heard.today()

    def named(self, *who: str) -> list[dict[str, str]]:
        return [self.seats[it].model_dump(mode="json") for it in who]

    async def grant(self, **more: Any) -> dict[str, Any]:
        """A need-based visit within a week."""
        body = {"reason": "feeding", "from_on": await self.day(), "until_on": await self.day(7), **more}
        granted = await self.do(f"/cases/{self.child}/need-visits", body)
        assert granted.status == 201, granted.body
        return dict(granted.body)

    async def screen(self, instrument: str, whose: str, score: Any, **more: Any) -> Answer:
        body = {"instrument": instrument, "whose": whose, "score": score, "on": await self.day(), **more}
        return await self.do(f"/cases/{self.child}/screenings", body)
