"""Text about a person, sealed: AES-256-GCM under a key per child or message, which is wrapped by the municipality's key."""

import hashlib
import hmac
import os
import unicodedata
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.chassis.errors import NotFound, Problem, TryAgainSoon
from services.chassis.settings import Secrets
from services.chassis.store import Tx


class TextWasErased(Problem, LookupError):
    """The key is destroyed: nobody can read this any more."""

    status = 410


class Seal:
    """Seals and opens the text of one child or message. `place` names table and column, so that text cannot be moved about."""

    def __init__(self, key: bytes, about: UUID) -> None:
        self._key, self._about = AESGCM(key), about.bytes

    def close(self, text: str, place: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._key.encrypt(nonce, text.encode(), place.encode() + self._about)

    def open(self, sealed: bytes, place: str) -> str:
        """ValueError where the text was altered or belongs elsewhere."""
        if len(sealed) < 28:
            raise ValueError("sealed text does not belong here or was altered")
        try:
            return self._key.decrypt(sealed[:12], sealed[12:], place.encode() + self._about).decode()
        except InvalidTag as error:
            raise ValueError("sealed text does not belong here or was altered") from error


def new_wrapped_key(secrets: Secrets, municipality: str, about: UUID) -> tuple[str, bytes, Seal]:
    """A fresh key for a subject: the wrapping key's name, the wrapped key, and the seal it makes."""
    name, key = _newest(secrets, municipality), AESGCM.generate_key(256)
    return name, _wrapped(secrets, name, key, about), Seal(key, about)


def _newest(secrets: Secrets, municipality: str) -> str:
    try:
        return secrets.newest_sealing_key(municipality)
    except LookupError as error:
        raise TryAgainSoon("This municipality has no sealing key yet. The operator must put one.", seconds=60) from error


def _wrapped(secrets: Secrets, name: str, key: bytes, about: UUID) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(secrets.sealing_key(name)).encrypt(nonce, key, about.bytes)


def unwrap(secrets: Secrets, name: str, wrapped: bytes | None, about: UUID) -> Seal:
    """The seal of a stored key. TextWasErased where it was destroyed, ValueError where it is another's or was altered."""
    if wrapped is None:
        raise TextWasErased("This text was erased for good.", about=str(about))
    try:
        return Seal(AESGCM(secrets.sealing_key(name)).decrypt(wrapped[:12], wrapped[12:], about.bytes), about)
    except InvalidTag as error:
        raise ValueError("sealing key does not belong here or was altered") from error


async def seal_of(tx: Tx, secrets: Secrets, municipality: str, about: UUID) -> Seal:
    """The seal of a subject in this service's schema, made at first use.

    NotFound where it is not this party's, TextWasErased where it was destroyed.
    """
    row = await tx.fetchrow("select wrapped_by, wrapped from sealing_key where id = $1", about)
    if row:
        return unwrap(secrets, row["wrapped_by"], row["wrapped"], about)
    name, wrapped, seal = new_wrapped_key(secrets, municipality, about)
    stored = await tx.execute(
        "insert into sealing_key (id, municipality, wrapped_by, wrapped) values ($1, $2, $3, $4) on conflict do nothing",
        about,
        municipality,
        name,
        wrapped,
    )
    if stored == "INSERT 0 1":
        return seal
    row = await tx.fetchrow("select wrapped_by, wrapped from sealing_key where id = $1", about)
    if row is None:
        # Another municipality's key, which this party may not see: a key of our own would never be found again.
        raise NotFound
    return unwrap(secrets, row["wrapped_by"], row["wrapped"], about)


async def wrap_anew(tx: Tx, secrets: Secrets, municipality: str, about: UUID) -> None:
    """The subject's key lies under another municipality's key from now on; what it has sealed stays as it is.

    For the machine. TextWasErased where it was destroyed, TryAgainSoon where that municipality has no key yet.
    """
    row = await tx.fetchrow("select wrapped_by, wrapped from sealing_key where id = $1 for update", about)
    if row is None:
        return
    if row["wrapped"] is None:
        raise TextWasErased("This text was erased for good.", about=str(about))
    name = _newest(secrets, municipality)
    key = AESGCM(secrets.sealing_key(row["wrapped_by"])).decrypt(row["wrapped"][:12], row["wrapped"][12:], about.bytes)
    await tx.execute(
        "update sealing_key set municipality = $2, wrapped_by = $3, wrapped = $4 where id = $1",
        about,
        municipality,
        name,
        _wrapped(secrets, name, key, about),
    )


def blind_index(key: bytes, purpose: str, text: str) -> bytes:
    """A keyed hash under which a value can be found but not read. CPR has some 10^9 values: unkeyed it opens in seconds."""
    return hmac.digest(key, f"{purpose}\x1f{text}".encode(), hashlib.sha256)


def name_tokens(key: bytes, name: str) -> list[bytes]:
    """Keyed exact tokens of a person's name, case and composition apart."""
    words = unicodedata.normalize("NFC", name).casefold().split()
    return [blind_index(key, "name", word) for word in words]
