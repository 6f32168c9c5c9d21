"""Every cell of access.yaml asked over HTTP: people in each relation to a child, at the address of each class, see and act."""

import uuid
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import pytest

from services.demo import town
from services.events.access import classes, may, table
from tests.security.standing import PEOPLE, Child
from tests.support.world import Answer

NOT_ALLOWED = (
    *("not-allowed", "not-found", "only-the-tovholder-may-hand-over-information"),
    *("only-the-health-visitor-plans-and-holds-visits", "only-the-health-visitor-screens"),
    "only-the-tovholder-may-offer-a-programme",
)


@dataclass(frozen=True)
class Address:
    """Where a class is seen or acted on. `body`: a change that no rule lets through, so that asking changes nothing.

    `known`: the relations that the service behind it can know of; to others it is as if they had none.
    `shows`: the part of the answer that is of this class, where the answer holds more; `within`: of each line of that part.
    """

    path: str
    known: frozenset[str]
    body: Any = None
    shows: str | None = None
    within: str | None = None


def _to(*known: str) -> frozenset[str]:
    return frozenset({"holder", "deputy", "leader", "supporter", "service", *known})


_REGISTRY = _to("intake-lead", "receiver")
_PERSONS = _to("intake-lead", "receiver", "daycare", "placement", "asked")
_FILE = _to("health-visitor")
_DAYCARE = _to("intake-lead", "receiver", "daycare", "placement")
_MIDWIFE = frozenset({"holder", "intake-lead", "sender", "service"})
_CONCERNED = frozenset({"health-visitor", "notifier", "assessor"})
_SEAT = {"professional": str(uuid.UUID(int=1)), "unit": str(uuid.UUID(int=2))}

