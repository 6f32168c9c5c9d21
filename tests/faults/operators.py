"""What the product's own services and its operators ask of the registry, beside what people do."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.load import Load

# The number of the client, a child, and what the clients believe of it.
Act = Callable[[int, str, Any], Awaitable[None]]

_SERVICE, _OPERATOR, _SHOWS_THE_FAMILY = "service-sundhedspleje", "service-registry", "service-persons"


def asks(*addresses: str) -> frozenset[str]:
    """The addresses of the contract, given without the service's own part: `GET children/{child_ref}`."""
    return frozenset(address.replace(" ", " /registry/", 1) for address in addresses)


class Operators:
    """Acts for a load. None of them moves a baton."""

    def __init__(self, load: "Load") -> None:
        self._load = load

    def acts(self) -> list[tuple[int, Act, frozenset[str]]]:
        """Each with its weight and what it asks."""
        return [
            (2, self._read_current, asks("GET current")),
            (2, self._read_feed, asks("GET feed/ends", "GET feed")),
            (2, self._read_subject, asks("GET subjects/{subject}/events")),
            (1, self._read_access, asks("GET access")),
            (1, self._list_letters, asks("GET dead-letters")),
            (1, self._replay_letter, asks("POST dead-letters/{letter}/replay")),
            (1, self._skip_letter, asks("POST dead-letters/{letter}/skip")),
        ]

    async def _read_current(self, number: int, child: str, _: Any) -> None:
        await self._load.look(number, "", "read_current", f"/registry/current?after={child}&limit=20", _SERVICE)

    async def _read_feed(self, number: int, _: str, __: Any) -> None:
        """From somewhere in it to its end."""
        ends = await self._load.look(number, "", "read_feed_ends", "/registry/feed/ends", _SERVICE)
        if not ends:
            return
        partition = self._load.chance.choice(sorted(ends))
        after = self._load.chance.randint(0, ends[partition])
        await self._load.look(number, "", "read_feed", f"/registry/feed?partition={partition}&after={after}", _SERVICE)

    async def _read_subject(self, number: int, child: str, _: Any) -> None:
        await self._load.look(number, "", "read_subject", f"/registry/subjects/{child}/events?after=2", _SERVICE)

    async def _read_access(self, number: int, child: str, _: Any) -> None:
        await self._load.look(number, "", "read_access", f"/registry/access?subject={child}&limit=20", _SHOWS_THE_FAMILY)

    async def _list_letters(self, number: int, _: str, __: Any) -> Any:
        return await self._load.look(number, "", "list_letters", "/registry/dead-letters", _OPERATOR)

    async def _replay_letter(self, number: int, child: str, known: Any) -> None:
        """Poison stays poison: it is refused, as is a letter that is not there."""
        letters = await self._list_letters(number, child, known)
        letter = self._load.chance.choice(letters)["id"] if letters else uuid.uuid4()
        await self._load.change(number, "", "replay_letter", f"/registry/dead-letters/{letter}/replay", _OPERATOR, None)

    async def _skip_letter(self, number: int, _: str, __: Any) -> None:
        """What was really laid aside is looked at when the run is over."""
        path = f"/registry/dead-letters/{uuid.uuid4()}/skip"
        await self._load.change(number, "", "skip_letter", path, _OPERATOR, None)
