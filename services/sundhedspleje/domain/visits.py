"""Which visit is due when by the municipality's plan, and what a change of the facts or of the plan does to those that stand."""

from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID, uuid5

from pydantic import AfterValidator, Field, model_validator

from services.events.directory import UnitKind
from services.events.envelope import Code, Seat
from services.events.sundhedspleje import Development
from services.sundhedspleje.domain import Case
from services.sundhedspleje.domain.configured import Configured, each_once, wrong

VisitState = Literal["planned", "held", "missed", "declined", "lapsed"]
Whereabouts = Literal["home", "clinic", "institution", "phone", "video"]

NEED_VISIT = "need-visit"
# Why a visit is planned that no criterion asks for: the family has said yes to a programme with it.
BY_PROGRAMME = "programme"
_PREGNANCY_DAYS = 280

# FBOE "Kontakt": the code of each display. Only these may stand in a plan, so that what is reported needs no guess.
FBOE_CONTACTS = {
    "Graviditetsbesøg": "d3c00541-f1d3-4c43-b5fc-16e8914ca1df",
    "Barselsbesøg": "7d35a193-e808-4e77-b361-6c0d114d021f",
    "Etableringsbesøg": "b4bf6058-502a-4d64-bb8e-369661f43b47",
    "Andet besøg inden første måned": "563c4174-f451-4c87-8db8-8d5472ca7ff6",
    "Besøg hos det ca. 2 måneder gamle barn": "51f30d1c-d60e-4e3e-ac22-ec9712ea962d",
    "Besøg hos det 4-6 måneder gamle barn": "58ff370b-a775-4bec-b24a-91604e0a5fe7",
    "Besøg hos det 8-11 måneder gamle barn": "3f3e6489-31bd-44cf-9920-3c632868feb7",
    "Behovskontakt med småbørnssundhedsplejen": "4b039ba1-4005-42e6-b672-09b81ad7578a",
    "Almindelig forebyggende småbørnskontakt": "b30f139c-fac5-416e-b84a-a3429f0222c2",
    "Kontakt med sundhedsplejen i åben konsultation": "644dd6c1-5c80-4412-ae59-f6e0767cead5",
    "Kontakt med sundhedsplejen ifm. gruppeaktivitet": "a08d3cf6-58ef-4631-8893-3fa44bd67363",
}


def _is_in_fboe(display: str) -> str:
    if display not in FBOE_CONTACTS:
        raise ValueError(f"is no contact of FBOE. Allowed: {', '.join(FBOE_CONTACTS)}")
    return display


class Criterion(Configured):
    """Why a family may be offered more than all are, as a code. `says`: in words; `fboe`: its state there, if any."""

    code: Code
    says: str
    fboe: str | None = None


class Contact(Configured):
    """One kind of contact in a visit plan, with its window from birth or due date: days, months of age, or gestational weeks.

    `catch_up_days`: so long after its window a contact is still planned if the news of the child comes late. With neither
    `for_criteria` nor `need_visits_at_least` it is for every family. `joint_with`: kinds of unit that take part in it.
    """

    kind: Code
    fboe: Annotated[str, AfterValidator(_is_in_fboe)]
    counts_from: Literal["due-date", "birth"]
    from_days: int | None = None
    until_days: int | None = None
    from_months: int | None = Field(default=None, ge=0, le=216)
    until_months: int | None = Field(default=None, ge=0, le=216)
    from_week: int | None = Field(default=None, ge=1, le=42)
    until_week: int | None = Field(default=None, ge=1, le=42)
    catch_up_days: int = Field(default=0, ge=0)
    for_criteria: list[Code] = Field(default_factory=list)
    need_visits_at_least: int | None = Field(default=None, ge=1)
    joint_with: list[UnitKind] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_one_window(self) -> Self:
        pairs = {
            "from_days and until_days": (self.from_days, self.until_days),
            "from_months and until_months": (self.from_months, self.until_months),
            "from_week and until_week": (self.from_week, self.until_week),
        }
        given = [pair for pair in pairs.values() if pair != (None, None)]
        if len(given) != 1 or None in given[0]:
            raise ValueError(f"{self.kind}: give one window. Allowed: {'; or '.join(pairs)}")
        if (self.from_week is not None) and self.counts_from == "birth":
            raise ValueError(f"{self.kind}: weeks of the pregnancy count from the due date. Allowed: counts_from: due-date")
        if self.from_months is not None and self.counts_from == "due-date":
            raise ValueError(f"{self.kind}: months of age count from the birth. Allowed: counts_from: birth")
        begins, ends = given[0]
        if begins is not None and ends is not None and ends < begins:
            raise ValueError(f"{self.kind}: the window ends before it begins")
        if self.kind == NEED_VISIT:
            raise ValueError(f"{self.kind}: need-based visits are granted, not planned for all")
        return self

    def window(self, anchor: date) -> tuple[date, date]:
        """First and last day, counted from the birth or the due date."""
        if self.from_months is not None and self.until_months is not None:
            return months_after(anchor, self.from_months), months_after(anchor, self.until_months)
        if self.from_week is not None and self.until_week is not None:
            days = (self.from_week * 7 - _PREGNANCY_DAYS, self.until_week * 7 - _PREGNANCY_DAYS)
        else:
            days = (self.from_days or 0, self.until_days or 0)
        return anchor + timedelta(days=days[0]), anchor + timedelta(days=days[1])


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


