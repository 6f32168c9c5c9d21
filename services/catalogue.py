"""The one file that names every service."""

from services import daycare, directory, indicators, midwife, notifications, persons, portal, registry, sundhedspleje
from services.chassis.service import Service

SERVICES: tuple[Service, ...] = (
    midwife.service,
    persons.service,
    directory.service,
    registry.service,
    sundhedspleje.service,
    daycare.service,
    notifications.service,
    indicators.service,
    portal.service,
)

# Path prefixes that belong to a service beside its own name; `/` is the bare address alone.
EXTRA_PATHS: dict[str, str] = {"/fhir": "midwife", "/familie": "portal", "/": "portal"}


def names() -> list[str]:
    return [service.name for service in SERVICES]


def service_of_path(path: str) -> str | None:
    """Which service answers a path: the chart's Ingress, the compose gateway and the local gateway follow it."""
    for prefix, name in EXTRA_PATHS.items():
        if path == prefix or path.startswith(prefix + "/"):
            return name
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first if first in names() else None
