"""CloudEvents 1.0 in JSON: what carries an event from the outbox to whoever hears it."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.chassis.ids import new_id, read_id
from services.events import Event


@dataclass(frozen=True)
class Cause:
    """Why something happens now: the chain's first message and the message just before."""

    correlation: str
    causation: str | None = None
    traceparent: str | None = None


CAUSE: ContextVar[Cause | None] = ContextVar("cause", default=None)


def envelope(event: Event, subject: UUID, dataref: str | None = None) -> dict[str, Any]:
    """An event ready for the outbox; `version` and `time` are added where the version is drawn, under the subject's lock."""
    number = str(new_id())
    cause = CAUSE.get()
    made: dict[str, Any] = {
        "specversion": "1.0",
        "id": number,
        "type": event.type,
        "source": f"/{event.source}",
        "subject": str(subject),
        "datacontenttype": "application/json",
        "correlationid": cause.correlation if cause else number,
        "data": event.model_dump(mode="json"),
    }
    if cause and cause.causation:
        made["causationid"] = cause.causation
    if cause and cause.traceparent:
        made["traceparent"] = cause.traceparent
    if dataref:
        made["dataref"] = dataref
    return made


class Malformed(ValueError):
    """These bytes are not an envelope of ours."""


@dataclass(frozen=True)
class Envelope:
    """A decoded envelope; `content` is the JSON object as it came."""

    id: str
    type: str
    source: str
    subject: UUID
    version: int
    time: datetime
    correlation: str
    content: dict[str, Any]

    @classmethod
    def decode(cls, body: bytes | str | dict[str, Any]) -> "Envelope":
        """Malformed, with a reason that quotes nothing, where a required attribute is missing or not what it should be."""
        try:
            content = body if isinstance(body, dict) else orjson.loads(body)
            if content["specversion"] != "1.0":
                raise Malformed("not CloudEvents 1.0")
            return cls(
                id=str(content["id"]),
                type=str(content["type"]),
                source=str(content["source"]).lstrip("/"),
                subject=read_id(content["subject"]),
                version=int(content["version"]),
                time=datetime.fromisoformat(content["time"]),
                correlation=str(content["correlationid"]),
                content=content,
            )
        except Malformed:
            raise
        except orjson.JSONDecodeError as error:
            raise Malformed("not JSON") from error
        except KeyError as error:
            raise Malformed(f"attribute {error.args[0]} is missing") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Malformed(f"an attribute has a wrong form ({type(error).__name__})") from error

    def cause(self) -> Cause:
        """The cause of whatever follows from this event."""
        return Cause(self.correlation, self.id, self.content.get("traceparent"))
