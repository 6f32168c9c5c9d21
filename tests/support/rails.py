"""Two tiny services on the chassis, one that says words and one that hears them, for tests of the chassis alone."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import httpx2
import psutil
import psycopg
import uvicorn
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from services.app import Running, create_app
from services.chassis.errors import CannotBeApplied, NotFound, NotYetKnown, RuleViolated, TryAgainSoon
from services.chassis.ids import new_id, partition_of
from services.chassis.migrate import migrate, owner_dsn, prepare
from services.chassis.request import Change, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.sealed import seal_of
from services.chassis.service import FetchFirst, Received, Runtime, Service, runtime_of
from services.chassis.settings import Settings
from services.chassis.store import Store, Tx
from services.demo.kafka import KafkaBroker
from services.demo.keys import make_secrets
from services.demo.postgres import PostgresServer
from services.demo.processes import free_port
from services.events import Event
from tests.support.issuer import AUDIENCE, Issuer
from tests.support.world import Someone

NAMES = ("directory", "speaker", "listener")
CHASSIS = Path(__file__).resolve().parents[2] / "services" / "chassis"
SECRET_NAME = "Rikke Canarysen"
UNLUCKY = 13
TOO_LARGE_FOR_A_COLUMN = 2**40


class WordSaid(Event, source="speaker"):
    """A number was said of a subject."""

    number: int


class PlainlySaid(Event, source="speaker"):
    """A number was said, and it is written down without looking."""

    number: int


class ThingOpened(Event, source="speaker"):
    """From now on the subject is known."""


class ToldAbout(Event, source="speaker"):
    """A number was said about another subject, which need not be known yet."""

    about: UUID
    number: int


class QuestionAsked(Event, source="speaker"):
    """The answer must be fetched from the speaker."""

    number: int


class NobodyLikesThisNumber(RuleViolated):
    """The listener refuses the unlucky number until it is allowed."""


class ThatWordIsTaken(RuleViolated):
    """A word stands once."""


class WordIn(BaseModel):
    """What is said."""

    model_config = ConfigDict(extra="forbid")

    subject: UUID
    number: int
    said_on: date | None = None
    name: str = ""


_speaker_api = APIRouter(prefix="/speaker", tags=["speaker"], route_class=UsualRoute)
_speaker = runtime_of("speaker")
Changing = Annotated[Change, Depends(change(_speaker))]
Looking = Annotated[Reading, Depends(reading(_speaker))]


@_speaker_api.post("/words", status_code=201)
async def say_word(body: WordIn, request: Changing) -> Response:
    async with request.begin() as begun:
        await begun.tx.execute(
            "insert into word (id, subject, number, name) values ($1, $2, $3, $4)", new_id(), body.subject, body.number, body.name
        )
        begun.tx.publish(body.subject, WordSaid(number=body.number), expected=begun.expected)
        version = (await begun.tx.flush())[str(body.subject)]
        return await begun.answer(201, {"subject": str(body.subject)}, version)


@_speaker_api.post("/promises", status_code=201)
async def promise(body: WordIn, request: Changing) -> Response:
    """Refused by PostgreSQL at the commit, and not before, where the number was promised already."""
    async with request.begin() as begun:
        await begun.tx.execute("insert into promise (number) values ($1)", body.number)
        begun.tx.publish(body.subject, WordSaid(number=body.number))
        return await begun.answer(201, {"subject": str(body.subject)})


@_speaker_api.post("/accidents")
async def have_an_accident(body: WordIn, request: Changing) -> Response:
    async with request.begin():
        raise RuntimeError(f"the word was {body.name}")


@_speaker_api.get("/words/{subject}")
async def words(subject: UUID, request: Looking) -> Response:
    async with request.begin() as look:
        await look.saw(subject, "identity")
        rows = await look.tx.fetch("select number from word where subject = $1", subject)
        if not rows:
            raise NotFound
    return answer(200, {"numbers": [row["number"] for row in rows]})


@_speaker_api.get("/answers/{number}")
async def give_answer(number: int, request: Looking) -> Response:
    async with request.begin() as look:
        look.only_services()
        state = await look.tx.fetchval("select state from oracle")
    if state == "away":
        raise TryAgainSoon
    if number > 100:
        raise NotFound
    return answer(200, {"answer": number * 2})


async def write_down(received: Received[WordSaid], tx: Tx) -> None:
    number = received.event.number
    if number < 0:
        raise CannotBeApplied("there is nothing below zero")
    if number == UNLUCKY and not await tx.fetchval("select true from allowed where number = $1", number):
        raise NobodyLikesThisNumber
    await _note(tx, received.subject, received.version, number)


async def write_down_plainly(received: Received[PlainlySaid], tx: Tx) -> None:
    await tx.later(_NOTE, received.subject, received.version, received.event.number)


async def know(received: Received[ThingOpened], tx: Tx) -> None:
    await tx.execute("insert into known (id) values ($1) on conflict do nothing", received.subject)
    tx.now_known(received.subject)


async def write_down_about(received: Received[ToldAbout], tx: Tx) -> None:
    if not await tx.fetchval("select true from known where id = $1", received.event.about):
        raise NotYetKnown(received.event.about)
    await _note(tx, received.event.about, received.version, received.event.number)
    if received.event.number < 0:
        raise CannotBeApplied("there is nothing below zero")


async def _ask(received: Received[QuestionAsked], runtime: Runtime) -> Any:
    return await runtime.peers.get("speaker", f"/speaker/answers/{received.event.number}")


async def _write_answer(received: Received[QuestionAsked], tx: Tx, found: Any) -> None:
    await _note(tx, received.subject, received.version, found["answer"])


async def _note(tx: Tx, subject: UUID, version: int, number: int) -> None:
    await tx.execute(_NOTE, subject, version, number)


_NOTE = "insert into note (subject, version, number) values ($1, $2, $3)"

SERVICES = (
    Service("directory", router=APIRouter()),
    Service("speaker", router=_speaker_api, says=(WordSaid,), rules={"word_is_taken": ThatWordIsTaken}),
    Service(
        "listener",
        router=APIRouter(),
        handlers={
            WordSaid: write_down,
            PlainlySaid: write_down_plainly,
            ThingOpened: know,
            ToldAbout: write_down_about,
            QuestionAsked: FetchFirst(_ask, _write_answer),
        },
    ),
)

_TABLES = {
    "directory": "",
    "speaker": """
        create table word (id uuid primary key, subject uuid not null, number int not null, name text not null,
          constraint word_is_taken unique (subject, number));
        create table promise (number int, constraint promised_once unique (number) deferrable initially deferred);
        create table oracle (state text not null); insert into oracle values ('here');
        grant select, insert on word, promise, oracle to speaker_api""",
    "listener": """
        create table note (id bigint generated always as identity primary key, subject uuid not null, version bigint not null,
          number int not null);
        create table known (id uuid primary key);
        create table allowed (number int);
        grant select, insert on note, known, allowed to listener_machine""",
}

PROFESSIONAL = UUID("00000000-0000-7000-8000-00000000000a")
LOGIN = "sub-of-anna"


@dataclass
class Rails:
    """The three schemas, the application over them, and how to look inside. Nothing runs by itself unless started."""

    settings: Settings
    running: Running
    http: httpx2.AsyncClient
    issuer: Issuer
    broker: KafkaBroker | None = None

    @property
    def anna(self) -> Someone:
        """A professional with a valid token."""
        return Someone(self, self.issuer.token(LOGIN))  # type: ignore[arg-type]

    @property
    def operator(self) -> Someone:
        """A service's own client, as operators use it."""
        return self.with_token(self.issuer.token("service-listener", "service-listener"))

    def with_token(self, token: str) -> Someone:
        return Someone(self, token)  # type: ignore[arg-type]

    @property
    def speaker(self) -> Store:
        return self.running.runtimes["speaker"].store

    @property
    def listener(self) -> Store:
        return self.running.runtimes["listener"].store

    async def publish(self, subject: UUID, *events: Event) -> None:
        async with self.speaker.transaction() as tx:
            tx.publish(subject, *events)

    async def say(self, subject: UUID, *numbers: int) -> None:
        """One word each in a commit of its own."""
        for number in numbers:
            await self.publish(subject, WordSaid(number=number))

    async def relay(self) -> None:
        while await self.running.relays["speaker"].once():
            pass

    async def settle(self, seconds: float = 40) -> None:
        """Until the listener has come as far as the speaker's feed goes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await self.relay()
            await self.running.consumers["listener"].once(0.05)
            if await self.is_level():
                return
        raise AssertionError("the listener does not catch up")

    async def is_level(self) -> bool:
        """Whether everything said has a place in the feed and is behind the listener."""
        waiting = await self.sql("speaker", "select 1 from outbox limit 1")
        ends = {row["partition"]: row["position"] for row in await self.sql("speaker", "select * from relay")}
        at = {
            row["partition"]: row["position"]
            for row in await self.sql("listener", "select * from position where source = 'speaker'")
        }
        return not waiting and all(at.get(partition, 0) >= end for partition, end in ends.items())

    async def until_level(self, seconds: float = 60) -> None:
        """While the workers run by themselves: until nothing is on its way."""
        deadline = time.monotonic() + seconds
        while not await self.is_level():
            assert time.monotonic() < deadline, "not level in time"
            await asyncio.sleep(0.05)

    async def numbers(self, subject: UUID) -> list[int]:
        """What the listener wrote down of a subject, in the order it did."""
        return [
            row["number"] for row in await self.sql("listener", "select number from note where subject = $1 order by id", subject)
        ]

    async def letters(self) -> list[asyncpg.Record]:
        return await self.sql("listener", "select * from dead_letter where resolved_at is null order by first_at")

    async def sql(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """As the owner sees it, row-level security apart."""
        connection = await asyncpg.connect(self._superuser())
        try:
            await connection.execute(f"set search_path = {service}")
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def leases_run_out(self, service: str) -> None:
        """Every process of the service so far seems dead: whoever asks next takes all."""
        for table in ("relay", "position", "worker"):
            await self.sql(service, f"update {table} set until = '-infinity'")  # noqa: S608 - names are ours

    def _superuser(self) -> str:
        return f"{self.server_dsn.rsplit('/', 1)[0]}/{self.settings.database_name}"

    server_dsn: str = ""

    def subjects_of_one_partition(self, count: int) -> list[UUID]:
        """Different subjects that share a partition."""
        found: list[UUID] = []
        while len(found) < count:
            subject = new_id()
            if not found or partition_of(subject, self.settings.partitions) == partition_of(found[0], self.settings.partitions):
                found.append(subject)
        return found

    async def interrupt_bus(self) -> None:
        """Kills what carries the bus, and lets it come back: the broker, or the connections over which a feed is read."""
        if self.broker is not None:
            self.broker.kill()
            await asyncio.to_thread(self.broker.start)
        else:
            await self.sql(
                "speaker",
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and usename in ('tovholder_bus', 'listener_machine')",
            )


class Ground:
    """One PostgreSQL, secrets and a log-in provider; each `rails` gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.secrets = folder / "secrets"
        keys = make_secrets(self.secrets, NAMES, ["0990", "0991"], [f"service-{name}" for name in NAMES])
        self.issuer = Issuer(keys).listen(folder / "issuer")
        self.server = PostgresServer(
            folder / "postgres", fsync=False, settings={"shared_buffers": "64MB", "statement_timeout": "0", "lock_timeout": "0"}
        ).start()

    def close(self) -> None:
        self.issuer.close()
        self.server.remove()

    def kill(self) -> None:
        """As a crash ends it; back once the server's children, which answer until they have noticed, are gone, too."""
        children = psutil.Process(self.server.pid).children()
        self.server.kill()
        _, alive = psutil.wait_procs(children, 30)
        assert all(child.status() == psutil.STATUS_ZOMBIE for child in alive), "children of a dead PostgreSQL go on"

    def settings(self, database: str, **more: Any) -> Settings:
        port = free_port()
        chosen: dict[str, Any] = {
            "database_host": "127.0.0.1", "database_port": self.server.port, "database_name": database,
            "secrets_folder": self.secrets,
            "issuer": self.issuer.url, "audience": AUDIENCE, "gateway_url": f"http://127.0.0.1:{port}", "port": port,
            "log_level": "error", "partitions": 4, "body_limit": 10_000,
        }  # fmt: skip
        return Settings(**{**chosen, **more})

    def build(self, settings: Settings, movable_clock: bool = True) -> None:
        """Roles, database and the three schemas, from the chassis' own SQL."""
        prepare(self.server.dsn(), settings, NAMES)
        migrate(settings, [], movable_clock=movable_clock)
        shared = (CHASSIS / "migrations" / "0001.sql").read_text()
        with psycopg.connect(owner_dsn(settings)) as connection:
            for name in NAMES:
                connection.execute(f"{shared.replace('{{schema}}', name)};{_TABLES[name]}".encode())
                for client in NAMES:
                    connection.execute(
                        f"insert into {name}.client (client_id, id, kind) values (%s, gen_random_uuid(), 'service')",  # noqa: S608
                        (f"service-{client}",),
                    )
                connection.execute(
                    f"insert into {name}.professional (id, municipality, issuer, login) values (%s, '0990', %s, %s)",  # noqa: S608
                    (PROFESSIONAL, settings.issuer, LOGIN),
                )

    def clone(self, database: str, template: str) -> None:
        """A fresh copy of a built database."""
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(f'create database "{database}" template "{template}" owner tovholder_owner strategy file_copy')

    def drop(self, database: str) -> None:
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(f'drop database if exists "{database}" with (force)')

    @asynccontextmanager
    async def rails(
        self, settings: Settings, broker: KafkaBroker | None = None, services: Sequence[Service] = SERVICES
    ) -> AsyncIterator[Rails]:
        """The application on real HTTP."""
        app = create_app(services, settings, work=False)
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=settings.port, log_config=None, lifespan="on"))
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn says it by this flag only
            await asyncio.sleep(0.005)
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", timeout=30) as http:
            try:
                yield Rails(settings, app.state.running, http, self.issuer, broker, self.server.dsn())
            finally:
                server.should_exit = True
                await serving


async def sealed_round_trip(store: Store, settings: Settings, subject: UUID, text: str) -> tuple[bytes, str]:
    """Seals a text under its subject's key and opens it in another transaction."""
    async with store.transaction() as tx:
        sealed = (await seal_of(tx, settings.secrets, "0990", subject)).close(text, "word.name")
    async with store.transaction() as tx:
        return sealed, (await seal_of(tx, settings.secrets, "0990", subject)).open(sealed, "word.name")
