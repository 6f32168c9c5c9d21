"""One service's PostgreSQL: pools per role, one call per commit, and a transaction that publishes what it changed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import asyncpg
import orjson

from services.chassis.envelope import envelope
from services.chassis.errors import Problem, TheChildHasMovedOn, TryAgainSoon
from services.chassis.ids import partition_of
from services.chassis.party import MACHINE, Party
from services.chassis.settings import Settings
from services.events import Event

T = TypeVar("T")

if TYPE_CHECKING:
    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.pool.PoolConnectionProxy

# PostgreSQL is away, starting, ending, full, being upgraded or refuses the log-in: waiting helps.
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InterfaceError,
    # asyncpg's word for an answer it did not expect: seen where PostgreSQL was killed in the middle of one.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
# So many may wait for each connection; whoever comes then learns it at once, instead of after the longest wait.
LINE = 64
CONTENDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)


class Pool:
    """Connections as one role to one service's schema; made on first use and again after PostgreSQL was away."""

    def __init__(self, settings: Settings, role: str, schema: str, size: int, patience_seconds: int = 20) -> None:
        self._settings, self._role, self._schema, self._size = settings, role, schema, size
        self._patience_seconds = patience_seconds
        self._pool: asyncpg.Pool | None = None
        self._lent = 0
        self._making = asyncio.Lock()

    async def _made(self) -> asyncpg.Pool:
        if self._pool is None:
            async with self._making:
                if self._pool is None:
                    self._pool = await asyncpg.create_pool(
                        host=self._settings.database_host,
                        port=self._settings.database_port,
                        database=self._settings.database_name,
                        user=self._role,
                        password=self._password,
                        min_size=0,
                        max_size=self._size,
                        timeout=5,
                        command_timeout=self._patience_seconds + 10,
                        init=_speak_json,
                        reset=_nothing,
                        server_settings={
                            "search_path": self._schema,
                            "application_name": f"tovholder-{self._role}",
                            "jit": "off",
                            "idle_in_transaction_session_timeout": "30s",
                            "lock_timeout": "5s",
                            "statement_timeout": f"{self._patience_seconds}s",
                            **({"tovholder.kind": "machine"} if self._role.endswith("_machine") else {}),
                        },
                    )
        return self._pool

    def _password(self) -> str:
        """Read for each new connection, so that it can be changed without downtime."""
        return self._settings.secrets.password(self._role)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """TryAgainSoon where PostgreSQL is away or too many wait; a repeated key is settled by the stored answer."""
        try:
            pool = await self._made()
            if self._lent >= self._size * (1 + LINE):
                raise TryAgainSoon("More ask at this moment than can be served. Repeat the same request with the same key.")
            self._lent += 1
            try:
                # Watching the clock is dear, and pointless where a connection is free.
                async with pool.acquire(timeout=None if self._lent <= self._size else 5) as connection:
                    yield connection
            finally:
                self._lent -= 1
        except AWAY as error:
            raise TryAgainSoon(cause=type(error).__name__) from error
        except CONTENDED as error:
            raise _others_were_changing() from error

    async def close(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()
            self._pool = None


def _others_were_changing() -> TryAgainSoon:
    return TryAgainSoon("Others were changing the same at the same time. Repeat the same request with the same key.", seconds=0)


async def _speak_json(connection: asyncpg.Connection) -> None:
    for name in ("jsonb", "json"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=_json, decoder=orjson.loads)


async def _nothing(_: asyncpg.Connection) -> None:
    """No reset query: what a transaction sets is local to it, and a round trip per request is dear."""


def _json(content: Any) -> str:
    return orjson.dumps(content, default=str).decode()


class Store:
    """The tables of one service. `committed` is called after each commit that published, so that the relay need not wait."""

    def __init__(self, settings: Settings, schema: str) -> None:
        self.schema, self.settings = schema, settings
        self.partitions = settings.partitions
        self._pools = {
            "api": Pool(settings, f"{schema}_api", schema, settings.pool_size),
            "machine": Pool(settings, f"{schema}_machine", schema, 4),
        }
        self.committed: Callable[[], None] = lambda: None

    async def call(self, function: str, *arguments: Any, role: str = "api", on: Connection | None = None) -> Any:
        """One SQL function in autocommit: the hot path, one round trip and one commit. `on`: a connection held already."""
        marks = ", ".join(f"${number}" for number in range(1, len(arguments) + 1))
        query = f"select {self.schema}.{function}({marks})"
        if on is None:
            async with self._pools[role].connection() as connection:
                return await connection.fetchval(query, *arguments)
        try:
            return await on.fetchval(query, *arguments)
        except CONTENDED as error:
            raise _others_were_changing() from error

    @asynccontextmanager
    async def connection(self, role: str = "machine") -> AsyncIterator[Connection]:
        """A bare connection: of the machine role for relay and consumer, of the api's for calls that follow each other."""
        async with self._pools[role].connection() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, party: Party = MACHINE) -> AsyncIterator["Tx"]:
        """One transaction on behalf of a party; committed at the end of the block, events and effects together."""
        role = "machine" if party.kind == "machine" else "api"
        async with self._pools[role].connection() as connection, _committing(self, connection) as tx:
            if party.kind != "machine":  # whose connections say so by themselves
                await connection.execute("select enter($1)", party.as_json())
            yield tx

    @asynccontextmanager
    async def request(
        self, who: dict[str, str], client: str | None, key: str | None, only_reads: bool = False
    ) -> AsyncIterator[tuple["Tx", dict[str, Any] | None]]:
        """A transaction opened for a token: in one round trip the caller, the time and an earlier answer under the same key.

        `only_reads`: what it writes is the access log, whose last second may be lost if PostgreSQL itself crashes.
        """
        async with self._pools["api"].connection() as connection, _committing(self, connection, only_reads) as tx:
            opened = await connection.fetchval(_OPEN_READING if only_reads else _OPEN, who, client, key)
            if opened:
                tx.at = datetime.fromisoformat(opened["at"])
            yield tx, opened

    async def now(self) -> datetime:
        """`chassis.now()`: the clock of promises and facts."""
        async with self._pools["machine"].connection() as connection:
            found: datetime = await connection.fetchval("select chassis.now()")
            return found

    async def close(self) -> None:
        for pool in self._pools.values():
            await pool.close()


