"""Access tokens the way real clients get them: a person through the login page, a system by its own key."""

import base64
import hashlib
import re
import secrets
import time
import uuid
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

ASSERTION_SECONDS = 60
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class SignInRefused(RuntimeError):
    """The provider gave no token; the text carries its error code."""


async def machine_token(issuer: str, client_id: str, private_key: str, scope: str) -> str:
    """A system's access token (RFC 6749 4.4 with RFC 7523): JWT, for the provider's audience, 300 s."""
    async with httpx2.AsyncClient() as client:
        form = {"grant_type": "client_credentials", "scope": scope, **_assertion(issuer, client_id, private_key)}
        return str((await _token(client, issuer, form))["access_token"])


async def person_token(
    issuer: str,
    client_id: str,
    private_key: str,
    redirect_uri: str,
    audience: str,
    username: str,
    password: str,
    with_cpr: bool = False,
) -> str:
    """A person's access token: authorization code with PKCE through the login page, as a browser would; JWT, 300 s.

    `with_cpr`: one that says whose CPR number it is, as a family's log-in asks for.
    """
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    # Without `resource` here and below the token would be opaque.
    asked = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "scope": "openid profile tovholder cpr" if with_cpr else "openid profile tovholder",
        "resource": audience,
        "state": secrets.token_urlsafe(16),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    async with httpx2.AsyncClient() as client:
        page = await client.get(f"{issuer}/auth", params=asked, follow_redirects=True)
        action = re.search(r'action="([^"]+)"', page.text)
        if page.status_code != 200 or action is None:
            raise SignInRefused(f"the provider showed no login page (status {page.status_code})")
        answer = await client.post(urljoin(issuer, action.group(1)), data={"login": username, "password": password})
        while answer.is_redirect and not answer.headers["location"].startswith(redirect_uri):
            answer = await client.get(urljoin(issuer, answer.headers["location"]))
        if not answer.is_redirect:
            raise SignInRefused(f"the login was refused (status {answer.status_code})")
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        if back.get("state") != [asked["state"]] or "code" not in back:
            raise SignInRefused(f"the login was refused: {back.get('error', ['no code'])[0]}")
        form = {
            "grant_type": "authorization_code",
            "code": back["code"][0],
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "resource": audience,
            **_assertion(issuer, client_id, private_key),
        }
        return str((await _token(client, issuer, form))["access_token"])


async def _token(client: httpx2.AsyncClient, issuer: str, form: dict[str, str]) -> dict[str, Any]:
    answer = await client.post(f"{issuer}/token", data=form)
    content: dict[str, Any] = answer.json()
    if answer.status_code != 200:
        raise SignInRefused(f"the provider gave no token: {content.get('error')}")
    return content


def _assertion(issuer: str, client_id: str, private_key: str) -> dict[str, str]:
    key = ECKey.import_key(private_key)
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    signed = jwt.encode({"alg": "ES256", "kid": key.thumbprint()}, claims, key)
    return {"client_id": client_id, "client_assertion_type": _ASSERTION_TYPE, "client_assertion": signed}
