"""What happens in a town, said as the services say it, and who was told of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.events import Event
from services.events.directory import ClientChanged
from services.events.envelope import Seat
from services.events.registry import ChildRegistered, HandoverProposed, TovholderChanged
from tests.support.world import Someone, World

AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
CPR = "urn:oid:1.2.208.176.1.2"
HAVBY, SKOVBY = "0990", "0991"


@dataclass
class Telling:
    """The town and its people by name."""

    world: World

    def id_of(self, name: str) -> UUID:
        return UUID(self.world.names[name])

    def seat(self, professional: str, unit: str) -> Seat:
        return Seat(professional=self.id_of(professional), unit=self.id_of(unit))

    def someone(self, name: str) -> Someone:
        return self.world.as_professional(name)

    async def say(self, subject: UUID, *events: Event) -> None:
        """A service says it, in one commit; nobody has heard it yet."""
        async with self.world.store(events[0].source).transaction() as tx:
            tx.publish(subject, *events)

    async def system(self, client_id: str, municipality: str = HAVBY, roles: tuple[str, ...] = ("record-system",)) -> Someone:
        """A municipality's own system, known to every service."""
        client = uuid4()
        told = ClientChanged(
            client=client, client_id=client_id, kind="municipality", municipality=municipality, organisation=None, sends_for=[],
            roles=list(roles), active=True,
        )  # fmt: skip
        await self.say(client, told)
        await self.world.settle()
        return self.world.as_client(client_id)

    async def give_out(self) -> None:
        """What waits for integrators is given, and every endpoint tried that is due."""
        await self.world.running.works["notifications.outward"].once()

    async def register(self, notification: UUID | None = None) -> UUID:
        """A child whose tovholder is Inge, the intake lead; everyone has heard of it."""
        child = uuid4()
        await self.say(child, self.registered(child, notification), self.changed(child, None, self.seat("inge", "intake")))
        await self.world.settle()
        return child

    async def expect(self, email: str | None = "mor@example.dk") -> UUID:
        """A child whose mother persons knows, registered by hand; everyone has heard of it."""
        mother = {"identifiers": [{"system": CPR, "value": "0101900000"}], "name": "Søs Attrap Prøve", "email": email}
        child = {"mother": mother, "due_on": "2027-06-01", "reason": "not-notified", "unit": self.world.names["intake"]}
        answered = await self.someone("inge").post("/persons/children", child)
        assert answered.status == 201, answered.body
        await self.world.settle()
        return UUID(answered.body["child"])

    def registered(self, child: UUID, notification: UUID | None = None) -> ChildRegistered:
        return ChildRegistered(
            child=child,
            municipality=HAVBY,
            notification_id=notification,
            mother=None,
            order=1,
            status="expected",
            sibling_of=None,
        )

    def changed(self, child: UUID, before: Seat | None, tovholder: Seat) -> TovholderChanged:
        why = "acceptance" if before else "registration"
        return TovholderChanged(child=child, municipality=HAVBY, tovholder=tovholder, before=before, why=why, since=AT)

    def proposed(self, child: UUID, receiver: Seat) -> HandoverProposed:
        return HandoverProposed(
            handover=uuid4(), child=child, municipality=HAVBY, giver=self.seat("inge", "intake"), receiver=receiver,
            reason="new-family", due_at=AT, effective_on=None,
        )  # fmt: skip

    async def deliveries(self, about: UUID) -> list[dict[str, Any]]:
        rows = await self.world.sql("notifications", "select * from delivery where about = $1 order by id", about)
        return [dict(row) for row in rows]

    async def told(self, about: UUID, kind: str) -> set[tuple[str, str, str]]:
        """(who, channel, state) of each delivery of a kind of notice; who: a name of the town, or `family`."""
        names = {identity: name for name, identity in self.world.names.items()}
        return {
            (names.get(str(row["recipient"]), row["to_whom"]), row["channel"], row["state"])
            for row in await self.deliveries(about)
            if row["kind"] == kind
        }

    async def tell(self) -> None:
        """The clock of notifications once, and what follows from it."""
        leader = self.world.running.leaders["notifications"]
        await leader.once()
        assert leader.trouble is None, leader.trouble
        await self.world.settle()
