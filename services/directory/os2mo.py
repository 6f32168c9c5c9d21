"""Follows a municipality's organisation system over its event API, as OS2mo has it: an event is a hint to read again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from services.chassis.calendar import date_of
from services.chassis.errors import NotUnderstood, Problem, RuleViolated, TryAgainSoon
from services.chassis.log import logger
from services.chassis.store import Store, Tx
from services.directory import importing, repository
from services.directory.domain import NotMoreThanAThirdGoesAtOnce
from services.directory.importing import TheFileCannotBeImported
from services.events.directory import UnitKind
from services.events.envelope import Municipality

# The kinds of objects whose changes concern us; what an event's subject is an id of.
KEYS = ("org_unit", "person", "engagement", "manager", "ituser", "address", "leave")
# The collection in which an object is found again that only belongs to a person or a unit.
_COLLECTIONS = {
    "engagement": "engagements",
    "manager": "managers",
    "ituser": "itusers",
    "address": "addresses",
    "leave": "leaves",
}
_EVENTS_AT_ONCE, _PAGE = 50, 200
_IDLE_SECONDS, _LONGEST_PAUSE_SECONDS = 2.0, 60.0

_DECLARE = """mutation DeclareListener($user_key: String!, $routing_key: String!) {
  event_listener_declare(input: {namespace: "mo", user_key: $user_key, routing_key: $routing_key}) { uuid }
}"""
_FETCH = "query FetchEvent($listener: UUID!) { event_fetch(filter: {listener: $listener}) { subject token } }"
_ACKNOWLEDGE = "mutation Acknowledge($token: EventToken!) { event_acknowledge(input: {token: $token}) }"
_OF_UNIT = "uuid name unit_type { user_key } ancestors { uuid name unit_type { user_key } }"
_UNITS = f"""query Units($uuids: [UUID!]) {{
  org_units(filter: {{uuids: $uuids}}) {{ objects {{ uuid current {{ {_OF_UNIT} }} }} }}
}}"""
# The civil registration number stands there too, and is never asked for.
_PEOPLE = f"""query People($uuids: [UUID!], $login_system: [String!]) {{
  employees(filter: {{uuids: $uuids}}) {{ objects {{ uuid current {{
    name
    addresses(filter: {{address_type: {{scope: "EMAIL"}}}}) {{ value }}
    itusers(filter: {{itsystem: {{user_keys: $login_system}}}}) {{ user_key external_id }}
    engagements {{ uuid org_unit {{ {_OF_UNIT} }} }}
    manager_roles {{ uuid org_unit {{ {_OF_UNIT} }} }}
    leaves(filter: {{from_date: null, to_date: null}}) {{ uuid validity {{ from to }} }}
  }} }} }}
}}"""
_WHOSE = """query Whose($uuids: [UUID!]) {{
  {collection}(filter: {{uuids: $uuids, from_date: null, to_date: null}}) {{ objects {{ validities {{ employee_uuid }} }} }}
}}"""
_PAGE_OF = """query Page($limit: int, $cursor: Cursor) {{
  {collection}(limit: $limit, cursor: $cursor) {{ objects {{ uuid }} page_info {{ next_cursor }} }}
}}"""


class TheSystemIsAway(TryAgainSoon):
    """The organisation system, or the provider of its tokens, does not answer or answers with an error."""


class TheSystemRefuses(TheSystemIsAway):
    """It answers, and says that it cannot answer this: perhaps one subject of several."""


class Source(BaseModel):
    """Where a municipality's system is and how its words are ours.

    `graphql_url`: with the version, as `https://mo.example.dk/graphql/v25`. `token_url`, `client_id`, `secret_file`: client
    credentials; the secret is read at each use. `unit_types`: its unit types by user key → our kinds; a unit of another type is
    none of ours. `login_system`: user key of the IT system whose accounts are log-ins at our provider.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    municipality: Municipality
    graphql_url: str
    token_url: str
    client_id: str
    secret_file: Path
    unit_types: dict[str, UnitKind]
    login_system: str | None = None

    @classmethod
    def read(cls, url: str, file: Path) -> "Source":
        """NotUnderstood, naming each place, for a settings file that does not fit."""
        try:
            content = yaml.safe_load(file.read_text())
            return cls.model_validate({**(content if isinstance(content, dict) else {}), "graphql_url": url})
        except OSError as error:
            raise NotUnderstood(f"The settings {file.name} cannot be read: {error.strerror}.") from error
        except yaml.YAMLError as error:
            raise NotUnderstood(f"The settings {file.name} are not YAML.") from error
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False))
            raise NotUnderstood(f"The settings {file.name} do not fit: {wrong}.") from None


