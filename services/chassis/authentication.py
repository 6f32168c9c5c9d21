"""Tokens are verified and say only who; only the signature check is remembered, for a minute, by hash, never authority."""

import asyncio
import hashlib
import math
import time
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from services.chassis.client import trusted
from services.chassis.errors import LogInAgain, TryAgainSoon
from services.chassis.log import logger
from services.chassis.party import Bearer
from services.chassis.settings import Settings

_REMEMBERED_SECONDS = 60
_LEEWAY_SECONDS = 60
_FORGED_SECONDS = 5
_FRESH_SECONDS = 300
_OLDEST_SECONDS = 3600
_ALGORITHMS = ["ES256", "PS256", "EdDSA"]


class Tokens:
    """Verifies access tokens of one issuer for one audience (RFC 9068): signature, type, times, and no key binding unproved."""

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._audience = settings.issuer, settings.audience
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._asked_at = -math.inf
        self._fetching = asyncio.Lock()
        self._remembered: dict[bytes, tuple[float, Bearer]] = {}

    async def bearer(self, authorization: str | None) -> Bearer:
        """LogInAgain, saying why without quoting the token; TryAgainSoon where the provider's keys cannot be had."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise LogInAgain("There is no bearer token. Log in, or have the system fetch a token.")
        digest, now = hashlib.sha256(token.encode()).digest(), time.time()
        until, known = self._remembered.get(digest, (0.0, None))
        if known and now < until:
            return known
        claims = await self._verified(token)
        bearer = Bearer(self._who(claims, now))
        if len(self._remembered) > 10_000:
            self._remembered.clear()
        self._remembered[digest] = (min(now + _REMEMBERED_SECONDS, float(claims["exp"])), bearer)
        return bearer

    async def claim(self, authorization: str | None, name: str) -> str | None:
        """One text claim of a good token, for the one service that maps it; neither kept nor logged. Refuses as `bearer` does."""
        await self.bearer(authorization)
        found = (await self._verified((authorization or "").partition(" ")[2])).get(name)
        return found if isinstance(found, str) else None

    def _who(self, claims: dict[str, Any], now: float) -> dict[str, str]:
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer or self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise LogInAgain("The token is for another service or from another provider.")
        if not _is_time(claims.get("exp")) or claims["exp"] < now:
            raise LogInAgain("The token has expired.")
        if any(not _is_time(claims.get(name, 0)) or claims.get(name, 0) > now + _LEEWAY_SECONDS for name in ("iat", "nbf")):
            raise LogInAgain("The token is not valid yet.")
        if "cnf" in claims:
            raise LogInAgain("The token is bound to a key and came without proof of it.")
        if not isinstance(claims.get("sub"), str):
            raise LogInAgain("The token does not say who.")
        if not isinstance(claims.get("client_id", ""), str):
            raise LogInAgain("The token does not say for which client.")
        if claims.get("client_id") == claims["sub"]:
            return {"client_id": claims["sub"]}
        return {"issuer": self._issuer, "login": claims["sub"]}

    async def _verified(self, token: str) -> dict[str, Any]:
        for fresh in (False, True):
            keys = await self._key_set(fresh)
            try:
                found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                if fresh:
                    raise LogInAgain("The token was not signed by the provider, or is not a token.") from error
                continue
            if str(found.header.get("typ", "")).lower().removeprefix("application/") != "at+jwt":
                raise LogInAgain("This is not an access token.")
            return dict(found.claims)
        raise LogInAgain("The token was not signed by the provider.")

    async def _key_set(self, fresh: bool) -> KeySet:
        """The provider's keys; asked for again after five minutes, and at most each five seconds for an unknown signature.

        So forged tokens cannot drive us. While the provider is away, keys an hour old still count; older ones do not.
        """
        if self._keys is not None and self._is_enough(fresh):
            return self._usable()
        # Without keys whoever comes waits for those that are being fetched.
        async with self._fetching:
            if not self._is_enough(fresh):
                self._asked_at = time.monotonic()
                try:
                    self._keys, self._keys_at = await self._fetched(), time.monotonic()
                except (httpx2.HTTPError, JoseError, KeyError, ValueError, TypeError, AttributeError) as error:
                    logger().warning("keys.not_fetched", why=type(error).__name__)
        return self._usable()

    def _is_enough(self, fresh: bool) -> bool:
        since_asked = time.monotonic() - self._asked_at
        if self._keys is None:
            return since_asked < 1
        return since_asked < (_FORGED_SECONDS if fresh or self._age() > _FRESH_SECONDS else _FRESH_SECONDS)

    def _age(self) -> float:
        return time.monotonic() - self._keys_at

    def _usable(self) -> KeySet:
        if self._keys is None or self._age() > _OLDEST_SECONDS:
            raise TryAgainSoon("The log-in provider does not answer.", seconds=2)
        return self._keys

    async def _fetched(self) -> KeySet:
        async with httpx2.AsyncClient(verify=trusted(), timeout=5) as client:
            found = (await client.get(f"{self._issuer}/.well-known/openid-configuration")).raise_for_status().json()
            if found["issuer"] != self._issuer:
                raise ValueError("the provider is another than the one set")
            content = (await client.get(found["jwks_uri"])).raise_for_status().json()
        keys = [key for key in map(_key, content["keys"]) if key is not None]
        return KeySet(keys)


def _key(content: dict[str, Any]) -> Key | None:
    """A key for signatures; None for one of a kind that is not understood, which others of the set may well be."""
    try:
        return JWKRegistry.import_key(content) if content.get("use", "sig") == "sig" else None
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _is_time(claim: Any) -> bool:
    return isinstance(claim, int | float) and not isinstance(claim, bool) and math.isfinite(claim)
