"""What a professional has to do this week, from all that the services know of, and what of it a child asks for soonest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from services.portal.domain.deadlines import Deadline, Urgency

Kind = Literal["visit", "joint", "follow-up", "systematic", "session", "gathering", "transition", "plusplads", "untold"]
_ORDER: dict[Urgency, int] = {"overdue": 0, "today": 1, "soon": 2, "later": 3, "none": 4}


@dataclass(frozen=True)
class Task:
    """One thing. `code`: a visit's kind, an instrument, or what nobody was told.

    `programme`: of a session or a gathering, with its title and step; `missing`: what a transition lacks.
    """

    kind: Kind
    due: Deadline
    place: str
    child: str | None = None
    code: str = ""
    programme: dict[str, Any] | None = None
    missing: tuple[str, ...] = ()


# Seven days, today among them.
_WEEK_DAYS = 6


def must(task: Task) -> bool:
    """Whether it cannot wait until next week. Of a visit only the last day presses; what others wait for always does."""
    return task.kind in ("transition", "plusplads", "untold") or task.due.days <= _WEEK_DAYS


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """Overdue first, the longest overdue before the others; then by day."""
    return sorted(tasks, key=lambda it: (_ORDER[it.due.urgency], it.due.days, it.kind, it.place))


def soonest(*deadlines: Deadline) -> Deadline:
    """The most urgent of several; none where none runs."""
    return min(deadlines, key=lambda it: (_ORDER[it.urgency], it.days), default=Deadline("none"))


def by_child(tasks: Iterable[Task]) -> dict[str, Deadline]:
    """What each child's tasks ask for soonest."""
    found: dict[str, Deadline] = {}
    for it in tasks:
        if it.child:
            found[it.child] = soonest(found.get(it.child, it.due), it.due)
    return found
