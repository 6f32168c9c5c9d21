"""What the directory hears: that the registry has emptied every seat of someone who leaves."""

from services.chassis.errors import CannotBeApplied
from services.chassis.service import Received
from services.chassis.store import Tx
from services.directory import domain, repository
from services.events.registry import ProfessionalReleased


async def show_as_left(received: Received[ProfessionalReleased], tx: Tx) -> None:
    """Only now does the directory show *left*. CannotBeApplied for someone whose departure nobody registered."""
    person = await repository.professional(tx, received.event.professional)
    if person is None or person.state == "active":
        raise CannotBeApplied("the directory knows of no departure of this professional")
    event = domain.left(person)
    if event is not None:
        await repository.mark_left(tx, person.id)
        tx.publish(person.id, event)
