"""Why an event is not applied: void work, poison, and what a person is told of it."""

import asyncpg
import orjson

from services.chassis.bus import Record
from services.chassis.envelope import Envelope
from services.chassis.errors import CannotBeApplied, Problem, RuleViolated
from services.chassis.service import Runtime
from services.chassis.store import Tx


class LostLease(Exception):
    """Another process consumes this partition now: whatever was under way here is void."""


class Poison(Exception):
    """This event cannot be applied; `reason` quotes nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


FINAL = (Poison, RuleViolated, CannotBeApplied)
"""What no second try makes good."""


def reason_of(error: Exception, runtime: Runtime) -> str:
    """Why, in words that quote nothing of the event."""
    if isinstance(error, Poison):
        return error.reason
    if isinstance(error, Problem):
        return error.slug()
    if isinstance(error, CannotBeApplied):
        return f"cannot-be-applied: {error}"
    if isinstance(error, asyncpg.PostgresError):
        constraint, state = getattr(error, "constraint_name", None) or "", error.sqlstate or ""
        rule = runtime.service.rules.get(constraint) or runtime.service.rules.get(state)
        return rule.slug() if rule else f"{type(error).__name__} {state} {constraint}".strip()
    return type(error).__name__


async def write_letter(tx: Tx, envelope: Envelope, reason: str, record: Record | None = None) -> None:
    await tx.execute(
        "insert into dead_letter (source, partition, position, subject, version, type, body, reason)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        envelope.source, record and record.partition, record and record.position,
        envelope.subject, envelope.version, envelope.type, orjson.dumps(envelope.content).decode(), reason,
    )  # fmt: skip


def text_of(record: Record) -> str:
    """A body as PostgreSQL can keep it."""
    body = record.body if isinstance(record.body, str) else record.body.decode("utf-8", "replace")
    return body.replace("\x00", "")
