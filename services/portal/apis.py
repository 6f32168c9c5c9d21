"""The services' public APIs, asked in a person's name with their own token; and names for the ids they speak in."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2

from services.chassis.client import Peers
from services.chassis.errors import LogInAgain, Problem, TryAgainSoon

# Names of employees and units are no secret within their municipality, and asked for on every page.
_NAMES_SECONDS = 60
_AT_ONCE = 12
# The most that persons names in one answer.
_NAMED_AT_ONCE = 100


class TheServiceSaysNo(Problem):
    """A refusal of one of the services, as it was given: `problem` is its type, `said` the whole of it."""

    def __init__(self, status: int, said: dict[str, Any]) -> None:
        super().__init__(str(said.get("detail") or said.get("title") or ""))
        self.code, self.said = status, said
        self.problem = str(said.get("type", "")).rpartition("/")[2]


@dataclass(frozen=True)
class Answer:
    """What a service answered. `version`: the ETag, where there is one."""

    body: Any
    version: int | None


class Apis:
    """One person's view of the services for the length of one request."""

    def __init__(self, peers: Peers, token: str, municipality: str, names: "Names") -> None:
        self._peers, self._token, self.municipality, self._names = peers, token, municipality, names
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._people: dict[str, dict[str, Any] | None] = {}

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """The body. TheServiceSaysNo for a refusal, LogInAgain where the token has ended, TryAgainSoon where all is away."""
        return (await self.ask("GET", service, path, query)).body

    async def found(self, service: str, path: str, **query: Any) -> Any | None:
        """The body, or None where there is no such thing for this person."""
        try:
            return await self.get(service, path, **query)
        except TheServiceSaysNo as no:
            if no.code in (403, 404):
                return None
            raise

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Any = None,
        key: str | None = None,
        version: int | None = None,
    ) -> Answer:
        """`key`: the form's one-time id, under which the service answers a second click as the first."""
        headers = {}
        if key:
            headers["idempotency-key"] = key
        if version is not None:
            headers["if-match"] = f'"{version}"'
        answer = await self._answered(method, service, path, query, body, headers)
        try:
            said = answer.json() if answer.content else None
        except ValueError as error:
            raise TryAgainSoon(f"{service} answered something that is not JSON.") from error
        tag = answer.headers.get("etag", "").strip('"')
        return Answer(said, int(tag) if tag.isdecimal() else None)

    async def file(self, service: str, path: str, **query: Any) -> httpx2.Response:
        """An answer that is a file, as it is."""
        return await self._answered("GET", service, path, query, None, {})

    async def _answered(
        self, method: str, service: str, path: str, query: dict[str, Any] | None, body: Any, headers: dict[str, str]
    ) -> httpx2.Response:
        params = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        sent = {"authorization": f"Bearer {self._token}", **headers}
        async with self._turns:
            answer = await self._peers.in_name_of(sent, method, service, path, params, body)
        if answer.status_code == 401:
            raise LogInAgain("The log-in has ended.")
        if answer.status_code >= 500:
            raise TryAgainSoon(f"{service} does not answer just now.")
        if answer.status_code >= 400:
            raise TheServiceSaysNo(answer.status_code, _problem(answer))
        return answer

    # -- names -------------------------------------------------------------------------------------------------------------

    async def person(self, professional: object) -> dict[str, Any] | None:
        """A professional as the directory shows them, up to a minute old; None for one whom this person may not see."""
        found: dict[str, Any] | None = await self._names.get(
            (self.municipality, "professional", str(professional)),
            lambda: self.found("directory", f"/directory/professionals/{professional}"),
        )
        return found

    async def unit(self, unit: object) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self._names.get(
            (self.municipality, "unit", str(unit)), lambda: self.found("directory", f"/directory/units/{unit}")
        )
        return found

    async def people_of(self, unit: object) -> list[dict[str, Any]]:
        """Who has a seat in a unit; the first 200."""
        answer = await self._names.get(
            (self.municipality, "people", str(unit)),
            lambda: self.found("directory", "/directory/professionals", unit=unit, limit=200),
        )
        return list((answer or {}).get("professionals", ()))

    async def names_of(self, professionals: Iterable[object], units: Iterable[object] = ()) -> dict[str, str]:
        """Names by id, of those that can be named."""
        people = {str(one) for one in professionals if one}
        places = {str(one) for one in units if one}
        found = await asyncio.gather(*(self.person(one) for one in people), *(self.unit(one) for one in places))
        return {id: each["name"] for id, each in zip([*people, *places], found, strict=True) if each}

    async def children(self, references: Iterable[object]) -> dict[str, dict[str, Any]]:
        """What children, or others whom persons knows, are called; each reading is logged there.

        Absent: those whom this person may not see. A child without a name yet is known by its mother's: `mother_name`.
        """
        wanted = sorted({str(one) for one in references})
        asked = [wanted[first : first + _NAMED_AT_ONCE] for first in range(0, len(wanted), _NAMED_AT_ONCE)]
        found = await asyncio.gather(*(self.get("persons", "/persons/named", person=some) for some in asked))
        return {each["person"]: each for some in found for each in some["people"]}

    async def child(self, reference: object) -> dict[str, Any] | None:
        """One child as persons shows it, the reading logged there.

        A child without a name yet is known by its mother's, for those who may see her: `mother_name`.
        """
        found = await self.identity(reference)
        if found and not found.get("name") and found.get("mother"):
            found["mother_name"] = (await self.identity(found["mother"]) or {}).get("name")
        return found

    async def identity(self, reference: object) -> dict[str, Any] | None:
        """A child or an adult as persons shows them; asked for once on a page, however often it is shown there."""
        key = str(reference)
        if key not in self._people:
            self._people[key] = await self.found("persons", f"/persons/{key}")
        return self._people[key]


class Names:
    """What was asked of the directory within the last minute, per municipality."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[float, Any]] = {}

    async def get(self, key: tuple[str, str, str], ask: Any) -> Any:
        until, known = self._known.get(key, (0.0, None))
        if time.monotonic() < until:
            return known
        found = await ask()
        if len(self._known) > 20_000:
            self._known.clear()
        self._known[key] = (time.monotonic() + _NAMES_SECONDS, found)
        return found


def _problem(answer: httpx2.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(value: Any) -> str | list[str]:
    """As it stands in a query; a list is the same name again and again."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_uuid(text: str) -> UUID | None:
    """None for anything that is no id: what a form says is never put into an address unread."""
    try:
        return UUID(text)
    except ValueError:
        return None
