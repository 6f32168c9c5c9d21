"""Text about a person, sealed: AES-256-GCM under a key per child or message, which is wrapped by the municipality's key."""

import hashlib
import hmac
import os
import unicodedata
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.chassis.settings import Secrets
from services.chassis.store import Tx


class TextWasErased(LookupError):
    """The key is destroyed: nobody can read this any more."""


class Seal:
    """Seals and opens the text of one child or message. `place` names table and column, so that text cannot be moved about."""

    def __init__(self, key: bytes, about: UUID) -> None:
        self._key, self._about = AESGCM(key), about.bytes

    def close(self, text: str, place: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._key.encrypt(nonce, text.encode(), place.encode() + self._about)

    def open(self, sealed: bytes, place: str) -> str:
        """ValueError where the text was altered or belongs elsewhere."""
        try:
            return self._key.decrypt(sealed[:12], sealed[12:], place.encode() + self._about).decode()
        except InvalidTag as error:
            raise ValueError("sealed text does not belong here or was altered") from error


def new_wrapped_key(secrets: Secrets, municipality: str, about: UUID) -> tuple[str, bytes, Seal]:
    """A fresh key for a subject: the wrapping key's name, the wrapped key, and the seal it makes."""
    name, key = secrets.newest_sealing_key(municipality), AESGCM.generate_key(256)
    nonce = os.urandom(12)
    wrapped = nonce + AESGCM(secrets.sealing_key(name)).encrypt(nonce, key, about.bytes)
    return name, wrapped, Seal(key, about)


def unwrap(secrets: Secrets, name: str, wrapped: bytes | None, about: UUID) -> Seal:
    """The seal of a stored key. TextWasErased where it was destroyed."""
    if wrapped is None:
        raise TextWasErased(str(about))
    return Seal(AESGCM(secrets.sealing_key(name)).decrypt(wrapped[:12], wrapped[12:], about.bytes), about)


async def seal_of(tx: Tx, secrets: Secrets, municipality: str, about: UUID) -> Seal:
    """The seal of a subject in this service's schema, made at first use."""
    row = await tx.fetchrow("select wrapped_by, wrapped from sealing_key where id = $1", about)
    if row:
        return unwrap(secrets, row["wrapped_by"], row["wrapped"], about)
    name, wrapped, seal = new_wrapped_key(secrets, municipality, about)
    await tx.execute(
        "insert into sealing_key (id, municipality, wrapped_by, wrapped) values ($1, $2, $3, $4) on conflict do nothing",
        about,
        municipality,
        name,
        wrapped,
    )
    row = await tx.fetchrow("select wrapped_by, wrapped from sealing_key where id = $1", about)
    return unwrap(secrets, row["wrapped_by"], row["wrapped"], about) if row else seal


def blind_index(key: bytes, purpose: str, text: str) -> bytes:
    """A keyed hash under which a value can be found but not read. CPR has some 10^9 values: unkeyed, a hash is open in seconds."""
    return hmac.digest(key, f"{purpose}\x1f{text}".encode(), hashlib.sha256)


def name_tokens(key: bytes, name: str) -> list[bytes]:
    """Keyed exact tokens of a person's name, case and composition apart."""
    words = unicodedata.normalize("NFC", name).casefold().split()
    return [blind_index(key, "name", word) for word in words]
