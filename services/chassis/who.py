"""Every service knows who may call: professionals with their seats, and systems, as the directory tells."""

from collections.abc import Mapping
from typing import Any

from services.chassis.service import Apply, Received
from services.chassis.store import Tx
from services.events import Event
from services.events.directory import (
    ClientChanged,
    ProfessionalChanged,
    ProfessionalJoined,
    ProfessionalLeaving,
    ProfessionalLeft,
)

# One statement per event, so that a run of events goes to PostgreSQL in one go. Who joins is active whatever stood before.
_PROFESSIONAL = """
with person as (
  insert into professional (id, municipality, issuer, login, state) values ($1, $2, $3, $4, 'active')
  on conflict (id) do update set municipality = excluded.municipality, issuer = excluded.issuer, login = excluded.login
    {state}
), gone as (
  delete from workplace where professional = $1 and unit <> all ($5::uuid[])
)
insert into workplace (professional, unit, unit_kind, leads)
  select $1, seat.unit, seat.unit_kind, seat.leads
  from unnest($5::uuid[], $6::text[], $7::boolean[]) seat (unit, unit_kind, leads)
  on conflict (professional, unit) do update set unit_kind = excluded.unit_kind, leads = excluded.leads
"""
_JOINED = _PROFESSIONAL.format(state=", state = 'active'")
_CHANGED = _PROFESSIONAL.format(state="")
_LEAVING = "update professional set state = 'leaving' where id = $1 and state = 'active'"
_LEFT = "with seats as (delete from workplace where professional = $1) update professional set state = 'left' where id = $1"
_CLIENT = """
insert into client (client_id, id, kind, municipality, organisation, sends_for, roles, active)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (client_id) do update set id = excluded.id, kind = excluded.kind, municipality = excluded.municipality,
    organisation = excluded.organisation, sends_for = excluded.sends_for, roles = excluded.roles, active = excluded.active
"""


async def know_professional(received: Received[Any], tx: Tx) -> None:
    """From now on this log-in is this professional, with these seats."""
    event: ProfessionalJoined | ProfessionalChanged = received.event
    await tx.later(
        _JOINED if isinstance(event, ProfessionalJoined) else _CHANGED,
        *(event.professional, event.municipality, event.issuer, event.login),
        *([seat.unit for seat in event.seats], [seat.unit_kind for seat in event.seats], [seat.leads for seat in event.seats]),
    )


async def know_leaving(received: Received[ProfessionalLeaving], tx: Tx) -> None:
    """Who is leaving may still log in and hand over."""
    await tx.later(_LEAVING, received.event.professional)


async def know_left(received: Received[ProfessionalLeft], tx: Tx) -> None:
    """Who has left is nobody here any more."""
    await tx.later(_LEFT, received.event.professional)


async def know_client(received: Received[ClientChanged], tx: Tx) -> None:
    """From now on this client id is this system."""
    event = received.event
    await tx.later(
        _CLIENT,
        *(event.client_id, event.client, event.kind, event.municipality, event.organisation),
        *(event.sends_for, event.roles, event.active),
    )


HANDLERS: Mapping[type[Event], Apply] = {
    ProfessionalJoined: know_professional,
    ProfessionalChanged: know_professional,
    ProfessionalLeaving: know_leaving,
    ProfessionalLeft: know_left,
    ClientChanged: know_client,
}
