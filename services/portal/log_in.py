"""Log-in by OpenID Connect: authorization code with PKCE, private_key_jwt, refresh with rotation, and both kinds of log-out."""

import math
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from services.chassis.errors import LogInAgain, TryAgainSoon
from services.chassis.log import logger
from services.chassis.settings import Settings
from services.portal.repository import Tokens

CLIENT = "portal"
# A renewal asks for no more than was surely granted: a provider that has left `offline_access` out refuses one that names it.
_RENEWED = "openid profile tovholder"
_SCOPE = f"{_RENEWED} offline_access"
_ALGORITHMS = ["ES256", "PS256", "EdDSA"]
_DESCRIPTION_SECONDS = 300
# Words that nobody has signed do not drive us to ask the provider more often than this.
_FORGED_SECONDS = 5
_LEEWAY_SECONDS = 60
_ASSERTION_SECONDS = 60
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class TheLogOutTokenIsNotGood(LogInAgain):
    """What came as the provider's word that somebody logged out is not that."""

    status = 400


class _SignedByNoKnownKey(LogInAgain):
    """Forged, or signed by a key that the provider has had since we asked for its keys."""


@dataclass(frozen=True)
class Entered:
    """Who has logged in."""

    login: str
    provider_session: str | None
    tokens: Tokens


class _SignedByES256(PrivateKeyJWT):  # type: ignore[misc]
    alg = "ES256"


