"""A ward that sends and an intake that receives, in the demo town."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from services.chassis import who
from services.chassis.service import Apply, FetchFirst, Received
from services.demo import town
from services.events import Event
from services.events.directory import HeldSeat, ProfessionalJoined
from services.midwife import service
from services.midwife.fhir.bundle import Organisation
from services.midwife.fhir.codes import CPR
from tests.support import fhir_messages
from tests.support.world import Answer, Someone, World

PROCESS_MESSAGE = "/fhir/$process-message"
JSON, XML = "application/fhir+json", "application/fhir+xml"
A_NUMBER = {"system": CPR, "value": "0101900000"}
A_NAME = "Søs Attrap Prøve"
A_SECRET = "Hun sover dårligt og er bange for fødslen"


@dataclass
class Ward:
    """The region's ward and what it reaches: `world`, the system that sends, and the people of the receiving intake."""

    world: World

    @property
    def system(self) -> Someone:
        return self.world.as_client("maternity-havby")

    @property
    def gateway(self) -> Someone:
        return self.world.as_client("vans-gateway")

    @property
    def lead(self) -> Someone:
        return self.world.as_professional("inge")

    @property
    def nurse(self) -> Someone:
        return self.world.as_professional("birgit")

    @property
    def stranger(self) -> Someone:
        return self.world.as_professional("skovby-lead")

    @property
    def persons(self) -> Someone:
        return self.world.as_client("service-persons")

    async def midwife(self) -> Someone:
        """A professional of the ward, new each time."""
        login = str(uuid4())
        seat = HeldSeat(unit=self.id_of("maternity"), unit_kind="maternity")
        issuer = self.world.issuer
        await self.hear(
            ProfessionalJoined(professional=uuid4(), municipality="0461", issuer=issuer.url, login=login, seats=[seat])
        )
        return self.world.with_token(issuer.token(login))

    def id_of(self, name: str) -> UUID:
        return UUID(self.world.names[name])

    async def hear(self, *events: Event) -> None:
        """The midwife service applies what another service says."""
        handlers: Mapping[type[Event], Apply | FetchFirst]
        for event in events:
            async with self.world.store("midwife").transaction() as tx:
                for handlers in (who.HANDLERS, service.handlers):
                    handler = handlers.get(type(event))
                    if handler:
                        assert not isinstance(handler, FetchFirst)
                        await handler(Received(event, str(uuid4()), uuid4(), 1, datetime.now(UTC)), tx)

    def notification(self, **more: Any) -> dict[str, Any]:
        """A structured notification of a pregnancy, addressed to the intake."""
        usual = {
            "kind": "pregnancy",
            "message_id": str(uuid4()),
            "receiver": {"sor": town.sor_of("intake")},
            "mother": {"identifiers": [A_NUMBER], "name": A_NAME},
            "due_on": "2027-06-01",
            "assessment": {"care_level": 2, "text": A_SECRET},
        }
        return {**usual, **more}

    async def notify(self, by: Someone | None = None, key: str | None = None, **more: Any) -> Answer:
        return await (by or self.system).post("/midwife/notifications", self.notification(**more), key=key)

    def organisations(self) -> dict[str, Organisation]:
        """Sender and receiver, as the message builders take them."""
        return {
            "sender": Organisation(town.sor_of("maternity"), fhir_messages.MATERNITY_WARD.gln),
            "receiver": Organisation(town.sor_of("intake"), fhir_messages.HEALTH_VISITORS.gln),
        }

    def letter(self, **more: Any) -> dict[str, Any]:
        """A CareCommunication to the intake."""
        return fhir_messages.care_communication(**{**self.organisations(), "texts": (A_SECRET,), **more})

    def admission(self, **more: Any) -> dict[str, Any]:
        """A HospitalNotification to the intake."""
        return fhir_messages.hospital_notification(**{**self.organisations(), **more})

    async def send(self, message: dict[str, Any], by: Someone | None = None, kind: str = JSON) -> Answer:
        content = fhir_messages.as_json(message) if kind.endswith("json") else fhir_messages.as_xml(message)
        return await self.send_bytes(content, kind, by)

    async def send_bytes(self, content: bytes, kind: str = JSON, by: Someone | None = None) -> Answer:
        return await (by or self.system).ask("POST", PROCESS_MESSAGE, headers={"content-type": kind}, content=content)

    async def listed(self, state: str = "to-place", by: Someone | None = None) -> list[dict[str, Any]]:
        found = await (by or self.lead).get("/midwife/notifications", params={"state": state})
        assert found.status == 200, found.body
        lines: list[dict[str, Any]] = found.body["notifications"]
        return lines

    async def placed_by_hand(self) -> str:
        """The id of a letter on the to-place list."""
        await self.send(self.letter())
        return str((await self.listed())[-1]["id"])
