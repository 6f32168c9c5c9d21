"""Who is at the page: their session, their language, the services in their name; and every no as a page for people."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from services.chassis.calendar import date_of
from services.chassis.errors import LogInAgain, NotAllowed, NotFound, NotUnderstood, Problem, TryAgainSoon
from services.chassis.log import logger
from services.chassis.party import Bearer, Caller
from services.chassis.service import Runtime, runtime_of
from services.chassis.settings import Settings
from services.chassis.store import Tx
from services.portal import forms, pages, repository
from services.portal.apis import Apis, Names, TheServiceSaysNo
from services.portal.forms import Typed
from services.portal.log_in import LogIn
from services.portal.pages import Language
from services.portal.repository import Session, Tokens

runtime = runtime_of("portal")
LANGUAGE_COOKIE = "portal-language"
# The system of CPR numbers, as the services name it.
CPR = "urn:oid:1.2.208.176.1.2"
# Renewed so long before it ends, so that it lasts for what a page asks.
_LEFT_SECONDS = 45


@dataclass
class Portal:
    """What the portal's process holds between requests."""

    log_in: LogIn
    names: Names = field(default_factory=Names)
    renewing: asyncio.Lock = field(default_factory=asyncio.Lock)
    # A family's pass by its session's id: (until when, the pass). Kept in no table.
    passes: dict[bytes, tuple[float, str]] = field(default_factory=dict)


def portal_of(request: Request) -> Portal:
    found: Portal | None = getattr(request.app.state, "portal", None)
    if found is None:
        found = request.app.state.portal = Portal(LogIn(runtime(request).settings))
    return found


def cookie_name(settings: Settings) -> str:
    return "__Host-portal" if settings.portal_url.startswith("https:") else "portal"


def set_cookie(answer: Response, settings: Settings, secret: str) -> None:
    secure = settings.portal_url.startswith("https:")
    answer.set_cookie(cookie_name(settings), secret, path="/", httponly=True, samesite="lax", secure=secure)


def language_of(request: Request) -> Language:
    """Danish, unless the reader has chosen English."""
    return "en" if request.cookies.get(LANGUAGE_COOKIE) == "en" else "da"


class Elsewhere(Exception):
    """The answer is another page."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


class Again(Exception):
    """The form is shown again with what is wrong at its field."""


class Overtaken(Exception):
    """A service has refused what somebody sent: mostly because someone else was first."""

    def __init__(self, sent: "Sent", no: TheServiceSaysNo, about: Any) -> None:
        super().__init__(no.problem)
        self.sent, self.no, self.about = sent, no, about


class OnlyPeopleOfTheDirectory(Problem):
    """Somebody has logged in whom the directory does not know."""

    status = 403


@dataclass
class Visit:
    """Someone logged in at a page."""

    request: Request
    runtime: Runtime
    session: Session
    caller: Caller
    now: datetime
    apis: Apis
    language: Language
    name: str
    typed: Typed
    administers: bool = False

    @property
    def me(self) -> UUID:
        assert self.caller.professional is not None, "checked when the visit began"
        return self.caller.professional

    @property
    def today(self) -> date:
        return date_of(self.now)

    @property
    def address(self) -> str:
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query else "")

    @property
    def leads(self) -> list[UUID]:
        return [seat.unit for seat in self.caller.seats if seat.leads]

    def say(self, text: str) -> str:
        return str(pages.translations(self.language).ugettext(text))

    def form_id(self, action: str) -> str:
        return forms.new_id(self.session.key, action)

    def typed_in(self, *actions: str) -> Typed:
        """What was typed into the form with this address, where there is something: after an error, or a lost session.

        Further addresses: of steps that carry on what was written in this one.
        """
        return self.typed if self.typed.action in actions else forms.NOTHING

    def page(self, template: str, status: int = 200, **given: Any) -> HTMLResponse:
        done = self.request.query_params.get("sket")
        return pages.page(template, self.language, self.runtime.settings, status, visit=self, done=done, **given)

    @asynccontextmanager
    async def own(self) -> AsyncIterator[Tx]:
        """A transaction on the portal's own tables in this person's name."""
        who = {"issuer": self.session.issuer or "", "login": self.session.login or ""}
        async with self.runtime.store.request(who, None, None) as (tx, opened):
            if opened is None:
                raise OnlyPeopleOfTheDirectory
            yield tx


@dataclass
class Sent(Visit):
    """Someone logged in who has sent a form. `key`: the form's one-time id."""

    key: str = ""

    async def post(
        self,
        service: str,
        path: str,
        body: Any = None,
        about: Any = None,
        at_field: Mapping[str, str] | None = None,
        version: int | None = None,
    ) -> Any:
        """A change in this person's name, once however often the form is sent.

        `about`: the child, or ("handover", id), for the page that explains a refusal. `at_field`: refusals that are
        a field's: then Again. Overtaken for every other one. `version`: only if the subject is still what the page showed.
        """
        try:
            answer = await self.apis.ask("POST", service, path, body=body, key=self.key, version=version)
        except TheServiceSaysNo as no:
            if no.problem in (at_field or {}):
                self.typed.wrong[(at_field or {})[no.problem]] = pages.words(self.language).of("refusal", no.problem)
                raise Again from no
            raise Overtaken(self, no, about) from no
        await self.drop_typed()
        return answer.body

    async def drop_typed(self) -> None:
        if self.session.typed:
            await repository.keep_typed(self.runtime.store, self.session.key, None)

    def to(self, place: str, done: str | None = None) -> Response:
        """303 to a page that says what was done."""
        more = f"{'&' if '?' in place else '?'}{urlencode({'sket': done})}" if done else ""
        return RedirectResponse(place + more, 303)