class LogIn:
    """The installation's provider as the portal's client knows it. LogInAgain where it says no, TryAgainSoon where it is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._described: tuple[float, dict[str, Any], KeySet] | None = None
        self._asked_again_at = -math.inf

    @property
    def callback(self) -> str:
        return f"{self._settings.portal_url}/portal/callback"

    async def address(self, entering: dict[str, Any], with_cpr: bool = False) -> str:
        """Where the browser goes to log in. Fills `entering` with what must be remembered until it comes back.

        `with_cpr`: a family's log-in, for which the provider is asked to say whose CPR number it is.
        """
        described, _ = await self._provider()
        entering |= {
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "verifier": secrets.token_urlsafe(48),
        }
        async with self._client(described) as client:
            url, _ = client.create_authorization_url(
                described["authorization_endpoint"],
                state=entering["state"],
                nonce=entering["nonce"],
                code_verifier=entering["verifier"],
                scope=f"{_SCOPE} {self._settings.cpr_scope}" if with_cpr else _SCOPE,
                # Without it the access token would be for nobody: here, at the token and at each renewal.
                resource=self._settings.audience,
            )
        return str(url)

    async def enter(self, entering: dict[str, Any], code: str) -> Entered:
        """Tokens for the code, the ID token checked (OpenID Connect Core 3.1.3.7)."""
        described, _ = await self._provider()
        given = await self._asked(
            described, lambda client: client.fetch_token(
                described["token_endpoint"], grant_type="authorization_code", code=code, code_verifier=entering["verifier"],
                redirect_uri=self.callback, resource=self._settings.audience,
            ),
        )  # fmt: skip
        claims = await self._claims(str(given.get("id_token", "")))
        if claims.get("nonce") != entering["nonce"]:
            raise LogInAgain("The log-in belongs to another attempt.")
        tokens = _tokens(given, str(given["id_token"]), str(claims.get("name") or claims.get("preferred_username") or ""))
        return Entered(str(claims["sub"]), claims.get("sid"), tokens)

    async def renew(self, tokens: Tokens) -> Tokens:
        """New tokens for the refresh token, which is used up by it; without the CPR number, for which no renewal asks."""
        if tokens.refresh is None:
            raise LogInAgain("The log-in has ended.")
        described, _ = await self._provider()
        given = await self._asked(
            described,
            lambda client: client.refresh_token(
                described["token_endpoint"], refresh_token=tokens.refresh, scope=_RENEWED, resource=self._settings.audience
            ),
        )
        return _tokens({"refresh_token": tokens.refresh, **given}, tokens.id, tokens.name)

    async def way_out(self, id_token: str | None) -> str:
        """Where the browser goes to log out at the provider too (RP-Initiated Logout 1.0)."""
        described, _ = await self._provider()
        asked = {"client_id": CLIENT, "post_logout_redirect_uri": f"{self._settings.portal_url}/portal/farvel"}
        if id_token:
            asked["id_token_hint"] = id_token
        return f"{described['end_session_endpoint']}?{urlencode(asked)}"

    async def logged_out(self, token: str) -> tuple[str | None, str | None]:
        """Whom the provider's logout token names: (login, its session), at least one of them (Back-Channel Logout 1.0, 2.6)."""
        try:
            claims = await self._claims(token, typ="logout+jwt")
        except LogInAgain as error:
            raise TheLogOutTokenIsNotGood from error
        login, session = claims.get("sub"), claims.get("sid")
        if _LOGOUT_EVENT not in (claims.get("events") or {}) or "nonce" in claims or not (login or session):
            raise TheLogOutTokenIsNotGood
        return login, session

    async def _claims(self, token: str, typ: str | None = None) -> dict[str, Any]:
        """A provider takes new keys into use when it likes: for one unknown to us its keys are asked for once more."""
        _, keys = await self._provider()
        try:
            return self._claims_by(keys, token, typ)
        except _SignedByNoKnownKey:
            if time.monotonic() - self._asked_again_at < _FORGED_SECONDS:
                raise
        self._asked_again_at = time.monotonic()
        _, keys = await self._provider(again=True)
        return self._claims_by(keys, token, typ)

    def _claims_by(self, keys: KeySet, token: str, typ: str | None) -> dict[str, Any]:
        try:
            found = jwt.decode(token, keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _SignedByNoKnownKey("The provider's word was not signed by it.") from error
        claims, now = dict(found.claims), time.time()
        audience = claims.get("aud")
        if typ and str(found.header.get("typ", "")).lower() != typ:
            raise LogInAgain("This is another kind of token.")
        if claims.get("iss") != self._settings.issuer or CLIENT not in (audience if isinstance(audience, list) else [audience]):
            raise LogInAgain("The token is for another client or from another provider.")
        if claims.get("exp", 0) < now - _LEEWAY_SECONDS or claims.get("iat", now + 3600) > now + _LEEWAY_SECONDS:
            raise LogInAgain("The token is not of now.")
        return claims

    async def _asked(self, described: dict[str, Any], ask: Any) -> dict[str, Any]:
        async with self._client(described) as client:
            try:
                return dict(await ask(client))
            except OAuthError as error:
                logger().warning("log_in.refused", why=error.error)
                raise LogInAgain("The log-in has ended.") from error
            except (httpx2.HTTPError, ValueError) as error:
                self._described = None
                raise TryAgainSoon("The log-in provider does not answer.", seconds=2) from error

    def _client(self, described: dict[str, Any]) -> AsyncOAuth2Client:
        # Read at each use: the key can be changed without downtime.
        key = ECKey.import_key(self._settings.secrets.client_key(CLIENT))
        client = AsyncOAuth2Client(
            CLIENT, key, token_endpoint_auth_method="private_key_jwt", redirect_uri=self.callback,  # noqa: S106 - a method's name
            scope=_SCOPE, code_challenge_method="S256", timeout=5,
        )  # fmt: skip
        # Good for this one call: the library's own hour would be longer than providers take.
        claims = {"exp": int(time.time()) + _ASSERTION_SECONDS}
        method = _SignedByES256(described["issuer"], claims=claims, headers={"kid": key.thumbprint()})
        client.register_client_auth_method(method)
        return client

    async def _provider(self, again: bool = False) -> tuple[dict[str, Any], KeySet]:
        """What the provider says of itself, and its keys; asked for again every five minutes, old ones while it is away."""
        if not again and self._described and time.monotonic() - self._described[0] < _DESCRIPTION_SECONDS:
            return self._described[1], self._described[2]
        try:
            async with httpx2.AsyncClient(timeout=5) as http:
                place = f"{self._settings.issuer}/.well-known/openid-configuration"
                described = (await http.get(place)).raise_for_status().json()
                keys = KeySet.import_key_set((await http.get(described["jwks_uri"])).raise_for_status().json())
            if described["issuer"] != self._settings.issuer:
                raise ValueError("the provider is another than the one set")
        except (httpx2.HTTPError, ValueError, KeyError, JoseError) as error:
            if self._described:
                return self._described[1], self._described[2]
            raise TryAgainSoon("The log-in provider does not answer.", seconds=2) from error
        self._described = (time.monotonic(), described, keys)
        return described, keys


def _tokens(given: dict[str, Any], id_token: str, name: str) -> Tokens:
    return Tokens(
        access=str(given["access_token"]),
        refresh=given.get("refresh_token"),
        id=id_token,
        until=time.time() + float(given.get("expires_in", 300)),
        name=name,
    )
