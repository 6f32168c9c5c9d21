"""How a service calls another's public API: with its own key-signed token, time limits and the caller's correlation id."""

import asyncio
import ssl
import time
from functools import cache
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from services.chassis.envelope import CAUSE
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.ids import new_id
from services.chassis.settings import Settings

# A page of the portal asks a dozen things at once, and twenty people open pages. Connections are kept: each would be made anew.
_CONNECTIONS = httpx2.Limits(max_connections=60, max_keepalive_connections=60)


@cache
def trusted() -> ssl.SSLContext:
    """The certificates this process trusts; reading them takes 40 ms and is done once."""
    return httpx2.create_ssl_context()


class OwnToken:
    """A system's access token by client credentials and private_key_jwt (RFC 7523), fetched again a minute before it ends."""

    def __init__(self, settings: Settings, client_id: str, http: httpx2.AsyncClient) -> None:
        self._settings, self._client_id, self._http = settings, client_id, http
        self._token, self._until = "", 0.0
        self._fetching = asyncio.Lock()

    async def get(self) -> str:
        async with self._fetching:
            if time.time() > self._until - 60:
                await self._fetch()
        return self._token

    def forget(self) -> None:
        """A token that was refused is not shown again."""
        self._until = 0.0

    async def _fetch(self) -> None:
        now, issuer = int(time.time()), self._settings.issuer
        # Read at each use: the key can be changed without downtime.
        key = ECKey.import_key(self._settings.secrets.client_key(self._client_id))
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": issuer,
            "iat": now,
            "exp": now + 60,
            "jti": str(new_id()),
        }
        assertion = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key)
        try:
            found = (await self._http.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status().json()
            answer = await self._http.post(
                found["token_endpoint"],
                data={
                    "grant_type": "client_credentials",
                    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "client_assertion": assertion,
                    "resource": self._settings.audience,
                    "scope": "tovholder",
                },
            )
            token = answer.raise_for_status().json()
        except (httpx2.HTTPError, KeyError, ValueError) as error:
            raise TryAgainSoon("The log-in provider gives this system no token.", seconds=2) from error
        self._token, self._until = token["access_token"], now + float(token.get("expires_in", 300))


class Peers:
    """The other services' APIs, as this service may use them."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._settings = settings
        self._http = httpx2.AsyncClient(verify=trusted(), timeout=5, limits=_CONNECTIONS)
        self._token = OwnToken(settings, f"service-{service}", self._http)

    async def get(self, service: str, path: str, **query: Any) -> Any:
        """JSON of a peer's answer. TryAgainSoon where it is away; CannotBeApplied on 404."""
        return await self._ask("GET", service, path, params={name: str(value) for name, value in query.items()})

    async def file(self, service: str, path: str) -> bytes:
        """What a peer gives that is no JSON, such as a letter's PDF. Refuses as `get` does."""
        return (await self._answer("GET", service, path)).content

    async def post(self, service: str, path: str, body: Any, key: str | None = None) -> Any:
        """A reading that must be POST since what is asked for must not stand in a URL; with `key` a change, made once."""
        more = {"headers": {"idempotency-key": key}} if key else {}
        return await self._ask("POST", service, path, json=body, **more)

    async def _ask(self, method: str, service: str, path: str, **more: Any) -> Any:
        answer = await self._answer(method, service, path, **more)
        try:
            return answer.json()
        except ValueError as error:
            raise TryAgainSoon(f"{service} answered something that is not JSON.") from error

    async def _answer(self, method: str, service: str, path: str, **more: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {await self._token.get()}", **more.pop("headers", {})}
        if cause := CAUSE.get():
            headers["x-correlation-id"] = cause.correlation
        try:
            answer = await self._http.request(method, f"{self._settings.url_of(service)}{path}", headers=headers, **more)
        except httpx2.HTTPError as error:
            raise TryAgainSoon(f"{service} does not answer.") from error
        if answer.status_code == 404:
            raise CannotBeApplied(f"{service} knows no such thing")
        if answer.status_code == 401:
            self._token.forget()
        if answer.status_code >= 300:
            # Other 4xx are a matter of rights or start-up order (the peer does not know us yet): waiting is safe, dropping not.
            raise TryAgainSoon(f"{service} answered {answer.status_code}.")
        return answer

    async def in_name_of(
        self, headers: dict[str, str], method: str, service: str, path: str, params: dict[str, str | list[str]], body: Any = None
    ) -> httpx2.Response:
        """A peer's answer, whatever it is, to a request under somebody else's token. TryAgainSoon where the peer is away."""
        sent = dict(headers)
        if cause := CAUSE.get():
            sent["x-correlation-id"] = cause.correlation
        try:
            return await self._http.request(
                method, f"{self._settings.url_of(service)}{path}", headers=sent, params=params, json=body
            )
        except httpx2.HTTPError as error:
            raise TryAgainSoon(f"{service} does not answer.") from error

    async def close(self) -> None:
        await self._http.aclose()
