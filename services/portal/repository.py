"""Web sessions and drafts. A session's content opens with the browser's secret alone; a draft's with its municipality's key."""

import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.chassis.ids import new_id
from services.chassis.sealed import TextWasErased, seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Store, Tx

# A working day, and how long somebody may be away from the desk.
DAY_SECONDS = 10 * 3600
IDLE_SECONDS = 3600
ENTERING_SECONDS = 900


class Key:
    """A session's key: the secret that the browser holds. The database has its hash, and what only it can open."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.id = hashlib.sha256(secret.encode()).digest()
        self._aes = AESGCM(self.derived(b"content"))

    @classmethod
    def new(cls) -> "Key":
        return cls(secrets.token_urlsafe(32))

    def derived(self, purpose: bytes) -> bytes:
        """Another key of 32 bytes, for one purpose."""
        return HKDF(SHA256(), 32, None, b"tovholder portal " + purpose).derive(self.secret.encode())

    def close(self, content: Any) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._aes.encrypt(nonce, orjson.dumps(content), self.id)

    def open(self, sealed: bytes) -> Any:
        """ValueError where it was altered or is another session's."""
        try:
            return orjson.loads(self._aes.decrypt(sealed[:12], sealed[12:], self.id))
        except InvalidTag as error:
            raise ValueError("this is not what the session kept") from error


@dataclass
class Tokens:
    """What the provider gave. `until`: seconds since 1970 at which the access token ends."""

    access: str
    refresh: str | None
    id: str
    until: float
    name: str = ""


@dataclass
class Session:
    """A web session. `entering`: on its way through the log-in; `tokens`: logged in; neither: it has ended."""

    key: Key
    lives: bool
    issuer: str | None = None
    login: str | None = None
    tokens: Tokens | None = None
    entering: dict[str, Any] = field(default_factory=dict)
    typed: dict[str, Any] | None = None


async def begin_entering(store: Store, key: Key, entering: dict[str, Any]) -> None:
    await store.call("begin_session", key.id, None, None, None, key.close({"entering": entering}), ENTERING_SECONDS)


async def begin(store: Store, key: Key, issuer: str, login: str, provider_session: str | None, tokens: Tokens) -> None:
    sealed = key.close({"tokens": asdict(tokens)})
    await store.call("begin_session", key.id, issuer, login, provider_session, sealed, DAY_SECONDS)


async def session(store: Store, secret: str | None) -> Session | None:
    """The session that a browser's cookie names, also one that has ended; None where there is none."""
    if not secret or len(secret) > 100:
        return None
    key = Key(secret)
    found = await store.call("session_of", key.id, IDLE_SECONDS)
    if found is None:
        return None
    made = Session(key, found["lives"], found["issuer"], found["login"])
    if found["typed"]:
        made.typed = key.open(bytes.fromhex(found["typed"]))
    if found["lives"] and found["content"]:
        content = key.open(bytes.fromhex(found["content"]))
        made.entering = content.get("entering", {})
        made.tokens = Tokens(**content["tokens"]) if "tokens" in content else None
    return made


class Held:
    """A session that this transaction alone may renew."""

    def __init__(self, tx: Tx, key: Key, tokens: Tokens) -> None:
        self._tx, self._key, self.tokens = tx, key, tokens

    async def write(self, tokens: Tokens) -> None:
        await self._tx.execute("select write_session($1, $2)", self._key.id, self._key.close({"tokens": asdict(tokens)}))


@asynccontextmanager
async def held(store: Store, key: Key) -> AsyncIterator[Held | None]:
    """None where it has ended meanwhile."""
    async with store.request({"issuer": "", "login": ""}, None, None) as (tx, _):
        sealed = await tx.fetchval("select hold_session($1)", key.id)
        yield Held(tx, key, Tokens(**key.open(bytes.fromhex(sealed))["tokens"])) if sealed else None


async def keep_typed(store: Store, key: Key, typed: dict[str, Any] | None) -> None:
    await store.call("keep_typed", key.id, key.close(typed) if typed else None)


async def end(store: Store, key: Key) -> None:
    await store.call("end_session", key.id)


async def forget(store: Store, key: Key) -> None:
    await store.call("forget_session", key.id)


async def end_all(store: Store, issuer: str, login: str | None, provider_session: str | None) -> int:
    ended: int = await store.call("end_sessions", issuer, login, provider_session)
    return ended


@dataclass
class Draft:
    """Something begun. `became`: what it was sent as."""

    id: UUID
    kind: str
    content: dict[str, Any]
    became: str | None
    saved_at: Any


_PLACE = "portal.draft"


async def save_draft(
    tx: Tx, secrets_: Secrets, municipality: str, professional: UUID, kind: str, content: dict[str, Any], id: UUID | None
) -> UUID:
    """New, or what was saved before under this id. It must be the writer's own: PostgreSQL refuses any other."""
    number, now = id or new_id(), await tx.now()
    sealed = (await seal_of(tx, secrets_, municipality, number)).close(orjson.dumps(content).decode(), _PLACE)
    await tx.execute(
        "insert into draft (id, municipality, professional, kind, content, begun_at, saved_at)"
        " values ($1, $2, $3, $4, $5, $6, $6)"
        " on conflict (id) do update set content = excluded.content, saved_at = excluded.saved_at where draft.became is null",
        *(number, municipality, professional, kind, sealed, now),
    )
    return number


async def drafts(tx: Tx, secrets_: Secrets, municipality: str, kind: str) -> list[Draft]:
    """The caller's own, newest first."""
    rows = await tx.fetch("select * from draft where kind = $1 order by saved_at desc limit 50", kind)
    return [found for row in rows if (found := await _opened(tx, secrets_, municipality, row)) is not None]


async def draft(tx: Tx, secrets_: Secrets, municipality: str, id: UUID) -> Draft | None:
    row = await tx.fetchrow("select * from draft where id = $1", id)
    return await _opened(tx, secrets_, municipality, row) if row else None


async def _opened(tx: Tx, secrets_: Secrets, municipality: str, row: Any) -> Draft | None:
    content: dict[str, Any] = {}
    if row["content"]:
        try:
            seal = await seal_of(tx, secrets_, municipality, row["id"])
        except TextWasErased:
            return None
        content = orjson.loads(seal.open(row["content"], _PLACE))
    return Draft(row["id"], row["kind"], content, row["became"], row["saved_at"])


async def draft_became(tx: Tx, id: UUID, became: str) -> None:
    """Sent: what it said is forgotten here, what it became is kept."""
    await tx.execute("update draft set became = $2, content = null, saved_at = $3 where id = $1", id, became, await tx.now())


async def drop_draft(tx: Tx, id: UUID) -> None:
    await tx.execute("delete from draft where id = $1", id)
