"""A token counts only if it is this provider's, for this installation, an access token, in time, and of somebody known."""

import base64
import hmac
import json
import time
from collections.abc import Callable

import pytest
from joserfc.jwk import ECKey

from services.chassis.ids import new_id
from tests.support.issuer import Issuer
from tests.support.rails import LOGIN, Rails


def _part(content: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    _, claims, _ = issuer.token(LOGIN).split(".")
    return f"{_part({'alg': 'none', 'typ': 'at+jwt'})}.{claims}."


def signed_with_the_public_key_as_a_secret(issuer: Issuer) -> str:
    _, claims, _ = issuer.token(LOGIN).split(".")
    signed = f"{_part({'alg': 'HS256', 'kid': issuer._key.kid, 'typ': 'at+jwt'})}.{claims}"
    signature = hmac.digest(issuer._key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def tampered(issuer: Issuer) -> str:
    header, _, signature = issuer.token(LOGIN).split(".")
    return f"{header}.{_part({'iss': issuer.url, 'sub': 'someone-else'})}.{signature}"


BAD: dict[str, Callable[[Issuer], str]] = {
    "expired": lambda issuer: issuer.token(LOGIN, exp=int(time.time()) - 1),
    "without an end": lambda issuer: issuer.token(LOGIN, exp=None),
    "issued in the future": lambda issuer: issuer.token(LOGIN, iat=int(time.time()) + 3600),
    "not valid yet": lambda issuer: issuer.token(LOGIN, nbf=int(time.time()) + 3600),
    "times that are no numbers": lambda issuer: issuer.token(LOGIN, iat="today"),
    "another audience": lambda issuer: issuer.token(LOGIN, aud="https://elsewhere.example"),
    "no audience": lambda issuer: issuer.token(LOGIN, aud=None),
    "another issuer": lambda issuer: issuer.token(LOGIN, iss="https://elsewhere.example"),
    "signed with another key": lambda issuer: issuer.token(LOGIN, key=ECKey.generate_key("P-256")),
    "an ID token": lambda issuer: issuer.token(LOGIN, typ="JWT"),
    "bound to a key": lambda issuer: issuer.token(LOGIN, cnf={"jkt": "x"}),
    "of nobody": lambda issuer: issuer.token(LOGIN, sub=None),
    "unsigned": unsigned,
    "signed with the public key as a secret": signed_with_the_public_key_as_a_secret,
    "tampered with": tampered,
    "no token at all": lambda issuer: "x",
    "three empty parts": lambda issuer: "..",
    "not ASCII": lambda issuer: "\u00e6.\u00f8.\u00e5",
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_token_is_refused_without_being_quoted(rails: Rails, kind: str) -> None:
    token = BAD[kind](rails.issuer)
    headers = {b"authorization": f"Bearer {token}".encode()}

    answer = await rails.http.get(f"/speaker/words/{new_id()}", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["type"].endswith("/log-in-again")
    assert len(token) < 5 or token not in answer.text


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic YTpi"])
async def test_without_a_bearer_token_nobody_is_let_in(rails: Rails, authorization: str | None) -> None:
    answer = await rails.http.get(
        f"/speaker/words/{new_id()}", headers={} if authorization is None else {"authorization": authorization}
    )

    assert answer.status_code == 401


async def test_a_good_token_is_let_in(rails: Rails) -> None:
    assert (await rails.anna.get(f"/speaker/words/{new_id()}")).status == 404


async def test_a_good_token_of_a_stranger_is_refused(rails: Rails) -> None:
    stranger = rails.with_token(rails.issuer.token("sub-of-a-stranger"))

    answer = await stranger.get(f"/speaker/words/{new_id()}")

    assert (answer.status, answer.problem) == (403, "caller-is-unknown")


async def test_who_has_left_is_out_at_once_although_the_token_still_runs(rails: Rails) -> None:
    anna = rails.anna
    assert (await anna.get(f"/speaker/words/{new_id()}")).status == 404
    await rails.sql("speaker", "update professional set state = 'left'")

    answer = await anna.get(f"/speaker/words/{new_id()}")

    assert (answer.status, answer.problem) == (403, "caller-is-unknown")


async def test_a_system_that_was_switched_off_is_out_at_once(rails: Rails) -> None:
    operator = rails.operator
    assert (await operator.get("/speaker/feed/ends")).status == 200
    await rails.sql("speaker", "update client set active = false")

    assert (await operator.get("/speaker/feed/ends")).status == 403


async def test_nobody_but_services_reads_a_feed(rails: Rails) -> None:
    for path in (
        "/speaker/feed/ends",
        "/speaker/feed?partition=0",
        f"/speaker/subjects/{new_id()}/events",
        "/speaker/dead-letters",
    ):
        assert (await rails.anna.get(path)).status == 403