async def visiting(request: Request) -> Visit:
    """Elsewhere, to the log-in and back, for everybody who is not logged in."""
    session = await logged_in(request)
    return Visit(**await _visit(request, session, forms.from_kept(session.typed)))


async def logged_in(request: Request) -> Session:
    """A session that lives; else Elsewhere, to the log-in and back."""
    session = await _session(request)
    if session is None or not session.lives or session.tokens is None:
        raise Elsewhere(f"/portal/log-ind?til={quote(_here(request))}")
    return session


async def sending(request: Request) -> Sent:
    """A form of this very page, in a session that lives; else what was typed is kept until they have logged in again."""
    session, typed, key = await form_sent(request)
    try:
        return Sent(**await _visit(request, session, typed), key=key)
    except LogInAgain:
        raise await kept(request, session, typed) from None


async def form_sent(request: Request) -> tuple[Session, Typed, str]:
    """Whose form, what it says, and its Idempotency-Key; Elsewhere, to the log-in, where the session has ended."""
    forms.comes_from_here(request)
    typed, session = await forms.typed(request), await _session(request)
    if session is None:
        raise Elsewhere(f"/portal/log-ind?til={quote(typed.page)}")
    if not session.lives or session.tokens is None:
        raise await kept(request, session, typed)
    return session, typed, forms.one_time_key(session.key, request.url.path, typed.one(forms.ID))


async def kept(request: Request, session: Session, typed: Typed) -> Elsewhere:
    """What was typed is kept for the same person's next log-in in this browser."""
    if session.login is not None:
        await repository.keep_typed(runtime(request).store, session.key, typed.as_kept())
    return Elsewhere(f"/portal/log-ind?til={quote(typed.page)}&gemt=1")


Visiting = Annotated[Visit, Depends(visiting)]
Sending = Annotated[Sent, Depends(sending)]


async def _session(request: Request) -> Session | None:
    own = runtime(request)
    try:
        return await repository.session(own.store, request.cookies.get(cookie_name(own.settings)))
    except ValueError:
        return None


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


async def _visit(request: Request, session: Session, typed: Typed) -> dict[str, Any]:
    own, portal = runtime(request), portal_of(request)
    assert session.tokens is not None
    assert session.issuer
    assert session.login
    tokens = await fresh(own, portal, session)
    bearer = Bearer({"issuer": session.issuer, "login": session.login})
    async with own.store.request(bearer.who, None, None, only_reads=True) as (tx, opened):
        if opened is None or not opened["caller"].get("professional"):
            raise OnlyPeopleOfTheDirectory
        assert tx.at is not None
        caller, now = Caller.of(bearer, opened["caller"]), tx.at
    apis = Apis(own.peers, tokens.access, caller.party.municipality or "", portal.names)
    me = await apis.person(caller.professional)
    return {
        "request": request, "runtime": own, "session": session, "caller": caller, "now": now, "apis": apis,
        "language": language_of(request), "name": tokens.name, "typed": typed,
        "administers": bool(me and me["administers"]),
    }  # fmt: skip


