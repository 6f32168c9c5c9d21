"""The survey: links are made for letters; whoever has one answers once, without a log-in and without being known."""

import base64
import hashlib
import hmac
import re
from datetime import timedelta
from html import escape
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound, NotUnderstood, Problem
from services.chassis.party import Caller
from services.chassis.request import AnsweredBefore, Change, answer, change
from services.chassis.route import UsualRoute
from services.chassis.service import Runtime, runtime_of
from services.indicators.domain.definitions import questions
from services.indicators.domain.periods import Quarter
from services.indicators.repository import survey
from services.indicators.schemas import LinksIn, LinksOut

router = APIRouter(route_class=UsualRoute)
runtime = runtime_of("indicators")
Changing = Annotated[Change, Depends(change(runtime))]

_GOOD_FOR = timedelta(days=90)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_BODY_LIMIT = 4096
_SCORES = range(1, 6)


class LinksAreForLettersOfTheMunicipality(Problem):
    """Links are made by the service that writes the letters, or by whoever leads a unit of the municipality."""

    status = 403


class ThisLinkHasBeenAnsweredOrHasLapsed(NotFound):
    """Each link takes one answer, for 90 days. Nobody can see whether or what was answered with it."""


class TooManyTries(Problem):
    """Too many links were tried that are none. Wait a minute; a link from a letter works all the time."""

    status = 429
    retry = True


@router.post("/survey/links", status_code=201, response_model=LinksOut, summary="Links to the survey, one per letter")
async def make_links(body: LinksIn, request: Changing) -> Response:
    """The same request again gives the same links; which letter each goes into is not told here, and not kept."""
    tokens = _tokens(request, body.number)
    try:
        async with request.begin() as begun:
            municipality = _municipality_of(begun.caller, body.municipality)
            until = begun.at + _GOOD_FOR
            await survey.add_links(begun.tx, municipality, body.unit, tokens, until)
            stored = {"until": date_of(until).isoformat()}
            # Kept for a repetition: when they lapse, and not the links.
            await begun.answer(201, stored)
    except AnsweredBefore as before:
        stored = orjson.loads(bytes(before.response.body))
    return answer(201, {"links": [_url(request.runtime, token) for token in tokens], **stored})


def _municipality_of(caller: Caller, named: str | None) -> str:
    own = caller.party.municipality
    if caller.is_service and named:
        return named
    if caller.is_service:
        raise NotUnderstood("Name the municipality.")
    if caller.party.kind != "municipality" or own is None or named not in (None, own) or not any(s.leads for s in caller.seats):
        raise LinksAreForLettersOfTheMunicipality(
            "Links are made by the service that writes the letters, or by whoever leads a unit of the municipality."
        )
    return own


def _tokens(request: Change, number: int) -> list[str]:
    """Made from what the request is and a secret, so that it can be repeated and nobody can guess one: 24 bytes each."""
    key = request.runtime.settings.secrets.indicators_key()
    made = f"{request.bearer.client}\x1f{request.key}".encode() + request.fingerprint
    return [
        base64.urlsafe_b64encode(hmac.digest(key, made + place.to_bytes(4), hashlib.sha256)[:24]).decode()
        for place in range(number)
    ]


def _url(own: Runtime, token: str) -> str:
    return f"{own.settings.gateway_url}/indicators/survey/{token}"


@router.get("/survey/{token}", include_in_schema=False)
async def open_survey(token: str, request: Request) -> Response:
    """The questions: a page for people, JSON for the portal."""
    await _must_be_open(runtime(request), token)
    if _wants_page(request):
        return _page("Spørgeskema", _form())
    return answer(200, {"questions": questions(), "scores": list(_SCORES)})


@router.post("/survey/{token}", include_in_schema=False)
async def answer_survey(token: str, request: Request) -> Response:
    """Takes one answer: `{"scores": {question: 1–5}}`, or the page's form. No Idempotency-Key: the link itself is good once."""
    own, scores = runtime(request), await _scores(request)
    await _must_be_open(own, token)
    quarter = Quarter.of(date_of(await own.store.now()))
    if not await survey.answer(own.store, token, quarter.starts_on, scores):
        raise ThisLinkHasBeenAnsweredOrHasLapsed
    if _wants_page(request):
        return _page("Tak", "<p>Tak for dit svar. Ingen kan se, hvem der har svaret hvad.</p>")
    return answer(200, {"state": "answered"})


async def _must_be_open(own: Runtime, token: str) -> None:
    if _TOKEN.fullmatch(token) and await survey.is_open(own.store, token):
        return
    if not await survey.may_guess(own.store):
        raise TooManyTries
    raise ThisLinkHasBeenAnsweredOrHasLapsed("This link has been answered, has lapsed, or never was one.")


async def _scores(request: Request) -> dict[str, int]:
    """NotUnderstood for anything but known questions with scores from 1 to 5; at least one of them."""
    body = await request.body()
    if len(body) > _BODY_LIMIT:
        raise NotUnderstood("An answer is shorter than this.")
    try:
        given: Any = dict(parse_qsl(body.decode(), max_num_fields=50)) if _is_form(request) else orjson.loads(body)["scores"]
        scores = {question: _score(value) for question, value in given.items() if value != ""}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotUnderstood("An answer gives questions a score from 1 to 5.") from error
    if not scores or not set(scores) <= set(questions()) or not set(scores.values()) <= set(_SCORES):
        raise NotUnderstood("An answer gives at least one of the survey's questions a score from 1 to 5.")
    return scores


def _score(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError
    return int(value)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _form() -> str:
    asked = "".join(
        f"<fieldset><legend>{escape(texts['da'])}</legend>"
        + "".join(f'<label><input type="radio" name="{escape(code)}" value="{score}"> {score}</label> ' for score in _SCORES)
        + "</fieldset>"
        for code, texts in questions().items()
    )
    return (
        "<p>1 = slet ikke, 5 = helt. Du kan springe spørgsmål over. Svaret er anonymt:"
        " det lægges til en sum, og linket slettes.</p>"
        f'<form method="post">{asked}<p><button>Send svar</button></p></form>'
    )


def _page(title: str, content: str) -> Response:
    """No script, nothing from elsewhere, and no address that a further page could learn the link from."""
    page = (
        f'<!doctype html><html lang="da"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        f"<body><main><h1>{title}</h1>{content}</main></body></html>"
    )
    headers = {
        "content-security-policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-robots-tag": "noindex",
    }
    return Response(page, 200, headers, "text/html")
