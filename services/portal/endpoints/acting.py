"""What a form on a page does: one change at a service, then another page; or the same page again with what is wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Response

from services.portal.apis import as_uuid
from services.portal.endpoints.visiting import Again, Sent, Visit

Page = Callable[[], Awaitable[Response]]


async def done(
    sent: Sent,
    service: str,
    path: str,
    body: Any = None,
    *,
    about: Any = None,
    at_field: Mapping[str, str] | None = None,
    again: Page,
    to: str,
    said: str,
) -> Response:
    """`again`: the page with the errors at their fields; `to`: where it goes on, which says `said`."""
    if not sent.typed.wrong:
        try:
            await sent.post(service, path, body, about=about, at_field=at_field)
            return sent.to(to, said)
        except Again:
            pass
    return await again()


async def people_to_choose(visit: Visit, units: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(`professional.unit`, name and unit) of everybody who works in these units."""
    found = await asyncio.gather(*(visit.apis.people_of(unit["id"]) for unit in units))
    return [
        (f"{person['id']}.{unit['id']}", f"{person['name']}, {unit['name']}")
        for unit, people in zip(units, found, strict=True)
        for person in people
    ]


async def units_of(visit: Visit, *kinds: str) -> list[dict[str, Any]]:
    """The municipality's active units of these kinds, by name."""
    units = (await visit.apis.get("directory", "/directory/units"))["units"]
    own = visit.apis.municipality
    return sorted(
        (it for it in units if it["active"] and it["municipality"] == own and it["kind"] in kinds), key=lambda it: str(it["name"])
    )


def whole_number(text: str) -> int | None:
    """None for anything that is no number of a few digits."""
    return int(text) if len(text) < 9 and text.isascii() and text.isdecimal() else None


def ids(texts: list[str]) -> list[str]:
    """Those that are ids: what a form says is never believed."""
    return [str(found) for text in texts if (found := as_uuid(text))]
