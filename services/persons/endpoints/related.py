"""Who a person is to whom: the one way in which every address of persons loads and authorises."""

from uuid import UUID

from services.chassis.errors import NotFound, RuleViolated, require
from services.chassis.request import OpenChange
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.access import Verb, may
from services.persons import repository
from services.persons.repository import Person, consents


class TheRecordWasMerged(RuleViolated):
    """This reference was found to be the same person as another; `merged_into` names the one that lives on."""


async def related(changing: OpenChange, secrets: Secrets, ref: UUID, class_: str, verb: Verb) -> Person:
    """The person, locked, for a caller whose relation allows it, and held to If-Match.

    TheRecordWasMerged where the reference lives on as another.
    """
    person = await repository.person_of(changing.tx, secrets, ref, to_change=True)
    if person is None:
        raise NotFound("There is no such person, or not for you.")
    relations = await consents.relations(changing.tx, changing.caller, person, changing.at)
    require(may(relations, class_, verb), bool(relations))
    if person.merged_into:
        raise TheRecordWasMerged(merged_into=str(person.merged_into))
    changing.only_if_unchanged(person.id)
    return person


async def living(tx: Tx, secrets: Secrets, ref: UUID) -> Person:
    """A child for a service; a merged reference stands for the child that lives on."""
    person = await repository.person_of(tx, secrets, ref)
    if person and person.merged_into:
        person = await repository.person_of(tx, secrets, person.merged_into)
    if person is None or person.kind != "child":
        raise NotFound("There is no such child.")
    return person
