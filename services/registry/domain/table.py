"""What may become of a child's case and of a handover, by whom and why: one table, read by the rules and by the README."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from services.events.registry import ClosingReason, DeclineReason, WithdrawalCause

State = Literal["proposed", "scheduled", "effected", "declined", "withdrawn", "superseded"]
Act = Literal[
    "accept",
    "accept-on-date",
    "decline",
    "withdraw",
    "supersede",
    "take-effect",
    "ask",
    "answer",
    "remind",
    "overdue",
    "escalate",
    "re-give",
    "reschedule",
    "reschedule-agreed",
]
CaseState = Literal["none", "expected", "born", "closed"]
CaseAct = Literal[
    "expect",
    "register",
    "be-born",
    "propose",
    "override",
    "stand-in",
    "note-end-of-life",
    "move",
    "close",
    "age-out",
    "merge",
    "reopen",
    "separate",
]
# holder, deputy (in the holder's absence), leader (of the holder's unit or one above it; of a closed case: of its last unit),
# intake-lead (or the intake's deputy), receiver, receiver-deputy (in the receiver's absence), proposer. rule: nobody's act, but
# the clock's or what follows from a fact that was heard.
Who = Literal["holder", "deputy", "leader", "intake-lead", "receiver", "receiver-deputy", "proposer", "rule"]


@dataclass(frozen=True, slots=True)
class Step:
    """The state after an act, who may act, and the reasons that it may be given, where it takes one."""

    becomes: str
    who: frozenset[Who]
    reasons: tuple[str, ...] = ()


def _step(becomes: str, *who: Who, reasons: tuple[str, ...] = ()) -> Step:
    return Step(becomes, frozenset(who), reasons)


_BY_A_PERSON: tuple[ClosingReason, ...] = (
    *("settled", "moved-abroad", "moved-to-a-municipality-outside", "wrongly-registered", "died", "pregnancy-ended"),
)  # fmt: skip

# What is not here is refused. `effected`, `declined`, `withdrawn` and `superseded` are ends.
HANDOVER: Mapping[tuple[State, Act], Step] = {
    ("proposed", "accept"): _step("effected", "receiver", "receiver-deputy"),
    ("proposed", "accept-on-date"): _step("scheduled", "receiver", "receiver-deputy"),
    ("proposed", "decline"): _step("declined", "receiver", "receiver-deputy", reasons=get_args(DeclineReason)),
    ("proposed", "withdraw"): _step("withdrawn", "proposer", "holder", "deputy", "rule", reasons=get_args(WithdrawalCause)),
    ("proposed", "supersede"): _step("superseded", "rule", reasons=("override", "merge", "closing")),
    ("proposed", "ask"): _step("proposed", "receiver", "receiver-deputy"),
    ("proposed", "answer"): _step("proposed", "holder", "deputy", "proposer"),
    ("proposed", "remind"): _step("proposed", "rule"),
    ("proposed", "overdue"): _step("proposed", "rule"),
    ("proposed", "escalate"): _step("proposed", "rule"),
    ("proposed", "re-give"): _step("proposed", "rule"),
    ("proposed", "reschedule"): _step("proposed", "proposer", "holder", "deputy", "rule"),
    ("scheduled", "take-effect"): _step("effected", "rule"),
    ("scheduled", "decline"): _step("declined", "receiver", "receiver-deputy", reasons=get_args(DeclineReason)),
    ("scheduled", "withdraw"): _step("withdrawn", "proposer", "holder", "deputy", "rule", reasons=get_args(WithdrawalCause)),
    ("scheduled", "supersede"): _step("superseded", "rule", reasons=("override", "merge", "closing")),
    ("scheduled", "re-give"): _step("scheduled", "rule"),
    # Another date than the receiver said yes to is a question to the receiver again.
    ("scheduled", "reschedule"): _step("proposed", "proposer", "holder", "deputy", "rule"),
    ("scheduled", "reschedule-agreed"): _step("scheduled", "receiver"),
}
BECOMES: Mapping[tuple[State, Act], State] = {at: step.becomes for at, step in HANDOVER.items()}  # type: ignore[misc]
OPEN: Collection[State] = ("proposed", "scheduled")

# A death or the end of a pregnancy is noted and ends nothing: only people, age and a merge close a case. A closed case that is
# reopened or separated is again what it was, with a named person from the same instant.
CASE: Mapping[tuple[CaseState, CaseAct], Step] = {
    ("none", "expect"): _step("expected", "rule"),
    ("none", "register"): _step("born", "rule"),
    ("expected", "be-born"): _step("born", "rule"),
    ("expected", "propose"): _step("expected", "holder", "deputy", "leader", "rule"),
    ("born", "propose"): _step("born", "holder", "deputy", "leader", "rule"),
    ("expected", "override"): _step("expected", "leader"),
    ("born", "override"): _step("born", "leader"),
    ("expected", "stand-in"): _step("expected", "rule"),
    ("born", "stand-in"): _step("born", "rule"),
    ("expected", "note-end-of-life"): _step("expected", "rule", reasons=("died", "pregnancy-ended")),
    ("born", "note-end-of-life"): _step("born", "rule", reasons=("died", "pregnancy-ended")),
    ("closed", "note-end-of-life"): _step("closed", "rule", reasons=("died", "pregnancy-ended")),
    ("expected", "move"): _step("expected", "holder", "deputy", "leader", "rule"),
    ("born", "move"): _step("born", "holder", "deputy", "leader", "rule"),
    ("expected", "close"): _step("closed", "holder", "deputy", "leader", reasons=_BY_A_PERSON),
    ("born", "close"): _step("closed", "holder", "deputy", "leader", reasons=_BY_A_PERSON),
    ("born", "age-out"): _step("closed", "rule", reasons=("aged-out",)),
    ("expected", "merge"): _step("closed", "rule", reasons=("merged",)),
    ("born", "merge"): _step("closed", "rule", reasons=("merged",)),
    ("closed", "merge"): _step("closed", "rule", reasons=("merged",)),
    ("closed", "be-born"): _step("closed", "rule"),
    ("closed", "reopen"): _step("running", "leader", "intake-lead"),
    ("closed", "separate"): _step("running", "leader", "intake-lead"),
}


def diagrams() -> str:
    """Both tables as state diagrams, for the README."""
    case = [(state, act, step) for (state, act), step in CASE.items()]
    handover = [(state, act, step) for (state, act), step in HANDOVER.items()]
    return f"{_diagram(case)}\n\n{_diagram(handover, '    [*] --> proposed: propose, move')}"


def _diagram(steps: Sequence[tuple[str, str, Step]], *begins: str) -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for state, act, step in steps:
        for becomes in ("expected", "born") if step.becomes == "running" else (step.becomes,):
            arrows.setdefault((state.replace("none", "[*]"), becomes), []).append(f"{act} ({', '.join(_ordered(step.who))})")
    lines = [f"    {of} --> {to}: {'<br>'.join(acts)}" for (of, to), acts in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *begins, *lines, "```"])


def _ordered(who: frozenset[Who]) -> list[str]:
    return [one for one in get_args(Who) if one in who]