class Os2mo:
    """The system's GraphQL API. TheSystemIsAway for whatever a repetition may mend."""

    def __init__(self, source: Source, http: httpx2.AsyncClient) -> None:
        self._source, self._http = source, http
        self._token, self._until = "", 0.0

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The `data` of the answer. A token that is refused is fetched anew, once."""
        answer = await self._post(query, variables)
        if answer.status_code == 401:
            self._until = 0.0
            answer = await self._post(query, variables)
        if answer.status_code >= 300:
            raise TheSystemIsAway(f"The organisation system answered {answer.status_code}.", cause=f"http-{answer.status_code}")
        content = _json(answer)
        data = content.get("data")
        if content.get("errors") or not isinstance(data, dict):
            # Its messages may quote what was asked for: they are counted, not repeated.
            raise TheSystemRefuses("The organisation system answered with an error.", cause="graphql-error")
        return data

    async def _post(self, query: str, variables: dict[str, Any]) -> httpx2.Response:
        headers = {"authorization": f"Bearer {await self._access_token()}"}
        body = {"query": query, "variables": variables}
        try:
            return await self._http.post(self._source.graphql_url, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise TheSystemIsAway("The organisation system does not answer.", cause=type(error).__name__) from error

    async def _access_token(self) -> str:
        # The real clock: tokens are machinery.
        if time.time() > self._until - 10:
            form = {"grant_type": "client_credentials", "client_id": self._source.client_id}
            try:
                secret = await asyncio.to_thread(self._source.secret_file.read_text)
                answer = await self._http.post(self._source.token_url, data={**form, "client_secret": secret.strip()})
                found = _json(answer.raise_for_status())
                self._token, self._until = str(found["access_token"]), time.time() + float(found.get("expires_in", 60))
            except (httpx2.HTTPError, OSError, KeyError, ValueError) as error:
                raise TheSystemIsAway("There is no token for the organisation system.", cause=type(error).__name__) from error
        return self._token


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError as error:
        raise TheSystemIsAway("The organisation system answered something that is not JSON.", cause="no-json") from error
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Event:
    """Something about the subject, an object of this kind, may have changed."""

    kind: str
    subject: str
    token: str


# What one subject may have and another not: then each is tried alone.
_DOES_NOT_FIT = (TheFileCannotBeImported, RuleViolated, TheSystemRefuses, KeyError, TypeError, ValueError, AttributeError)


@dataclass
class _Picture:
    """What stands in the system, as a part of a file; and who is no longer there."""

    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    gone_units: set[UUID] = field(default_factory=set)
    gone_people: set[UUID] = field(default_factory=set)


class Follower:
    """One municipality's system followed by one process at a time.

    An event says only that something about a subject may have changed, so what stands is read again: duplicates, reordering and
    events that come long after do no harm. An event is acknowledged when what it led to is committed; killed in between, it
    comes again and changes nothing. What is refused is not acknowledged: the system offers it again, and shows it to its people.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        http: httpx2.AsyncClient,
        *,
        issuer: str | None,
        lease_seconds: int = 15,
        yes_many_leave: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._source, self._issuer, self._pause = store, source, issuer, pause
        self._system = Os2mo(source, http)
        self._lease = f"os2mo-{source.municipality}", uuid4(), lease_seconds
        self._yes_many_leave = yes_many_leave
        self._listeners: dict[str, str] = {}

    async def follow(self) -> None:
        """For ever; what is away is waited for, longer each time, at most a minute."""
        pause = 1.0
        while True:
            try:
                came = await self.once()
                pause = 1.0
            except (Problem, TimeoutError) as error:
                logger().warning("os2mo.paused", why=type(error).slug() if isinstance(error, Problem) else "timeout",
                                 cause=getattr(error, "cause", None), seconds=pause)  # fmt: skip
                await self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            if not came:
                await self._pause(_IDLE_SECONDS)

    async def once(self) -> int:
        """Events of one round taken in and acknowledged; 0 where there are none, or another process follows."""
        epoch = await self._leading()
        if epoch is None:
            return 0
        events = await self._fetched()
        if not events:
            return 0
        try:
            await self._taken_in(events, epoch)
        except _DOES_NOT_FIT as error:
            if isinstance(error, NotMoreThanAThirdGoesAtOnce):
                raise
            await self._one_by_one(events, epoch)
        return len(events)

    async def everything(self) -> None:
        """All units and people read once and taken in together: at the first start, or after the system was restored.

        Who stands in the directory and not in the system is leaving; NotMoreThanAThirdGoesAtOnce where that would be many.
        """
        while (epoch := await self._leading()) is None:
            await self._pause(1.0)
        picture = _Picture()
        async for units in self._pages("org_units"):
            await self._read_units(picture, units)
        people: set[UUID] = set()
        async for page in self._pages("employees"):
            await self._read_people(picture, page)
            people |= {UUID(uuid) for uuid in page}
            await self._leading()
        async with self._store.transaction() as tx:
            standing = await repository.snapshot(tx, [self._source.municipality])
        picture.gone_people |= set(standing.professionals) - people
        await self._commit(picture, epoch)

    async def _one_by_one(self, events: Sequence[Event], epoch: int) -> None:
        """So that what does not fit holds up itself alone; not acknowledged, it comes again."""
        for event in events:
            try:
                await self._taken_in([event], epoch)
            except _DOES_NOT_FIT as error:
                places = [f"{place['at']}: {place['says']}" for place in getattr(error, "more", {}).get("places", ())]
                why = type(error).slug() if isinstance(error, Problem) else "not-as-expected"
                logger().error("os2mo.refused", kind=event.kind, subject=event.subject, why=why, places=places[:5])

    async def _leading(self, tx: Tx | None = None) -> int | None:
        """The epoch of the lease, None where another process has it."""
        if tx is not None:
            held: int | None = await tx.fetchval("select take_lease($1, $2, $3)", *self._lease)
            return held
        taken: int | None = await self._store.call("take_lease", *self._lease, role="machine")
        return taken

    async def _fetched(self) -> list[Event]:
        """A few of each kind in turn."""
        for key in KEYS:
            if key not in self._listeners:
                said = await self._system.ask(_DECLARE, user_key=f"tovholder-{self._source.municipality}-{key}", routing_key=key)
                self._listeners[key] = said["event_listener_declare"]["uuid"]
        events: list[Event] = []
        waiting = dict(self._listeners)
        while waiting and len(events) < _EVENTS_AT_ONCE:
            for key, listener in list(waiting.items()):
                found = (await self._system.ask(_FETCH, listener=listener))["event_fetch"]
                if found is None:
                    del waiting[key]
                else:
                    events.append(Event(key, found["subject"], found["token"]))
        return events

    async def _taken_in(self, events: Sequence[Event], epoch: int) -> None:
        """Read, committed, acknowledged: in this order."""
        picture = _Picture()
        of: dict[str, set[str]] = {}
        for event in events:
            of.setdefault(event.kind, set()).add(str(UUID(event.subject)))
        people = of.pop("person", set())
        units = of.pop("org_unit", set())
        for kind, subjects in of.items():
            people |= await self._whose(kind, subjects)
        await self._read_units(picture, sorted(units))
        await self._read_people(picture, sorted(people))
        await self._commit(picture, epoch)
        for event in events:
            await self._system.ask(_ACKNOWLEDGE, token=event.token)

    async def _whose(self, kind: str, subjects: set[str]) -> set[str]:
        """The people to whom engagements, accounts … belong, or belonged."""
        collection = _COLLECTIONS[kind]
        said = await self._system.ask(_WHOSE.format(collection=collection), uuids=sorted(subjects))
        whose = [each["employee_uuid"] for found in said[collection]["objects"] for each in found["validities"]]
        if not whose:
            logger().info("os2mo.nothing_there", kind=kind, subjects=sorted(subjects)[:5])
        return {each for each in whose if each}

    async def _commit(self, picture: _Picture, epoch: int) -> None:
        code = self._source.municipality
        async with self._store.transaction() as tx:
            # First the lock, then the lease: who follows after us has read after us, and waits here.
            await repository.lock_municipalities(tx, [code])
            if await self._leading(tx) != epoch:
                raise TryAgainSoon("Another process follows this system now.", seconds=self._lease[2])
            units = [*picture.units.values(), *[entry async for entry in self._closed(tx, picture)]]
            given = importing.Given({"units": units, "professionals": picture.people})
            leaving = dict.fromkeys(picture.gone_people, code)
            changes = await importing.take_in(
                tx, given, issuer=self._issuer, leaving=leaving, yes_many_leave=self._yes_many_leave
            )
        for note in changes.notes:
            logger().warning("os2mo.said_in_vain", note=note)
        if changes:
            logger().info("os2mo.taken_in", differences=len(changes.differences), told=dict(changes.events))

    async def _closed(self, tx: Tx, picture: _Picture) -> AsyncIterator[dict[str, Any]]:
        for number in picture.gone_units - {UUID(uuid) for uuid in picture.units}:
            for known in await repository.units(tx, number=number):
                if known.municipality == self._source.municipality:
                    entry = {"id": str(number), "municipality": known.municipality, "kind": known.kind, "name": known.name}
                    yield {**entry, "active": False}

    async def _read_units(self, picture: _Picture, uuids: Sequence[str]) -> None:
        if not uuids:
            return
        said = await self._system.ask(_UNITS, uuids=list(uuids))
        found = {each["uuid"]: each["current"] for each in said["org_units"]["objects"]}
        for uuid in uuids:
            if not found.get(uuid) or not self._unit(picture, found[uuid]):
                picture.gone_units.add(UUID(uuid))

    async def _read_people(self, picture: _Picture, uuids: Sequence[str]) -> None:
        if not uuids:
            return
        system = [self._source.login_system] if self._source.login_system else []
        said = await self._system.ask(_PEOPLE, uuids=list(uuids), login_system=system)
        found = {each["uuid"]: each["current"] for each in said["employees"]["objects"]}
        for uuid in uuids:
            person = self._person(picture, uuid, found[uuid]) if found.get(uuid) else None
            if person is None:
                logger().info("os2mo.person_not_here", professional=uuid)
                picture.gone_people.add(UUID(uuid))
            else:
                picture.people.append(person)

    def _unit(self, picture: _Picture, unit: Mapping[str, Any]) -> str | None:
        """Notes a unit with those above it; its id, or None where it is of no type we know."""
        chain = [each for each in [unit, *(unit.get("ancestors") or ())] if self._kind(each)]
        if not self._kind(unit):
            kind = (unit.get("unit_type") or {}).get("user_key")
            logger().info("os2mo.unit_type_not_followed", unit=unit["uuid"], unit_type=kind)
            return None
        for each, above in zip(chain, [*chain[1:], None], strict=True):
            picture.units[each["uuid"]] = {
                "id": each["uuid"],
                "municipality": self._source.municipality,
                "kind": self._kind(each),
                "name": each["name"],
                "parent": above["uuid"] if above else None,
                "active": True,
            }
        return str(unit["uuid"])

    def _kind(self, unit: Mapping[str, Any]) -> UnitKind | None:
        return self._source.unit_types.get((unit.get("unit_type") or {}).get("user_key") or "")

    def _person(self, picture: _Picture, uuid: str, person: Mapping[str, Any]) -> dict[str, Any] | None:
        """Someone with a seat in a unit of ours; None for everybody else."""
        seats: dict[str, dict[str, Any]] = {}
        for roles, leads in (("engagements", False), ("manager_roles", True)):
            for role in person[roles]:
                for unit in _each(role["org_unit"]):
                    number = self._unit(picture, unit)
                    if number is not None:
                        seat = seats.setdefault(number, {"unit": number, "leads": leads, "function": role["uuid"]})
                        seat["leads"] = seat["leads"] or leads
        if not seats:
            return None
        entry: dict[str, Any] = {
            "id": uuid,
            "municipality": self._source.municipality,
            "name": person["name"],
            "email": next((each["value"] for each in person["addresses"]), None),
            "seats": list(seats.values()),
            "absences": list(_absences(person["leaves"])),
        }
        if self._source.login_system:
            entry["login"] = next((each["external_id"] or each["user_key"] for each in person["itusers"]), None)
        return entry

    async def _pages(self, collection: str) -> AsyncIterator[list[str]]:
        cursor = None
        while True:
            said = (await self._system.ask(_PAGE_OF.format(collection=collection), limit=_PAGE, cursor=cursor))[collection]
            yield [each["uuid"] for each in said["objects"]]
            cursor = said["page_info"]["next_cursor"]
            if cursor is None:
                return


def _each(value: Any) -> list[Any]:
    """Some versions of the API give one, some a list of one."""
    return value if isinstance(value, list) else [value] if value else []


def _absences(leaves: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """A leave has a row for each change of it, and one of each engagement: days that meet are one absence, the first's."""
    rows = sorted((_day(leave["validity"]["from"]), leave["uuid"], _end(leave["validity"]["to"])) for leave in leaves)
    open_one: tuple[date, str, date] | None = None
    for begin, uuid, end in rows:
        if open_one and (uuid == open_one[1] or begin <= open_one[2]):
            open_one = open_one[0], open_one[1], max(open_one[2], end)
            continue
        if open_one:
            yield _absence(*open_one)
        open_one = begin, uuid, end
    if open_one:
        yield _absence(*open_one)


def _absence(begin: date, uuid: str, end: date) -> dict[str, Any]:
    return {"id": uuid, "from_on": begin, "until_on": None if end == date.max else end}


def _end(instant: str | None) -> date:
    return _day(instant) if instant else date.max


def _day(instant: str) -> date:
    return date_of(datetime.fromisoformat(instant))