_READ = """
insert into access (client, party, professional, subject, class, purpose)
  select * from unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[])
"""
_OPEN = "select open_request($1, $2, $3)"
_OPEN_READING = "select open_request($1, $2, $3), set_config('synchronous_commit', 'off', true)"


@asynccontextmanager
async def _committing(store: Store, connection: Connection, only_reads: bool = False) -> AsyncIterator["Tx"]:
    tx = Tx(store, connection)
    tx.only_reads = only_reads
    async with connection.transaction():
        yield tx
        await tx.flush()
        if only_reads and (tx.published or not tx.only_reads):
            await connection.execute("set local synchronous_commit = on")
    if tx.published:
        store.committed()


class Tx:
    """An open transaction. Events published in it leave with it, or not at all."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store = store
        self.connection = connection
        self.at: datetime | None = None
        self.only_reads = False
        self.published: dict[str, int] = {}
        self.known: list[UUID] = []
        self._decisions: dict[UUID, dict[str, Any]] = {}
        self._later: tuple[str, list[Sequence[Any]]] = ("", [])
        self._last: dict[str, list[Sequence[Any]]] = {}
        self._together: dict[str, list[dict[str, Any]]] = {}
        self._reads: list[tuple[Any, ...]] = []
        self._memory: dict[type[Any], Any] = {}

    async def now(self) -> datetime:
        """`chassis.now()`, one instant for the whole transaction."""
        if self.at is None:
            self.at = await self.connection.fetchval("select chassis.now()")
        assert self.at is not None, "chassis.now() is never null"
        return self.at

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        await self._write_later()
        return await self.connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        await self._write_later()
        return await self.connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        await self._write_later()
        return await self.connection.fetchval(query, *arguments)

    async def execute(self, query: str, *arguments: Any) -> str:
        await self._write_later()
        return await self.connection.execute(query, *arguments)

    async def later(self, query: str, *arguments: Any) -> None:
        """A write that nothing in this transaction reads: runs of the same statement go to PostgreSQL in one go, in order."""
        if self._later[0] != query:
            await self._write_later()
            self._later = (query, [])
        self._later[1].append(arguments)

    def last(self, query: str, *arguments: Any) -> None:
        """A write that nothing else in this transaction reads or waits for: each such statement goes in one run at the end."""
        self._last.setdefault(query, []).append(arguments)

    def together(self, query: str, row: dict[str, Any]) -> None:
        """As `last`, but all in one statement, whose $1 is the JSON array of the rows in order."""
        self._together.setdefault(query, []).append(row)

    def remembered(self, kind: type[T]) -> T:
        """What a repository remembers while this transaction lasts; begins as `kind()`, and again after a savepoint failed."""
        found: T = self._memory.setdefault(kind, kind())
        return found

    def forget(self) -> None:
        """What is asked next is read anew: others may have committed since."""
        self._memory = {}

    def publish(self, subject: UUID, *events: Event, expected: int | None = None, dataref: str | None = None) -> None:
        """Events about a subject, numbered in this order when the transaction ends. `expected`: the version decided on."""
        decision = self._decisions.setdefault(
            subject, {"subject": str(subject), "partition": partition_of(subject, self.store.partitions), "events": []}
        )
        decision["events"] += [envelope(event, subject, dataref) for event in events]
        if expected is not None:
            decision["expected"] = expected

    async def read(self, client: str, party: Party, subject: UUID, class_: str, purpose: str) -> None:
        """Writes the access log's line for a reading of a person's data, with all others of this transaction before it ends."""
        self._reads.append((client, str(party), party.professional, subject, class_, purpose))

    def now_known(self, about: UUID) -> None:
        """Says that this service now knows the subject: facts kept for it are applied next, in the same transaction."""
        self.known.append(about)

    async def flush(self) -> dict[str, int]:
        """Writes what waits. Returns the last version of each subject published so far."""
        await self._write_later()
        if self._reads:
            # A list of children is one statement: as many times as it has lines it costs more than what is read.
            reads, self._reads = self._reads, []
            await self.connection.execute(_READ, *zip(*reads, strict=True))
        last, self._last = self._last, {}
        for query, rows in last.items():
            await self._run(query, rows)
        together, self._together = self._together, {}
        for query, all_of_them in together.items():
            await self.connection.execute(query, all_of_them)
        if self._decisions:
            decisions, self._decisions = list(self._decisions.values()), {}
            try:
                self.published |= await self.connection.fetchval("select publish($1)", decisions)
            except asyncpg.PostgresError as error:
                if error.sqlstate == "TV409":
                    raise TheChildHasMovedOn(version=int(error.detail or 0)) from error
                raise
        return self.published

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What happens in the block happens whole or not at all, and its failure does not end the transaction."""
        await self.flush()
        published = dict(self.published)
        try:
            async with self.connection.transaction():
                yield
                await self.flush()
        except BaseException:
            self.published, self.known = published, []
            self._decisions, self._later, self._last, self._together, self._reads, self._memory = {}, ("", []), {}, {}, [], {}
            raise

    async def _write_later(self) -> None:
        query, rows = self._later
        self._later = ("", [])
        await self._run(query, rows)

    async def _run(self, query: str, rows: list[Sequence[Any]]) -> None:
        if len(rows) == 1:
            await self.connection.execute(query, *rows[0])
        elif rows:
            await self.connection.executemany(query, rows)


def broken_rule(error: asyncpg.PostgresError, rules: dict[str, type[Problem]]) -> Problem | None:
    """The rule behind a constraint that PostgreSQL has refused by name, or behind an SQLSTATE."""
    rule = rules.get(getattr(error, "constraint_name", None) or "") or rules.get(error.sqlstate or "")
    return rule() if rule else None
