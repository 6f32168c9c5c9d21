"""A family at its own page: its pass of five minutes, asked for anew when it ends, and what it sends in its own name."""

import contextlib
import time
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import httpx2
from fastapi import Depends, Request

from services.chassis.errors import LogInAgain, NotFound, Problem
from services.chassis.party import Caller, Party
from services.portal import forms, pages
from services.portal.apis import Answer, Apis, TheServiceSaysNo
from services.portal.endpoints.visiting import (
    Again,
    Elsewhere,
    Sent,
    Visit,
    form_sent,
    fresh,
    kept,
    language_of,
    logged_in,
    portal_of,
    runtime,
)
from services.portal.forms import Typed
from services.portal.repository import Session, Tokens

FAMILY = "/portal/familie"
_NOBODY = "nobody-is-known-by-that-log-in"
_MOST_PASSES = 20_000
# A pass is asked for anew this long before its end, so that it lasts for what a page asks.
_LEFT_SECONDS = 30


class NobodyHasAChildByThisLogIn(Problem):
    """Somebody has logged in who answers for no child here, or whose number the provider has not said."""

    status = 403


class _ByPass(Apis):
    """The services asked with a family's pass: one that has ended, by its age or a change of custody, is asked for anew, once."""

    def __init__(self, request: Request, session: Session, tokens: Tokens, given: str) -> None:
        super().__init__(runtime(request).peers, given, "", portal_of(request).names)
        self._request, self._session, self._tokens = request, session, tokens

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Any = None,
        key: str | None = None,
        version: int | None = None,
    ) -> Answer:
        try:
            return await super().ask(method, service, path, query, body, key, version)
        except LogInAgain:
            forget_pass(self._request, self._session)
            self._token = await _pass(self._request, self._session, self._tokens)
            return await super().ask(method, service, path, query, body, key, version)

    async def file(self, service: str, path: str, **query: Any) -> httpx2.Response:
        try:
            return await super().file(service, path, **query)
        except LogInAgain:
            forget_pass(self._request, self._session)
            self._token = await _pass(self._request, self._session, self._tokens)
            return await super().file(service, path, **query)


@dataclass
class FamilyVisit(Visit):
    """Somebody of a family at a page."""

    _known: dict[str, Any] | None = None

    async def family(self) -> dict[str, Any]:
        """Who they are, and their children with what there is of them now; asked once for a page."""
        if self._known is None:
            self._known = await self.apis.get("persons", "/persons/family")
        return self._known

    async def file(self, path: str, **query: Any) -> bytes:
        """What persons gives that is no JSON; its no is a page, as of every other address."""
        return (await self.apis.file("persons", path, **query)).content

    async def chosen(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Their children, and the one whom the address names (`?barn=`), else the first. NotFound for somebody else's."""
        children = (await self.family())["children"]
        asked = self.request.query_params.get("barn", "")
        found = next((one for one in children if one["child"] == asked), None) if asked else children[0]
        if found is None:
            raise NotFound
        return children, found


@dataclass
class FamilySent(Sent, FamilyVisit):
    """Somebody of a family who has sent a form."""

    async def post(
        self, service: str, path: str, body: Any = None, about: Any = None, at_field: Any = None, version: int | None = None
    ) -> Any:
        """As `Sent.post`; a refusal that is no field's is a page of its own."""
        try:
            answer = await self.apis.ask("POST", service, path, body=body, key=self.key, version=version)
        except TheServiceSaysNo as no:
            if no.problem in (at_field or {}):
                self.typed.wrong[at_field[no.problem]] = pages.words(self.language).of("refusal", no.problem)
                raise Again from no
            raise
        await self.drop_typed()
        return answer.body


async def family_visiting(request: Request) -> FamilyVisit:
    """Elsewhere, to their own page, which says so, for somebody who answers for no child here."""
    try:
        return await family_at(request)
    except NobodyHasAChildByThisLogIn:
        raise Elsewhere(FAMILY) from None


async def family_at(request: Request) -> FamilyVisit:
    """NobodyHasAChildByThisLogIn where persons gives no pass."""
    session = await logged_in(request)
    return FamilyVisit(**await _visit(request, session, forms.from_kept(session.typed)))


async def family_sending(request: Request) -> FamilySent:
    """As `sending`, in a family's name."""
    session, typed, key = await form_sent(request)
    try:
        return FamilySent(**await _visit(request, session, typed), key=key)
    except NobodyHasAChildByThisLogIn:
        raise Elsewhere(FAMILY) from None
    except LogInAgain:
        raise await kept(request, session, typed) from None


FamilyVisiting = Annotated[FamilyVisit, Depends(family_visiting)]
FamilySending = Annotated[FamilySent, Depends(family_sending)]


async def introduced(request: Request, tokens: Tokens) -> Tokens:
    """Shows persons the first token, which says whose CPR number it is, once; from then on tokens without it.

    So the number never enters the session. LogInAgain where the provider gives no token without it.
    """
    # Where nobody is known by the number, their page says so.
    with contextlib.suppress(NobodyHasAChildByThisLogIn):
        await _asked(request, tokens.access)
    return await portal_of(request).log_in.renew(tokens)


def forget_pass(request: Request, session: Session) -> None:
    portal_of(request).passes.pop(session.key.id, None)


async def _visit(request: Request, session: Session, typed: Typed) -> dict[str, Any]:
    own = runtime(request)
    tokens = await fresh(own, portal_of(request), session)
    given = await _pass(request, session, tokens)
    caller = Caller(Party("family"), client=f"family|{given.partition('.')[0]}")
    return {
        "request": request, "runtime": own, "session": session, "caller": caller, "now": await own.store.now(),
        "apis": _ByPass(request, session, tokens, given), "language": language_of(request), "name": tokens.name, "typed": typed,
    }  # fmt: skip


async def _pass(request: Request, session: Session, tokens: Tokens) -> str:
    """The session's pass, or a new one. NobodyHasAChildByThisLogIn where persons gives none."""
    passes = portal_of(request).passes
    until, given = passes.get(session.key.id, (0.0, ""))
    if time.monotonic() < until:
        return given
    said = await _asked(request, tokens.access)
    if len(passes) > _MOST_PASSES:
        passes.clear()
    passes[session.key.id] = (time.monotonic() + said["seconds"] - _LEFT_SECONDS, str(said["pass"]))
    return str(said["pass"])


async def _asked(request: Request, token: str) -> dict[str, Any]:
    own = runtime(request)
    try:
        found: dict[str, Any] = (
            await Apis(own.peers, token, "", portal_of(request).names).ask("POST", "persons", "/persons/family/pass")
        ).body
    except TheServiceSaysNo as no:
        if no.problem == _NOBODY:
            raise NobodyHasAChildByThisLogIn from no
        raise
    return found


def for_child(place: str, child: UUID | str) -> str:
    """A family's page about one of its children."""
    return f"{FAMILY}{place}?barn={quote(str(child))}"