SEEING: dict[str, Address] = {
    "baton": Address("/registry/children/{child}", _REGISTRY),
    "handover-text": Address("/registry/handovers/{handover}", _REGISTRY, shows="message"),
    "identity": Address("/persons/{child}", _PERSONS),
    "name": Address("/persons/named?person={child}", _PERSONS, shows="people", within="mother_name"),
    "mother": Address("/persons/{mother}", _PERSONS),
    "notification": Address("/midwife/notifications/{notification}", _MIDWIFE, shows="content"),
    "overlevering": Address("/sundhedspleje/overleveringer/{overlevering}", _FILE | {"daycare", "giver"}),
    "visits": Address("/sundhedspleje/visits/{visit}", _FILE | {"participant"}),
    "screenings": Address("/sundhedspleje/cases/{child}/screenings", _FILE),
    "parent-health": Address("/sundhedspleje/cases/{child}/parent-health", _FILE),
    "underretning": Address("/sundhedspleje/underretninger/{underretning}", _CONCERNED),
    "start": Address("/daycare/starts/{start}", _DAYCARE),
    "transition": Address("/daycare/starts/{start}/transition", _DAYCARE),
    "place": Address("/daycare/plusplads/{place}", _DAYCARE),
    "consent": Address("/persons/{child}/consents", _PERSONS),
    "deliveries": Address("/notifications/deliveries?child={child}", _to("intake-lead", "receiver")),
    "programmes": Address("/sundhedspleje/cases/{child}/programmes", _FILE | {"team"}),
    "access-log": Address("/persons/{child}/access", _PERSONS),
}
ACTING: dict[str, Address] = {
    "baton": Address("/registry/children/{child}/handovers", _REGISTRY, {"to": _SEAT, "reason": "district"}),
    "handover-text": Address("/registry/handovers/{handover}/answer", _REGISTRY, {"text": "Nobody has asked."}),
    "identity": Address("/persons/{child}/contact", _PERSONS, {}),
    "notification": Address("/midwife/notifications/{notification}/placement", _MIDWIFE, {"placement": "not-ours"}),
    "overlevering": Address(
        "/sundhedspleje/overleveringer",
        _FILE,
        {"child": "{child}", "to": {"unit": _SEAT["unit"]}, "categories": ["development"], "text": "To a unit that is none."},
    ),
    "visits": Address(
        "/sundhedspleje/visits/{visit}/window", _FILE | {"participant"}, {"from_on": "2020-01-02", "until_on": "2020-01-01"}
    ),
    "screenings": Address(
        "/sundhedspleje/cases/{child}/screenings", _FILE,
        {"instrument": "no-such-instrument", "whose": "child", "score": 1, "on": "2020-01-01"},
    ),
    "parent-health": Address("/sundhedspleje/cases/{child}/criteria", _FILE, {"criterion": "no-such-criterion"}),
    "underretning": Address(
        "/sundhedspleje/underretninger/{underretning}/assessment", _CONCERNED, {"assessment": "not-acute"}
    ),
    "programmes": Address(
        "/sundhedspleje/enrolments", _FILE | {"team"}, {"child": "{child}", "programme": "no-such-programme"}
    ),
    "consent": Address(
        "/persons/{child}/consents",
        _PERSONS,
        {
            "given_by": _SEAT["unit"], "recipient_kind": "daycare", "purpose": "transition", "categories": ["development"],
            "from_on": "2026-01-01",
        },
    ),
    "start": Address("/daycare/starts/{start}/date", _DAYCARE, {"starts_on": "2020-01-01"}),
    "transition": Address("/daycare/starts/{start}/pedagogue", _DAYCARE, {"professional": _SEAT["professional"]}),
    "place": Address("/daycare/plusplads", _DAYCARE, {"child": "{child}", "unit": _SEAT["unit"], "method": "cos-p"}),
    "deliveries": Address("/notifications/deliveries/{delivery}/told", _to("intake-lead", "receiver"), {}),
}  # fmt: skip
# What has no address yet. How the mother is reached is changed at the address of `identity`. A sender acts on a notification
# by taking it back, not by placing it.
WITHOUT_ADDRESS: dict[str, set[str]] = {"see": set(), "act": {"mother", "name", "access-log"}}
# Cells granted elsewhere than at the address of their class: who is let in there, and which part of the answer shows it.
# `to_social`: an overlevering to a unit that is no daycare; `of_syd`: a notification to another unit than the child's.
GRANTED_ELSEWHERE: dict[tuple[str, str], tuple[str, Address]] = {
    ("sender", "baton"): ("maternity-havby", Address("/midwife/notifications/{notification}", _MIDWIFE, shows="children")),
    ("daycare", "baton"): ("mona", Address("/daycare/starts/{start}/transition", _DAYCARE, shows="tovholder")),
    ("receiver", "overlevering"): ("rikke", Address("/sundhedspleje/overleveringer/{to_social}", _FILE, shows="text")),
    ("leader", "notification"): ("elin", Address("/midwife/notifications/{of_syd}", _MIDWIFE, shows="content")),
    ("health-visitor", "mother"): ("dorte", Address("/sundhedspleje/cases/{child}", _FILE, shows="mother")),
}
# Who visits this child holds its baton too. That a holder who does not visit sees no more than the visits, and a health visitor
# who does not hold the baton as much as before, tests/sundhedspleje/test_visits.py shows; of programmes, and of the team of a
# course in which the child is enrolled, tests/sundhedspleje/test_courses.py.
SHOWN_ELSEWHERE = {
    *product(("holder", "deputy"), ("visits", "mother", "overlevering", "programmes")),
    *product(("health-visitor",), ("mother", "overlevering", "programmes")),
    ("team", "programmes"),
}
OF_THE_SENDER = Address("/midwife/notifications/{notification}/withdrawal", _MIDWIFE, {"reason": "no-such-reason"})


async def _asked(child: Child, who: str, address: Address, verb: str) -> Answer:
    path = address.path.format(**child.names)
    if verb == "see":
        return await child.as_(who).get(path)
    body = {name: value.format(**child.names) if isinstance(value, str) else value for name, value in address.body.items()}
    return await child.as_(who).post(path, body)


