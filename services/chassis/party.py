"""Who is asking: the party that every load and commit takes, and the caller behind it."""

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Kind = Literal["municipality", "organisation", "family", "service", "machine"]


@dataclass(frozen=True)
class Party:
    """On whose behalf something is read or changed; row-level security reads the same."""

    kind: Kind
    municipality: str | None = None
    organisation: str | None = None
    professional: UUID | None = None

    def as_json(self) -> dict[str, str]:
        pairs = {
            "kind": self.kind,
            "municipality": self.municipality,
            "organisation": self.organisation,
            "professional": self.professional,
        }
        return {name: str(value) for name, value in pairs.items() if value is not None}

    def __str__(self) -> str:
        return f"{self.kind}:{self.municipality or self.organisation or ''}"


MACHINE = Party("machine")


@dataclass(frozen=True)
class Bearer:
    """What a verified token says: only who. `who` goes to the database, which knows what they may be."""

    who: dict[str, str]

    @property
    def client(self) -> str:
        """The owner of stored answers: a person or a system, never the program in between."""
        return self.who.get("client_id") or f"{self.who['issuer']}|{self.who['login']}"


@dataclass(frozen=True)
class CallerSeat:
    """A seat of the caller."""

    unit: UUID
    unit_kind: str
    leads: bool


@dataclass(frozen=True)
class Caller:
    """Who is asking as the directory knows them: a professional with seats, or a system with roles."""

    party: Party
    client: str
    client_id: str | None = None
    sends_for: tuple[str, ...] = ()
    roles: frozenset[str] = frozenset()
    seats: tuple[CallerSeat, ...] = field(default=())

    @classmethod
    def of(cls, bearer: Bearer, found: dict[str, Any]) -> "Caller":
        """From what the SQL function `caller` answers."""
        professional = UUID(found["professional"]) if found.get("professional") else None
        return cls(
            party=Party(found["kind"], found.get("municipality"), found.get("organisation"), professional),
            client=bearer.client,
            client_id=found.get("client_id"),
            sends_for=tuple(found.get("sends_for") or ()),
            roles=frozenset(found.get("roles") or ()),
            seats=tuple(CallerSeat(UUID(seat["unit"]), seat["unit_kind"], seat["leads"]) for seat in found.get("seats") or ()),
        )

    @property
    def professional(self) -> UUID | None:
        return self.party.professional

    @property
    def is_service(self) -> bool:
        return self.party.kind == "service"

    def works_in(self, unit: UUID) -> bool:
        return any(seat.unit == unit for seat in self.seats)

    def leads(self, unit: UUID) -> bool:
        return any(seat.unit == unit and seat.leads for seat in self.seats)
