"""A small town as directory and registry tell of it on the bus, for tests of services that listen to them."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.chassis.calendar import date_of
from services.chassis.migrate import owner_dsn
from services.demo import town
from services.events import Event
from services.events.directory import AbsenceRegistered, ClientChanged, HeldSeat, ProfessionalJoined, UnitChanged, UnitKind
from services.events.envelope import Seat
from services.events.registry import ChildRegistered, TovholderChanged
from tests.support.world import Someone, World

ELSEWHERE = "0999"


@dataclass
class Heard:
    """What `listener` has heard. Only it is driven: the other services stay where they are."""

    world: World
    listener: str
    municipality: str = field(default_factory=lambda: town.municipalities()[0])

    async def tell(self, subject: UUID, *events: Event) -> None:
        """Facts of one source about one subject, said on the bus and heard by the listener."""
        source = events[0].source
        async with self.world.store(source).transaction() as tx:
            tx.publish(subject, *events)
        await self.hear(source)

    async def hear(self, source: str) -> None:
        while await self.world.running.relays[source].once():
            pass
        while await self.world.running.consumers[self.listener].once():
            pass

    async def unit(self, kind: UnitKind, private: bool = False, active: bool = True, municipality: str | None = None) -> UUID:
        """A unit, of the town unless another municipality is given."""
        unit = uuid4()
        told = UnitChanged(
            unit=unit,
            municipality=municipality or self.municipality,
            kind=kind,
            parent=None,
            district=None,
            sor=[],
            leaders=[],
            private=private,
            active=active,
        )
        await self.tell(unit, told)
        return unit

    async def professional(self, unit: UUID, kind: UnitKind, leads: bool = False, municipality: str | None = None) -> UUID:
        """Someone with one seat, who logs in by their id."""
        person = uuid4()
        told = ProfessionalJoined(
            professional=person,
            municipality=municipality or self.municipality,
            issuer=self.world.issuer.url,
            login=str(person),
            seats=[HeldSeat(unit=unit, unit_kind=kind, leads=leads)],
        )
        await self.tell(person, told)
        return person

    async def placement_system(self, municipality: str | None = None) -> Someone:
        """The system of a municipality's placement office."""
        client, client_id = uuid4(), f"placement-{uuid4().hex[:8]}"
        told = ClientChanged(
            client=client,
            client_id=client_id,
            kind="municipality",
            municipality=municipality or self.municipality,
            organisation=None,
            sends_for=[],
            roles=["placement"],
            active=True,
        )
        await self.tell(client, told)
        return self.world.as_client(client_id)

    async def pass_days(self, days: int) -> None:
        """Moves the clock of facts, and lets the listener's own clock do its work."""
        await self.move_clock(days)
        leader = self.world.running.leaders[self.listener]
        await leader.once()
        assert leader.trouble is None, leader.trouble

    async def move_clock(self, days: int) -> None:
        """Of facts; nobody has looked at it yet."""
        connection = await asyncpg.connect(owner_dsn(self.world.settings))
        try:
            await connection.execute("update chassis.clock set moved_by = moved_by + $1", timedelta(days=days))
        finally:
            await connection.close()

    def logged_in(self, person: UUID) -> Someone:
        return self.world.with_token(self.world.issuer.token(str(person)))

    async def today(self) -> date:
        return date_of(await self.world.now())

    async def child(self, holder: Seat, municipality: str | None = None, **known: Any) -> UUID:
        """A registered child with its tovholder; expected unless told otherwise."""
        child, code = uuid4(), municipality or self.municipality
        facts = {"notification_id": None, "mother": uuid4(), "order": 1, "status": "expected", "sibling_of": None, **known}
        await self.tell(
            child,
            ChildRegistered(child=child, municipality=code, **facts),
            TovholderChanged(
                child=child, municipality=code, tovholder=holder, before=None, why="registration", since=await self.world.now()
            ),
        )
        return child

    async def absence(self, of: UUID, deputy: Seat | None, days: int = 30) -> UUID:
        """From today on, with a deputy or nobody who answers."""
        absence, today = uuid4(), await self.today()
        told = AbsenceRegistered(
            absence=absence,
            professional=of,
            municipality=self.municipality,
            from_on=today,
            until_on=today + timedelta(days=days),
            deputy=deputy,
        )
        await self.tell(of, told)
        return absence