def _lets_in(answer: Answer, address: Address, verb: str) -> bool:
    """Whether access was granted, whatever rule refused the change afterwards."""
    assert answer.status < 500, answer.body
    if verb == "see":
        shown = answer.body.get(address.shows) if address.shows and answer.status == 200 else None
        if address.within:
            shown = [line for line in shown or () if line.get(address.within)] or None
        return answer.status == 200 and (address.shows is None or shown is not None)
    return answer.problem not in NOT_ALLOWED


def test_there_is_someone_in_every_relation_whose_cells_that_relation_decides() -> None:
    for relation, cells in table().items():
        for class_, verb in cells.items():
            if (relation, class_) in SHOWN_ELSEWHERE:
                continue
            by_this = [others - {relation} for others in PEOPLE.values() if relation in others]
            assert any(not may(others, class_, verb) for others in by_this), f"nobody shows that {relation} may {verb} {class_}"


@pytest.mark.parametrize("verb", ["see", "act"])
def test_every_class_has_its_address_or_is_named_as_having_none(verb: str) -> None:
    addresses = SEEING if verb == "see" else ACTING

    assert set(addresses) | WITHOUT_ADDRESS[verb] == set(classes())
    assert not set(addresses) & WITHOUT_ADDRESS[verb]


def test_each_cell_of_the_table_is_granted_at_an_address() -> None:
    granted = {(relation, class_) for relation, cells in table().items() for class_ in cells}
    asked = {
        (relation, class_)
        for class_, address in [*SEEING.items(), *ACTING.items()]
        for relation in address.known
        if may({relation}, class_, "see")
    }

    assert granted - asked == set(GRANTED_ELSEWHERE)


async def test_what_is_granted_elsewhere_is_shown_there_and_to_nobody_without_a_relation(child: Child) -> None:
    given = {"child": "{child}", "to": {"unit": child.world.names["social"]}, "categories": ["development"], "text": "Smiles."}
    handed = await _asked(child, "dorte", Address("/sundhedspleje/overleveringer", _FILE, given), "act")
    pregnancy = {
        "kind": "pregnancy", "message_id": str(uuid.uuid4()), "receiver": {"sor": town.sor_of("syd")}, "due_on": "2031-01-01",
        "mother": {"identifiers": [{"system": "urn:oid:1.2.208.176.1.6.1.1", "value": "1302901KL7"}]},
    }  # fmt: skip
    sent = await _asked(child, "maternity-havby", Address("/midwife/notifications", _MIDWIFE, pregnancy), "act")
    assert (handed.status, sent.status) == (201, 201), (handed.body, sent.body)
    child.names |= {"to_social": handed.body["id"], "of_syd": sent.body["id"]}

    for cell, (who, address) in GRANTED_ELSEWHERE.items():
        assert _lets_in(await _asked(child, who, address, "see"), address, "see"), cell
        for stranger in ("karen", "skovby-lead", "vans-gateway"):
            assert (await _asked(child, stranger, address, "see")).status == 404, cell


CELLS = [
    (who, class_, verb) for verb, addresses in (("see", SEEING), ("act", ACTING)) for who, class_ in product(PEOPLE, addresses)
]


@pytest.mark.parametrize(("who", "class_", "verb"), CELLS, ids=["-".join(cell) for cell in CELLS])
async def test_the_cell_is_as_the_table_says(child: Child, who: str, class_: str, verb: Literal["see", "act"]) -> None:
    address = (SEEING if verb == "see" else ACTING)[class_]
    if (who, class_, verb) == ("maternity-havby", "notification", "act"):
        address = OF_THE_SENDER
    known = PEOPLE[who] & address.known

    answer = await _asked(child, who, address, verb)

    assert _lets_in(answer, address, verb) == may(known, class_, verb), (answer.status, answer.body)
    if not known:
        nothing = answer.status == 404 or answer.problem == "not-found"
        assert nothing or answer.body == {address.shows: []}, (answer.status, answer.body)
    if not _lets_in(answer, address, verb) and answer.status != 200:
        assert answer.status in (403, 404)
        assert (answer.body["fault"], answer.body["retry"]) == ("caller", False)