class VisitPlan(Configured):
    """The contacts that families are offered from a date on, in order. The standard: FBOE "Kontakt", national guide of 2019."""

    from_on: date
    applies_to: Literal["new-children", "all-children"] = "new-children"
    contacts: list[Contact] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_kind_once(self) -> Self:
        each_once((contact.kind for contact in self.contacts), "contacts")
        return self


class VisitPlans(Configured):
    """What `visits.yaml` of a municipality says: its plans by date of effect, and the codes that people choose from."""

    criteria: list[Criterion] = Field(default_factory=list)
    decline_reasons: list[Code] = Field(min_length=1)
    need_visit_reasons: list[Code] = Field(min_length=1)
    plans: list[VisitPlan] = Field(min_length=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        known = [criterion.code for criterion in self.criteria]
        each_once(known, "criteria")
        dates = [plan.from_on for plan in self.plans]
        if dates != sorted(set(dates)):
            raise wrong("plans: each takes effect later than the one before it. Allowed: dates that rise", "plans")
        for number, plan in enumerate(self.plans):
            for place, contact in enumerate(plan.contacts):
                if unknown := sorted(set(contact.for_criteria) - set(known)):
                    said = f"{contact.kind}: {', '.join(unknown)} is no criterion here. Allowed: {', '.join(known) or 'none'}"
                    raise wrong(said, "plans", number, "contacts", place, "for_criteria")
        return self

    def plan_for(self, case: Case, today: date) -> VisitPlan:
        """The plan that holds for a child: the last in force that is for all, or for those born or due since it took effect."""
        since = case.born_on or case.due_on or today
        in_force = [
            plan for plan in self.plans if plan.from_on <= today and (plan.applies_to == "all-children" or plan.from_on <= since)
        ]
        return (in_force or self.plans[:1])[-1]

    def for_all_since(self, today: date) -> date | None:
        """Date of effect of the last plan in force that is for children born before it too."""
        return max((it.from_on for it in self.plans if it.applies_to == "all-children" and it.from_on <= today), default=None)


@dataclass(frozen=True)
class Family:
    """What decides on visits that are not for all: criteria that stand recorded, and how many need-based visits were granted.

    `series`: the kinds of contact of the visit series that the family has said yes to.
    """

    criteria: frozenset[str] = frozenset()
    need_visits: int = 0
    series: frozenset[str] = frozenset()


NOTHING_KNOWN = Family()


@dataclass(frozen=True)
class Visit:
    """A visit in its window, both dates included. `by_hand`: people chose the window, so that no rule moves it.

    `because`: the criteria that were met. `reason`: why a need-based visit was granted, or why one was declined.
    """

    id: UUID
    kind: str
    from_on: date
    until_on: date
    state: VisitState = "planned"
    by_hand: bool = False
    because: tuple[str, ...] = ()
    reason: str | None = None
    declined_reason: str | None = None
    joint_with: tuple[str, ...] = ()
    held_on: date | None = None
    held_where: Whereabouts | None = None
    settled_by: UUID | None = None
    development: Development | None = None

    @property
    def is_need_visit(self) -> bool:
        return self.kind == NEED_VISIT


@dataclass(frozen=True)
class Participant:
    """Someone of another unit who takes part in a joint visit."""

    seat: Seat
    unit_kind: str


@dataclass(frozen=True)
class Replanning:
    """What a change does to a plan: visits in another window or planned again, new ones, and those that fall away."""

    moved: tuple[Visit, ...] = ()
    added: tuple[Visit, ...] = ()
    lapsed: tuple[Visit, ...] = ()

    @property
    def all(self) -> tuple[Visit, ...]:
        return (*self.moved, *self.added, *self.lapsed)


def visit_id(child: UUID, kind: str) -> UUID:
    """The same child and kind have the same visit, however often the news comes."""
    return uuid5(child, kind)


def reasons_met(contact: Contact, family: Family) -> tuple[str, ...] | None:
    """Why a contact is for this family: () where it is for all, None where it is not for this one."""
    if not contact.for_criteria and contact.need_visits_at_least is None:
        return ()
    met = tuple(code for code in contact.for_criteria if code in family.criteria)
    if contact.need_visits_at_least is not None and family.need_visits >= contact.need_visits_at_least:
        met = (*met, "need-visits")
    if contact.kind in family.series:
        met = (*met, BY_PROGRAMME)
    return met or None


def wanted(plan: VisitPlan, case: Case, family: Family = NOTHING_KNOWN) -> dict[str, tuple[Contact, tuple[str, ...]]]:
    """The contacts that are for this child as things stand, by kind, each with the criteria met.

    Those before birth for an expected child, the others for a born one. One pregnancy has one pregnancy visit, so an expected
    sibling gets none. Of a closed case, a dead child or a pregnancy that has ended: none.
    """
    if case.closed or case.life_ended or (case.status == "expected" and case.sibling_of):
        return {}
    counts_from = {"expected": "due-date", "born": "birth"}.get(case.status)
    return {
        contact.kind: (contact, met)
        for contact in plan.contacts
        if contact.counts_from == counts_from and (met := reasons_met(contact, family)) is not None
    }


def visits_due(plan: VisitPlan, case: Case, today: date, family: Family = NOTHING_KNOWN) -> tuple[Visit, ...]:
    """The visits of a case by its plan. Without a known date today counts: as due date less the window, or as date of birth.

    A visit that a programme promises is paid even where its window is over: from today on, for as long.
    """
    anchor = case.due_on if case.status == "expected" else (case.born_on or today)
    return tuple(
        Visit(visit_id(case.child, kind), kind, *window, because=met, joint_with=tuple(contact.joint_with))
        for kind, (contact, met) in wanted(plan, case, family).items()
        if (window := _window(contact, anchor, today, is_promised=BY_PROGRAMME in met))
    )


def _window(contact: Contact, anchor: date | None, today: date, is_promised: bool = False) -> tuple[date, date] | None:
    if anchor is None:
        begins, ends = contact.window(today)
        return today, today + (ends - begins)
    begins, ends = contact.window(anchor)
    if ends >= today:
        return begins, ends
    late_until = ends + timedelta(days=contact.catch_up_days)
    if late_until >= today:
        return today, late_until
    return (today, today + (ends - begins)) if is_promised else None


def replan(plan: VisitPlan, case: Case, standing: Sequence[Visit], today: date, family: Family = NOTHING_KNOWN) -> Replanning:
    """Planned visits follow the facts and the plan; what has become due is added, what can no longer be falls away.

    A visit that was held, missed or declined stays as it is; so does one whose time has passed, and the window that the family
    wished for. What had lapsed and is due again, after a reopening or an undone death, is planned again, need-based visits too.
    """
    by_id = {visit.id: visit for visit in standing}
    due = visits_due(plan, case, today, family)
    moved = [_moved(by_id[visit.id], visit) for visit in due if visit.id in by_id]
    return Replanning(
        (*(visit for visit in moved if visit is not None), *_granted_again(case, standing, today)),
        tuple(visit for visit in due if visit.id not in by_id),
        _lapsed(wanted(plan, case, family), case, standing),
    )


def _moved(stands: Visit, due: Visit) -> Visit | None:
    if stands.state not in ("planned", "lapsed") or (stands.state == "planned" and stands.by_hand):
        return None
    same = (stands.from_on, stands.until_on, stands.state) == (due.from_on, due.until_on, "planned")
    # Once promised, a late visit keeps the window it got: it does not move along with the days.
    is_late = BY_PROGRAMME in due.because and stands.state == "planned" and stands.from_on <= due.from_on
    return None if same or (is_late and stands.until_on - stands.from_on == due.until_on - due.from_on) else due


def _granted_again(case: Case, standing: Sequence[Visit], today: date) -> list[Visit]:
    """A need-based visit lapses with the case or the life alone, and so comes back with it."""
    if case.closed or case.life_ended:
        return []
    return [
        replace(visit, state="planned")
        for visit in standing
        if visit.is_need_visit and visit.state == "lapsed" and visit.until_on >= today
    ]


def _lapsed(still_wanted: Collection[str], case: Case, standing: Sequence[Visit]) -> tuple[Visit, ...]:
    """A need-based visit was granted to this family, so no plan takes it back: only the end of the case or the life does."""
    over = case.closed or case.life_ended
    return tuple(
        replace(visit, state="lapsed")
        for visit in standing
        if visit.state == "planned" and (over or not (visit.is_need_visit or visit.kind in still_wanted))
    )
