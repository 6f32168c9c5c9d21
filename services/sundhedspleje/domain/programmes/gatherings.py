"""What is held once, for whoever takes part: consultations for families, talks in institutions, forums; and trainings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal
from uuid import UUID

from services.chassis.errors import NotAllowed, NotFound, NotUnderstood, RuleViolated
from services.events.sundhedspleje import GatheringCancelled, GatheringHeld, GatheringPlanned, ProgrammeKind, StaffTrained
from services.sundhedspleje.domain.programmes.definitions import GATHERINGS, Method, Programme

GatheringState = Literal["planned", "held", "cancelled"]
TRANSITIONS: Mapping[GatheringState, frozenset[GatheringState]] = {
    "planned": frozenset({"held", "cancelled"}),
    "held": frozenset(),
    "cancelled": frozenset(),
}


class ThisIsNoGathering(RuleViolated):
    """A consultation, a talk or a forum is held once, for whoever takes part; the others are offered to families."""


class ItIsNotHeldInThatUnit(RuleViolated):
    """`allowed` names the kinds of units in which the programme is held."""


class OnlyItsHoldersMayChangeAGathering(NotAllowed):
    """The people of the unit that holds it, and whoever is among its hosts."""


class AGatheringTakesPlaceOnce(RuleViolated):
    """`state` says whether it was held or cancelled."""


class ItIsHeldWhenItsDayHasCome(RuleViolated):
    """What is still to come was not held."""


class FamiliesComeToConsultationsOnly(RuleViolated):
    """A talk and a forum are among staff: no child is named there."""


class TheseAreNotKnownHere(NotFound):
    """Participants are professionals and children of the municipality, children as far as they concern who names them."""


class OnlyALeaderRecordsTraining(NotAllowed):
    """Who has had a training is recorded by a leader of a unit of the municipality."""


class ThereIsNoSuchMethod(NotFound):
    """The municipality's programmes name no such method."""


class ThatVersionIsNotOneOfTheMethods(NotUnderstood):
    """`allowed` names the version in force and the earlier ones that still count."""


class TrainingIsRecordedWhenItWasHad(NotUnderstood):
    """`held_on` lies ahead."""


@dataclass(frozen=True)
class Gathering:
    """A consultation, a talk or a forum. `unit` holds it; `held_in`: the unit where it takes place, if another."""

    id: UUID
    municipality: str
    programme: str
    kind: ProgrammeKind
    effective_from: date
    unit: UUID
    held_in: UUID | None
    on_date: date
    hosts: tuple[UUID, ...]
    state: GatheringState


def plan(
    number: UUID,
    municipality: str,
    programme: Programme | None,
    unit: UUID,
    held_in: tuple[UUID, str] | None,
    on_date: date,
    hosts: Sequence[UUID],
) -> tuple[Gathering, GatheringPlanned]:
    """`held_in`: the other unit and its kind."""
    if programme is None or programme.kind not in GATHERINGS:
        raise ThisIsNoGathering
    if programme.held_in and (held_in is None or held_in[1] not in programme.held_in):
        raise ItIsNotHeldInThatUnit(allowed=list(programme.held_in))
    there = held_in[0] if held_in else None
    gathering = Gathering(
        number, municipality, programme.key, programme.kind, programme.effective_from, unit, there, on_date,
        tuple(dict.fromkeys(hosts)), "planned",
    )  # fmt: skip
    said = GatheringPlanned(
        gathering=number, municipality=municipality, programme=programme.key, kind=programme.kind, unit=unit,
        held_in=there, on_date=on_date,
    )  # fmt: skip
    return gathering, said


def may_change(gathering: Gathering, professional: UUID | None, works_in: Collection[UUID]) -> None:
    if gathering.unit not in works_in and professional not in gathering.hosts:
        raise OnlyItsHoldersMayChangeAGathering


def hold(
    gathering: Gathering, today: date, professionals: Collection[UUID], children: Collection[UUID]
) -> tuple[Gathering, GatheringHeld]:
    """It was held, with these participants."""
    held = _to(gathering, "held")
    if gathering.on_date > today:
        raise ItIsHeldWhenItsDayHasCome
    if children and gathering.kind != "consultation":
        raise FamiliesComeToConsultationsOnly
    said = GatheringHeld(
        gathering=gathering.id, municipality=gathering.municipality, programme=gathering.programme, kind=gathering.kind,
        unit=gathering.unit, held_in=gathering.held_in, held_on=gathering.on_date,
        professionals=len(professionals), families=len(children),
    )  # fmt: skip
    return held, said


def cancel(gathering: Gathering) -> tuple[Gathering, GatheringCancelled]:
    said = GatheringCancelled(gathering=gathering.id, municipality=gathering.municipality, programme=gathering.programme)
    return _to(gathering, "cancelled"), said


def _to(gathering: Gathering, state: GatheringState) -> Gathering:
    if state not in TRANSITIONS[gathering.state]:
        raise AGatheringTakesPlaceOnce(state=gathering.state)
    return replace(gathering, state=state)


def train(
    number: UUID, method: Method | None, version: str, municipality: str, held_on: date, today: date, people: Sequence[UUID]
) -> list[StaffTrained]:
    """What is said of everyone who has had it."""
    if method is None:
        raise ThereIsNoSuchMethod
    if version not in (method.version, *method.counts):
        raise ThatVersionIsNotOneOfTheMethods(allowed=[method.version, *method.counts])
    if held_on > today:
        raise TrainingIsRecordedWhenItWasHad
    return [
        StaffTrained(
            training=number,
            professional=person,
            municipality=municipality,
            method=method.key,
            method_version=version,
            trained_on=held_on,
        )
        for person in people
    ]
