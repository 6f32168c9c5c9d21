"""Tokens are verified and say only who; only the signature check is remembered, for a minute, by hash, never authority."""

import asyncio
import hashlib
import time
from typing import Any

import httpx2
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.chassis.errors import LogInAgain, TryAgainSoon
from services.chassis.party import Bearer
from services.chassis.settings import Settings

_REMEMBERED_SECONDS = 60
_LEEWAY_SECONDS = 60
_ALGORITHMS = ["ES256", "PS256", "EdDSA"]


class Tokens:
    """Verifies access tokens of one issuer for one audience (RFC 9068): signature, type, issuer, audience, times, and no key binding unproved."""

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._audience = settings.issuer, settings.audience
        self._keys: KeySet | None = None
        self._keys_at = 0.0
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

    def _who(self, claims: dict[str, Any], now: float) -> dict[str, str]:
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer or self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise LogInAgain("The token is for another service or from another provider.")
        if not isinstance(claims.get("exp"), int | float) or claims["exp"] < now or claims.get("iat", 0) > now + _LEEWAY_SECONDS:
            raise LogInAgain("The token has expired.")
        if "cnf" in claims:
            raise LogInAgain("The token is bound to a key and came without proof of it.")
        if not isinstance(claims.get("sub"), str):
            raise LogInAgain("The token does not say who.")
        if claims.get("client_id") == claims["sub"]:
            return {"client_id": claims["sub"]}
        return {"issuer": self._issuer, "login": claims["sub"]}

    async def _verified(self, token: str) -> dict[str, Any]:
        for fresh in (False, True):
            keys = await self._key_set(fresh)
            try:
                found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
                if fresh:
                    raise LogInAgain("The token was not signed by the provider, or is not a token.") from error
                continue
            if str(found.header.get("typ", "")).lower() != "at+jwt":
                raise LogInAgain("This is not an access token.")
            return dict(found.claims)
        raise LogInAgain("The token was not signed by the provider.")

    async def _key_set(self, fresh: bool) -> KeySet:
        """The provider's keys; fetched again at most each five seconds, so that forged tokens cannot drive us."""
        if self._keys is not None and not (fresh and time.monotonic() - self._keys_at > 5):
            return self._keys
        async with self._fetching:
            try:
                async with httpx2.AsyncClient(timeout=5) as client:
                    found = (await client.get(f"{self._issuer}/.well-known/openid-configuration")).raise_for_status().json()
                    keys = (await client.get(found["jwks_uri"])).raise_for_status()
            except (httpx2.HTTPError, KeyError, ValueError) as error:
                if self._keys is not None:
                    return self._keys
                raise TryAgainSoon("The log-in provider does not answer.", seconds=2) from error
            self._keys, self._keys_at = KeySet.import_key_set(orjson.loads(keys.content)), time.monotonic()
            return self._keys
