"""A child's events folded, one after the other, through the registry's table of what may become of a case and a handover."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.registry.domain.table import BECOMES, OPEN
from tests.faults.evidence import Said
from tests.faults.history import Seat

_ACTS = {
    "handover_scheduled": "accept-on-date", "handover_declined": "decline", "handover_withdrawn": "withdraw",
    "handover_superseded": "supersede", "handover_reminded": "remind", "handover_overdue": "overdue",
    "handover_escalated": "escalate", "information_requested": "ask", "information_provided": "answer",
}  # fmt: skip


@dataclass
class Folded:
    """How a child stands after its last event. `leads`: by version, who held the baton then; `illegal`: what may not be."""

    subject: str
    lead: Seat | None = None
    handover: str | None = None
    state: str = ""
    receiver: Seat | None = None
    effective_on: str | None = None
    leads: dict[int, Seat | None] = field(default_factory=dict)
    dates: dict[int, str | None] = field(default_factory=dict)
    illegal: list[str] = field(default_factory=list)
    _closed: bool = False
    _accepted: str | None = None
    _at: str = ""

    def hear(self, said: Said) -> None:
        if (said.version == 1) != (said.kind == "child_registered"):
            self._no(said, "a child is registered first, and once")
        if said.at < self._at:
            self._no(said, "its time is before that of the version before")
        hearing = getattr(self, f"_{said.kind}", None)
        if hearing is not None:
            hearing(said)
        elif said.kind in _ACTS:
            self._becomes(said, _ACTS[said.kind])
        self._at = said.at
        self.leads[said.version], self.dates[said.version] = self.lead, self.effective_on

    def _no(self, said: Said, why: str) -> None:
        self.illegal.append(f"{said.kind}, version {said.version} of {self.subject}: {why}")

    def _tovholder_changed(self, said: Said) -> None:
        fact = said.data
        if (_seat(fact["before"]) if fact["before"] else None) != self.lead:
            self._no(said, "taken from somebody who does not hold it")
        if fact["why"] in ("acceptance", "effect") and (self.state != "effected" or self.receiver != _seat(fact["tovholder"])):
            self._no(said, "taken by somebody who has not said yes")
        self.lead = _seat(fact["tovholder"])

    def _handover_proposed(self, said: Said) -> None:
        if self.state in OPEN:
            self._no(said, "there is an open handover")
        if _seat(said.data["giver"]) != self.lead or _seat(said.data["receiver"]) == self.lead or self._closed:
            self._no(said, "not from the tovholder to somebody else")
        self.handover, self.state, self._accepted = said.data["handover"], "proposed", None
        self.receiver, self.effective_on = _seat(said.data["receiver"]), said.data["effective_on"]

    def _handover_accepted(self, said: Said) -> None:
        if self._is_open(said) and self.state != "proposed":
            self._no(said, "accepted twice")
        # A deputy who says yes in an absence takes it for themselves.
        self.receiver, self._accepted = _seat(said.data["receiver"]), said.data["accepted_by"]
        if self.receiver[0] != self._accepted:
            self._no(said, "somebody else said yes")
        self.effective_on = said.data["effective_on"]

    def _handover_effected(self, said: Said) -> None:
        act = "accept" if self.state == "proposed" else "take-effect"
        if self._accepted is None:
            self._no(said, "nobody said yes")
        self._becomes(said, act)

    def _handover_rescheduled(self, said: Said) -> None:
        agreed = said.data["answer_by"] is None
        self._becomes(said, "reschedule-agreed" if agreed else "reschedule")
        self._accepted = self._accepted if agreed else None
        self.effective_on = said.data["effective_on"]

    def _case_closed(self, said: Said) -> None:
        if self._closed or _seat(said.data["last"]) != self.lead:
            self._no(said, "closed already, or by the word of another tovholder")
        if self.state in OPEN:
            self._no(said, "its handover is open")
        self._closed, self.lead = True, None

    def _case_reopened(self, said: Said) -> None:
        if not self._closed:
            self._no(said, "it was not closed")
        self._closed = False

    def _becomes(self, said: Said, act: str) -> None:
        if not self._is_open(said):
            return
        becomes = BECOMES.get((self.state, act))  # type: ignore[arg-type]
        if becomes is None:
            self._no(said, f"{act} of a handover that is {self.state}")
        else:
            self.state = becomes

    def _is_open(self, said: Said) -> bool:
        if self.handover != said.data["handover"] or self.state not in OPEN:
            self._no(said, "that handover is not open")
            return False
        return True


def _seat(seat: dict[str, Any]) -> Seat:
    return seat["professional"], seat["unit"]


def folded(rows: Iterable[Said]) -> dict[str, Folded]:
    """Every child of the registry's ledger. Rows in order of version per subject."""
    found: dict[str, Folded] = {}
    for said in rows:
        if said.kind not in ("professional_released", "rehearsed"):
            found.setdefault(said.subject, Folded(said.subject)).hear(said)
    return found