async def fresh(own: Runtime, portal: Portal, session: Session) -> Tokens:
    """Tokens good for what comes. Renewed by one request at a time: the provider takes a refresh token once."""
    assert session.tokens is not None
    if session.tokens.until - time.time() > _LEFT_SECONDS:
        return session.tokens
    ended = False
    async with repository.held(own.store, session.key) as held:
        if held is None:
            raise LogInAgain("The log-in has ended.")
        if held.tokens.until - time.time() > _LEFT_SECONDS:
            return held.tokens
        try:
            renewed = await portal.log_in.renew(held.tokens)
            await held.write(renewed)
            return renewed
        except LogInAgain:
            ended = True
    if ended:
        await repository.end(own.store, session.key)
    raise LogInAgain("The log-in has ended.")


# -- every no as a page ---------------------------------------------------------------------------------------------------------


class PageRoute(APIRoute):
    """An address that answers with pages, also where it says no."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        own = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await own(request)
            except Elsewhere as elsewhere:
                return RedirectResponse(elsewhere.place, 303, {"cache-control": "no-store"})
            except LogInAgain:
                return RedirectResponse(f"/portal/log-ind?til={quote(_here(request))}", 303, {"cache-control": "no-store"})
            except Overtaken as over:
                return await overtaken(over)
            except TheServiceSaysNo as no:
                status, kind = no.code, {403: "not-allowed", 404: "not-found", 409: "conflict"}.get(no.code, "refused")
                return refused(request, status, kind, problem=no.problem)
            except TryAgainSoon:
                return refused(request, 503, "away")
            except (NotFound, RequestValidationError):
                return refused(request, 404, "not-found")
            except OnlyPeopleOfTheDirectory:
                # Whoever is no professional may be a family: their own page says so, or that they are nobody here.
                if request.method == "GET" and request.url.path == "/portal/":
                    return RedirectResponse("/portal/familie", 303, {"cache-control": "no-store"})
                return refused(request, 403, "unknown")
            except forms.TheFormIsNotOfThisPage:
                return refused(request, 403, "forged")
            except NotAllowed:
                return refused(request, 403, "not-allowed")
            except (NotUnderstood, HTTPException) as wrong:
                code = wrong.status_code if isinstance(wrong, HTTPException) else wrong.status
                return refused(request, code, "refused")
            except Problem as no:
                logger().warning("page.refused", problem=no.slug())
                return refused(request, no.status, "refused", problem=no.slug())

        return handle


def refused(request: Request, status: int, kind: str, problem: str = "") -> HTMLResponse:
    settings = runtime(request).settings
    return pages.page("refused.html", language_of(request), settings, status, visit=None, kind=kind, problem=problem, done=None,
                      address="/portal/")  # fmt: skip


async def overtaken(over: Overtaken) -> HTMLResponse:
    """What happened, who did it, what was typed, and what can be done now."""
    sent, no = over.sent, over.no
    if no.code not in (409, 422, 403, 404, 410):
        return refused(sent.request, no.code, "refused", no.problem)
    handover, child = None, None
    try:
        if isinstance(over.about, tuple):
            handover = await sent.apis.found("registry", f"/registry/handovers/{over.about[1]}")
        reference = handover["child"] if handover else over.about if not isinstance(over.about, tuple) else None
        child = await sent.apis.found("registry", f"/registry/children/{reference}") if reference else None
    except (TheServiceSaysNo, TryAgainSoon):
        child = None
    seats = [child["tovholder"]] if child and child["tovholder"] else []
    people = [seat["professional"] for seat in seats]
    if handover:
        people += [handover["accepted_by"], handover["receiver"]["professional"], handover["giver"]["professional"]]
    if child and child["handover"]:
        people += [child["handover"]["receiver"]["professional"]]
    names = await sent.apis.names_of(people, [seat["unit"] for seat in seats])
    said = [(name, value) for name, value in _said(sent.typed) if value]
    return sent.page("overtaken.html", no.code, problem=no.problem, handover=handover, child=child, names=names, said=said,
                     about=over.about, back=sent.typed.page)  # fmt: skip


def _said(typed: Typed) -> list[tuple[str, str]]:
    """What somebody wrote themselves, by field; ids and choices are no loss."""
    return [(name, typed.one(name)) for name in typed.fields if name in WRITTEN or name.startswith(WRITTEN_BY_TOPIC)]


# Fields in which people write.
WRITTEN_BY_TOPIC = "text-"
WRITTEN = ("text", "message", "family_wish", "note", "question", "answer", "household", "referral_reason")
