"""Whether the consent that a programme needs stands: asked of persons at the moment it matters, and never remembered."""

from uuid import UUID

from services.chassis.errors import CannotBeApplied
from services.chassis.service import Runtime
from services.sundhedspleje.domain.programmes.definitions import NeededConsent


async def stands(runtime: Runtime, child: UUID, needed: NeededConsent) -> bool:
    """Whether everyone who must has consented to all of it. TryAgainSoon where persons is away."""
    asked = {
        "child": str(child),
        "recipient_kind": needed.recipient,
        "purpose": needed.purpose,
        "categories": needed.categories,
        "to_unit": None,
        "invoked": None,
    }
    try:
        decision = await runtime.peers.post("persons", "/persons/decisions", asked)
    except CannotBeApplied:
        return False
    return all(decision["bases"].get(category) == "consent" for category in needed.categories)
