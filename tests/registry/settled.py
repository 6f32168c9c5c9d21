"""A small municipality as the registry hears of it: an intake, a team with its leader, an institution, and someone elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg

from services.chassis.migrate import owner_dsn
from services.events.directory import (
    ClientChanged,
    HeldSeat,
    IntakeChanged,
    MunicipalityChanged,
    ProfessionalJoined,
    ProfessionalLeaving,
    UnitChanged,
    UnitKind,
)
from services.events.envelope import Seat
from services.events.persons import IdentifiedChild, PartiesIdentified
from tests.support.heard import Heard
from tests.support.world import Answer, Someone, World

ELSEWHERE = "0991"

# Unit → kind, the unit above, leaders.
UNITS: dict[str, tuple[UnitKind, str | None, list[str]]] = {
    "house": ("sundhedspleje", None, ["chief"]),
    "intake": ("intake", "house", []),
    "team": ("sundhedspleje", "house", ["leader"]),
    "institution": ("institution", None, []),
    "far": ("sundhedspleje", None, []),
}
# Who → unit, its kind, whether they lead it.
SEATS: dict[str, tuple[str, UnitKind, bool]] = {
    "lead": ("intake", "intake", False),
    "deputy": ("intake", "intake", False),
    "leader": ("team", "sundhedspleje", True),
    "nurse": ("team", "sundhedspleje", False),
    "colleague": ("team", "sundhedspleje", False),
    "chief": ("house", "sundhedspleje", True),
    "pedagogue": ("institution", "institution", False),
    "abroad": ("far", "sundhedspleje", False),
}


@dataclass
class Municipality:
    """Seats by their part in the story; everyone logs in by their id."""

    world: World
    heard: Heard
    lead: Seat
    deputy: Seat
    leader: Seat
    nurse: Seat
    colleague: Seat
    chief: Seat
    pedagogue: Seat
    abroad: Seat

    def as_(self, seat: Seat) -> Someone:
        return self.heard.logged_in(seat.professional)

    def service(self) -> Someone:
        return self.world.as_client("service-test")

    async def child(self, status: str = "expected", **more: Any) -> UUID:
        """A child that persons has identified; the registry has given it its tovholder."""
        child = uuid4()
        await self.identified(IdentifiedChild(child=child, order=1, status=status, new=True, **more))
        return child

    async def identified(self, *children: IdentifiedChild, municipality: str | None = None) -> None:
        event = PartiesIdentified(
            notification_id=uuid4(),
            municipality=municipality or self.heard.municipality,
            unit=self.lead.unit,
            mother=uuid4(),
            children=list(children),
        )
        await self.heard.tell(children[0].child, event)

    async def propose(self, child: UUID, to: Seat, by: Seat | None = None, **more: Any) -> Answer:
        body = {"to": to.model_dump(mode="json"), "reason": "district", **more}
        return await self.as_(by or self.lead).post(f"/registry/children/{child}/handovers", body)

    async def offered(self, to: Seat, **more: Any) -> tuple[UUID, str]:
        """A child of the intake lead's, offered to someone: child and handover."""
        child = await self.child()
        answer = await self.propose(child, to, **more)
        assert answer.status == 201, answer.body
        return child, answer.body["id"]

    async def held(self, by: Seat) -> UUID:
        """A child that someone has accepted."""
        child, handover = await self.offered(by)
        answer = await self.as_(by).post(f"/registry/handovers/{handover}/acceptance")
        assert answer.status == 200, answer.body
        return child

    async def read(self, child: UUID) -> dict[str, Any]:
        answer = await self.service().get(f"/registry/children/{child}")
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    async def tovholder(self, child: UUID) -> str:
        return str((await self.read(child))["tovholder"]["professional"])

    async def said(self, child: UUID) -> list[str]:
        return await self.world.events("registry", str(child))

    async def tick(self) -> None:
        """The registry's clock once, and nothing else's."""
        leader = self.world.running.leaders["registry"]
        await leader.once()
        assert leader.trouble is None, leader.trouble

    async def pass_days(self, days: float) -> None:
        await self.move_clock(timedelta(days=days))
        await self.tick()

    async def at_noon_of(self, on: date) -> None:
        """Days of 24 hours would end on another date where summer time begins on the way."""
        noon = datetime.combine(on, time(12), ZoneInfo("Europe/Copenhagen"))
        await self.move_clock(noon - await self.world.now())
        await self.tick()

    async def move_clock(self, by: timedelta) -> None:
        connection = await asyncpg.connect(owner_dsn(self.world.settings))
        try:
            await connection.execute("update chassis.clock set moved_by = moved_by + $1", by)
        finally:
            await connection.close()

    async def intake_of(self, code: str) -> None:
        """From now on the lead takes in another municipality's children too."""
        event = IntakeChanged(municipality=code, district=None, lead=self.lead, deputy=self.deputy, leader=self.chief)
        await self.heard.tell(uuid4(), event)

    async def leaves(self, seat: Seat, on: date | None = None) -> None:
        event = ProfessionalLeaving(
            professional=seat.professional, municipality=self.heard.municipality, leaving_on=on or await self.heard.today()
        )
        await self.heard.tell(seat.professional, event)


async def settled(world: World, new_id: Callable[[], UUID] = uuid4) -> Municipality:
    """Everything the directory would say, said and heard. `new_id`: where everyone's id comes from."""
    heard = Heard(world, "registry")
    code = heard.municipality
    units = {name: new_id() for name in ("house", "intake", "team", "institution", "far")}
    people = {name: new_id() for name in SEATS}
    stands = {name: Seat(professional=people[name], unit=units[unit]) for name, (unit, _, _) in SEATS.items()}
    async with world.store("directory").transaction() as tx:
        for each in (code, ELSEWHERE):
            tx.publish(new_id(), _rules(each))
        for name, (kind, parent, leaders) in UNITS.items():
            told = UnitChanged(
                unit=units[name], municipality=ELSEWHERE if name == "far" else code, kind=kind, parent=parent and units[parent],
                district=None, sor=[], leaders=[people[leader] for leader in leaders], private=False, active=True,
            )  # fmt: skip
            tx.publish(units[name], told)
        for name, (unit, kind, leads) in SEATS.items():
            joined = ProfessionalJoined(
                professional=people[name], municipality=ELSEWHERE if unit == "far" else code, issuer=world.issuer.url,
                login=str(people[name]), seats=[HeldSeat(unit=units[unit], unit_kind=kind, leads=leads)],
            )  # fmt: skip
            tx.publish(people[name], joined)
        intake = IntakeChanged(
            municipality=code, district=None, lead=stands["lead"], deputy=stands["deputy"], leader=stands["chief"]
        )
        tx.publish(units["intake"], intake)
        service = ClientChanged(
            client=new_id(), client_id="service-test", kind="service", municipality=None, organisation=None,
            sends_for=[], roles=[], active=True,
        )  # fmt: skip
        tx.publish(service.client, service)
    await heard.hear("directory")
    return Municipality(world, heard, **stands)


def _rules(code: str) -> MunicipalityChanged:
    return MunicipalityChanged(
        municipality=code, active=True, answer_working_days=3, remind_working_days_before=1, escalate_working_days=1,
        absence_limit_days=14, support_days=30, closing_days=[], hospital_notification_basis=False,
    )  # fmt: skip
