"""What a new file of visit plans changes, and what it may not: families' visits were planned by what has taken effect."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from services.sundhedspleje.domain.visits import Contact, VisitPlan, VisitPlans

Part = Literal["contact", "criterion", "decline-reason", "need-visit-reason"]


@dataclass(frozen=True)
class Difference:
    """Of a contact, a criterion or a reason by its code: `new`, `changed` (in which fields), `ended`; from which day on."""

    part: Part
    code: str
    what: Literal["new", "changed", "ended"]
    on: date
    fields: tuple[str, ...] = ()


def rewritten(before: VisitPlans, after: VisitPlans, from_on: date, named: Iterable[str]) -> list[str]:
    """What the new file may not do. `named`: kinds of contact that the municipality's programmes name."""
    return [*_standing(before, after, from_on), *_needed(after, named)]


def _standing(before: VisitPlans, after: VisitPlans, from_on: date) -> Iterator[str]:
    known = {plan.from_on: plan for plan in after.plans}
    stood = {plan.from_on for plan in before.plans}
    for plan in (it for it in before.plans if it.from_on < from_on):
        if plan.from_on not in known:
            yield f"the plan from {plan.from_on} is missing. Allowed: as it stands"
        elif known[plan.from_on] != plan:
            yield f"the plan from {plan.from_on} is rewritten. Allowed: another plan from {from_on} or later"
    for plan in (it for it in after.plans if it.from_on not in stood and it.from_on < from_on):
        yield f"the plan from {plan.from_on} begins before the file holds. Allowed: from_on {from_on} or later"


def _needed(after: VisitPlans, named: Iterable[str]) -> Iterator[str]:
    known = {contact.kind for plan in after.plans for contact in plan.contacts}
    for kind in sorted(set(named) - known):
        yield f"{kind} is a visit of a programme, and no plan has it. Allowed: a contact of that kind in a plan"


def differences(before: VisitPlans, after: VisitPlans, from_on: date) -> list[Difference]:
    """Plan by plan against the one before it, then the lists without a date, which change when the file holds."""
    found: list[Difference] = []
    former: VisitPlan | None = None
    for plan in after.plans:
        if plan not in before.plans:
            found += _of_contacts(former.contacts if former else [], plan.contacts, plan.from_on)
        former = plan
    criteria = {it.code: it for it in before.criteria}, {it.code: it for it in after.criteria}
    found += [Difference("criterion", code, what, from_on) for code, what in _codes(*criteria)]
    for part, was, now in (
        ("decline-reason", before.decline_reasons, after.decline_reasons),
        ("need-visit-reason", before.need_visit_reasons, after.need_visit_reasons),
    ):
        found += [Difference(part, code, what, from_on) for code, what in _codes(dict.fromkeys(was), dict.fromkeys(now))]  # type: ignore[arg-type]
    return found


def _of_contacts(former: Iterable[Contact], now: Iterable[Contact], on: date) -> Iterator[Difference]:
    was, comes = {it.kind: it for it in former}, {it.kind: it for it in now}
    for code, what in _codes(was, comes):
        fields: tuple[str, ...] = ()
        if what == "changed":
            fields = tuple(name for name in Contact.model_fields if getattr(was[code], name) != getattr(comes[code], name))
        yield Difference("contact", code, what, on, fields)


def _codes(was: Mapping[str, object], now: Mapping[str, object]) -> Iterator[tuple[str, Literal["new", "changed", "ended"]]]:
    yield from ((code, "new" if code not in was else "changed") for code in now if code not in was or was[code] != now[code])
    yield from ((code, "ended") for code in was if code not in now)
