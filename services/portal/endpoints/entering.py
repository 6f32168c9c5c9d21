"""Logging in and out, the choice of language, and what the browser is given to draw pages with."""

import hmac
import json
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from services.chassis.errors import LogInAgain, NotFound
from services.portal import forms, pages, repository
from services.portal.endpoints.family_visiting import FAMILY, forget_pass, introduced
from services.portal.endpoints.visiting import (
    LANGUAGE_COOKIE,
    Elsewhere,
    PageRoute,
    cookie_name,
    form_sent,
    language_of,
    portal_of,
    refused,
    runtime,
    set_cookie,
)
from services.portal.log_in import TheLogOutTokenIsNotGood
from services.portal.repository import Key, Session

router = APIRouter(route_class=PageRoute)
_YEAR = 31_536_000


def safe(place: str) -> str:
    """A page of ours; anything else is My page."""
    return place if forms.A_PAGE.fullmatch(place) and "//" not in place else "/portal/"


async def _session(request: Request) -> Session | None:
    own = runtime(request)
    return await repository.session(own.store, request.cookies.get(cookie_name(own.settings)))


@router.get("/log-ind")
async def welcome(request: Request, til: str = "/portal/", gemt: str = "") -> Response:
    """The log-in page; who is logged in already goes on."""
    session = await _session(request)
    if session and session.lives and session.tokens:
        return RedirectResponse(safe(til), 303)
    return _welcome(request, safe(til), kept=bool(gemt))


def _welcome(request: Request, to: str, **more: Any) -> Response:
    settings = runtime(request).settings
    people = json.loads(settings.shown_log_ins.read_text()) if settings.shown_log_ins else {}
    given = {
        "visit": None,
        "to": to,
        "for_family": to.startswith(FAMILY),
        "people": people,
        "done": None,
        "goodbye": False,
        "kept": False,
        **more,
    }
    return pages.page("welcome.html", language_of(request), settings, address=f"/portal/log-ind?til={to}", **given)


@router.post("/log-ind")
async def log_in(request: Request) -> Response:
    """To the provider. What must be remembered until the browser comes back lies under a secret of its own."""
    forms.comes_from_here(request)
    own, typed = runtime(request), await forms.typed(request)
    # Whose typed text waits in the session that ended: it is handed on after the log-in if it is the same person.
    before = await _session(request)
    kept = before.key.secret if before and before.login else before.entering.get("before") if before else None
    to = safe(typed.one("til"))
    is_family = to.startswith(FAMILY)
    entering = {"to": to, "before": kept, "family": is_family}
    place = await portal_of(request).log_in.address(entering, with_cpr=is_family)
    key = Key.new()
    await repository.begin_entering(own.store, key, entering)
    answer = RedirectResponse(place, 303, {"cache-control": "no-store"})
    set_cookie(answer, own.settings, key.secret)
    return answer


@router.get("/callback")
async def come_back(request: Request, state: str = "", code: str = "", error: str = "", iss: str = "") -> Response:
    """From the provider: the code is changed for tokens, and a new session begins under a new secret."""
    own, session = runtime(request), await _session(request)
    if session and session.lives and session.tokens:
        return RedirectResponse("/portal/", 303)
    entering = session.entering if session and session.lives else {}
    if error or not entering or not hmac.compare_digest(state.encode(), entering["state"].encode()):
        return refused(request, 400, "log-in")
    # RFC 9207: a code of another provider is not shown to ours.
    if iss and iss != own.settings.issuer:
        return refused(request, 400, "log-in")
    assert session is not None
    await repository.forget(own.store, session.key)
    try:
        entered = await portal_of(request).log_in.enter(entering, code)
        tokens = await introduced(request, entered.tokens) if entering.get("family") else entered.tokens
    except LogInAgain:
        return refused(request, 400, "log-in")
    key = Key.new()
    await repository.begin(own.store, key, own.settings.issuer, entered.login, entered.provider_session, tokens)
    to = await _handed_on(request, entering, entered.login, key)
    answer = RedirectResponse(to, 303, {"cache-control": "no-store"})
    set_cookie(answer, own.settings, key.secret)
    return answer


async def _handed_on(request: Request, entering: dict[str, Any], login: str, key: Key) -> str:
    """Where to go on: to the page whose form was being filled in, with what was typed, if it is the same person."""
    own = runtime(request)
    before = await repository.session(own.store, entering.get("before"))
    if before is None or before.login != login or before.typed is None:
        return safe(str(entering["to"]))
    await repository.keep_typed(own.store, key, before.typed)
    await repository.keep_typed(own.store, before.key, None)
    return safe(str(before.typed["page"]))


@router.post("/log-ud")
async def log_out(request: Request) -> Response:
    """Here at once, then at the provider, which tells every other application; whoever it is that has logged in."""
    own, (session, _, _) = runtime(request), await form_sent(request)
    assert session.tokens is not None
    place = await portal_of(request).log_in.way_out(session.tokens.id)
    await repository.end(own.store, session.key)
    forget_pass(request, session)
    answer = RedirectResponse(place, 303, {"cache-control": "no-store", "clear-site-data": '"cache"'})
    answer.delete_cookie(cookie_name(own.settings), path="/")
    return answer


@router.get("/farvel")
async def goodbye(request: Request) -> Response:
    return _welcome(request, "/portal/", goodbye=True)


@router.post("/backchannel-logout")
async def told_of_log_out(request: Request) -> Response:
    """The provider says that somebody has logged out elsewhere (OpenID Connect Back-Channel Logout 1.0, 2.5)."""
    own, form = runtime(request), await request.form(max_files=0, max_fields=5)
    try:
        login, session = await portal_of(request).log_in.logged_out(str(form.get("logout_token", "")))
    except TheLogOutTokenIsNotGood:
        return Response(status_code=400, headers={"cache-control": "no-store"})
    await repository.end_all(own.store, own.settings.issuer, login, session)
    return Response(status_code=200, headers={"cache-control": "no-store"})


@router.get("/sprog/{language}")
async def speak(request: Request, language: str, til: str = "/portal/") -> Response:
    """Danish or English from now on, and back to the page."""
    if language not in pages.LANGUAGES:
        raise NotFound
    answer = RedirectResponse(safe(til), 303)
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, path="/portal", httponly=True, samesite="lax",
                      secure=runtime(request).settings.portal_url.startswith("https:"))  # fmt: skip
    return answer


@router.get("/static/{edition}/{path:path}")
async def asset(request: Request, edition: str, path: str) -> Response:
    """Kept by the browser for good: an upgrade changes the address."""
    found = pages.assets().get(path)
    if found is None:
        raise NotFound
    headers = {
        "cache-control": f"public, max-age={_YEAR}, immutable",
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if edition != pages.edition():
        raise Elsewhere(pages.static(path))
    if found.packed and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, 200, {**headers, "content-encoding": "gzip"}, found.kind)
    return Response(found.content, 200, headers, found.kind)
