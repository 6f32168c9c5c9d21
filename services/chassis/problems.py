"""Every no as problem+json (RFC 9457): what happened, whose fault, retry or not; never a stack, a name or a token."""

from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from services.chassis.errors import NotUnderstood, Problem, TryAgainSoon
from services.chassis.log import logger
from services.chassis.request import AnsweredBefore
from services.chassis.store import AWAY, CONTENDED, broken_rule

_INTERNAL = "Something went wrong here. Nothing was changed. Repeat the same request with the same key."
_DOES_NOT_FIT = "A value does not fit: too large, too long, or with characters that cannot be kept."
# The database's word that a value cannot be what it was given for.
_NO_SUCH_VALUE = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.StringDataRightTruncationError,
    asyncpg.DatetimeFieldOverflowError,
)
_TYPES = "https://tovholder.example/problems/"


def problem(status: int, slug: str, detail: str, fault: str, retry: bool, **more: Any) -> Response:
    body = {
        "type": _TYPES + slug,
        "title": slug.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "fault": fault,
        "retry": retry,
        **more,
    }
    headers = {"retry-after": str(more.get("seconds", 1))} if retry else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(orjson.dumps(body, default=str), status, headers, "application/problem+json")


def of(error: Problem) -> Response:
    more = {"seconds": error.seconds} if isinstance(error, TryAgainSoon) else {}
    return problem(error.status, error.slug(), error.detail, error.fault, error.retry, **error.more, **more)


def install(app: FastAPI) -> None:
    """One place where exceptions become answers."""

    @app.exception_handler(Problem)
    async def refused(_: Request, error: Problem) -> Response:
        return of(error)

    @app.exception_handler(AnsweredBefore)
    async def repeated(_: Request, error: AnsweredBefore) -> Response:
        return error.response

    @app.exception_handler(RequestValidationError)
    async def not_understood(request: Request, error: RequestValidationError) -> Response:
        # Pydantic quotes the input in its errors; only place and kind may leave, the input may be a name or a CPR number.
        known = _words(request.app)
        places = [
            {"at": ".".join(_place(part, known) for part in found["loc"]), "says": found["type"]} for found in error.errors()[:20]
        ]
        status = 415 if any(found["type"] == "content_type" for found in error.errors()) else 422
        return problem(
            status,
            "not-understood",
            "The request is not what the contract says; see `errors` for where.",
            "caller",
            False,
            errors=places,
        )

    @app.exception_handler(HTTPException)
    async def by_framework(_: Request, error: HTTPException) -> Response:
        slug = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported-content-type"}.get(
            error.status_code, "not-understood"
        )
        response = problem(error.status_code, slug, slug.replace("-", " ").capitalize() + ".", "caller", False)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(asyncpg.PostgresError)
    async def by_store(request: Request, error: asyncpg.PostgresError) -> Response:
        if isinstance(error, CONTENDED + AWAY):
            return of(TryAgainSoon(cause=type(error).__name__))
        if getattr(error, "constraint_name", None) == "answer_pkey":
            return of(TryAgainSoon("The same request is being answered right now. Repeat it with the same key.", seconds=0))
        service = request.url.path.split("/")[1]
        runtime = request.app.state.runtimes.get(service)
        if runtime and (rule := broken_rule(error, dict(runtime.service.rules))):
            return of(rule)
        if isinstance(error, _NO_SUCH_VALUE) or type(error) is asyncpg.DataError:
            # The bare class is asyncpg's own word for an argument that does not fit its parameter.
            logger().warning("request.does_not_fit", at=_where(error))
            return of(NotUnderstood(_DOES_NOT_FIT))
        logger().error(
            "request.failed",
            error=type(error).__name__,
            constraint=getattr(error, "constraint_name", None),
            sqlstate=error.sqlstate,
        )
        return problem(500, "internal-error", _INTERNAL, "service", True)


def unforeseen(error: Exception) -> Response:
    """The answer to an error that nobody foresaw; the log has where it arose, nobody has its text."""
    logger().error("request.failed", error=type(error).__name__, at=_where(error))
    return problem(500, "internal-error", _INTERNAL, "service", True)


def _words(app: FastAPI) -> frozenset[str]:
    """Every name that stands in the contract: of fields, parameters and their places."""
    found: frozenset[str] | None = getattr(app.state, "words", None)
    if found is None:
        contract = get_openapi(title=app.title, version=app.version, routes=app.routes)
        schemas = contract.get("components", {}).get("schemas", {}).values()
        operations = [operation for path in contract["paths"].values() for operation in path.values()]
        found = app.state.words = frozenset(
            [
                *("body", "query", "header", "path", "cookie", "idempotency-key", "if-match", "x-acting-municipality"),
                *(name for schema in schemas for name in schema.get("properties", ())),
                *(parameter["name"] for operation in operations for parameter in operation.get("parameters", ())),
            ]
        )
    return found


def _place(part: object, known: frozenset[str]) -> str:
    """A name that is not in the contract was given by the caller, and is not repeated."""
    return str(part) if isinstance(part, int) or part in known else "?"


def _where(error: BaseException) -> str:
    """File and line of an error, without its text, which may quote what was given."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}" if trace else ""
