"""What was asked, when, and how it was answered: the record that every check reads."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

Outcome = Literal["ok", "fail", "info"]
Seat = tuple[str, str]

READS = frozenset(
    {"read", "read_at", "read_events", "read_handover", "read_assignments", "list_children", "list_handovers", "list_matters",
     "list_caseloads", "read_many", "preview_many", "read_current", "read_feed_ends", "read_feed", "read_subject", "read_access",
     "list_letters", "read_story", "list_desk", "list_many"}
)  # fmt: skip


@dataclass(slots=True)
class Operation:
    """One operation of one client. `type`: ok and fail are known; info may have happened. Times are seconds of one clock.

    `id` is the Idempotency-Key and the correlation id, so that a ledger row tells whose it is. `version`, `lead`: as answered.
    `deviates`: where a repeated or spoiled request was not answered as it must be.
    """

    id: str
    process: int
    child: str
    f: str
    args: dict[str, Any]
    t_invoke: float
    t_complete: float = 0.0
    type: Outcome = "info"
    status: int = 0
    version: int | None = None
    lead: Seat | None = None
    attempts: int = 0
    who: str = ""
    deviates: str = ""

    @property
    def is_read(self) -> bool:
        return self.f in READS


@dataclass
class Struck:
    """One fault: what, from when to when, and when the first change was answered well after it had ceased."""

    matter: str
    name: str
    began: float
    ceased: float = 0.0
    recovered: float | None = None
    note: str = ""

    @property
    def recovery_seconds(self) -> float | None:
        return None if self.recovered is None else max(0.0, self.recovered - self.ceased)


@dataclass
class History:
    """All operations and faults of one run."""

    operations: list[Operation] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """One JSON object a line."""
        rows = [*(asdict(one) for one in self.struck), *(asdict(one) for one in self.operations)]
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))

    def note_recoveries(self) -> None:
        """The first change that was asked after a fault had ceased and was answered well."""
        answered = sorted(
            (one.t_invoke, one.t_complete) for one in self.operations if one.type == "ok" and not one.is_read and one.attempts
        )
        for fault in self.struck:
            done = [complete for invoke, complete in answered if complete >= fault.ceased and invoke >= fault.began]
            fault.recovered = min(done) if done else None
