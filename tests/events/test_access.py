"""The table of who may see or do what: well-formed, and closed to everything that does not stand in it."""

from importlib.resources import files
from itertools import product
from typing import Any

import pytest
import yaml

from services.events.access import classes, may, table

RELATIONS = (
    "holder", "deputy", "leader", "intake-lead", "receiver", "supporter", "daycare", "giver", "placement", "sender", "service",
    "health-visitor", "participant", "notifier", "assessor", "team", "asked",
)  # fmt: skip


def _written() -> Any:
    return yaml.safe_load(files("services.events").joinpath("access.yaml").read_text())


def test_the_file_says_only_what_is_declared() -> None:
    written = _written()

    assert set(written) == {"classes", "relations"}
    assert len(set(written["classes"])) == len(written["classes"])
    for relation, cells in written["relations"].items():
        assert set(cells) <= set(written["classes"]), relation
        assert set(cells.values()) <= {"see", "act"}, relation


def test_the_relations_are_those_that_the_services_speak_of() -> None:
    assert set(table()) == set(RELATIONS)


def test_every_class_may_be_seen_by_the_tovholder_but_what_sundhedsplejen_keeps_whoever_holds_the_baton() -> None:
    kept = ["screenings", "parent-health", "underretning"]

    assert [class_ for class_ in classes() if not may({"holder"}, class_, "see")] == kept
    assert [class_ for class_ in classes() if not may({"holder", "health-visitor"}, class_, "see")] == []


@pytest.mark.parametrize(("relation", "class_"), list(product([*RELATIONS, "none", ""], _written()["classes"])))
def test_what_is_not_written_is_refused(relation: str, class_: str) -> None:
    written = _written()["relations"].get(relation, {}).get(class_)

    assert may({relation}, class_, "see") == (written in ("see", "act"))
    assert may({relation}, class_, "act") == (written == "act")


@pytest.mark.parametrize("class_", ["diagnosis", "Baton", "", "*"])
def test_a_class_that_nobody_declared_is_nobodys(class_: str) -> None:
    assert not any(may(RELATIONS, class_, verb) for verb in ("see", "act"))


def test_without_a_relation_nothing_is_allowed() -> None:
    assert not any(may([], class_, verb) for class_ in classes() for verb in ("see", "act"))


def test_of_several_relations_the_widest_counts() -> None:
    assert may({"supporter", "holder"}, "baton", "act")
    assert not may({"supporter", "daycare"}, "baton", "act")


def test_the_mother_is_a_person_of_her_own_and_stays_with_those_who_care_for_her() -> None:
    """Sundhedsloven s. 41: daycare, leaders and supporters have no part in what she told of herself."""
    assert {relation for relation in RELATIONS if may({relation}, "mother", "see")} == {
        "holder", "deputy", "intake-lead", "health-visitor", "service",
    }  # fmt: skip


def test_who_is_asked_for_a_plusplads_knows_what_the_child_is_called_and_nothing_else() -> None:
    assert [(class_, verb) for class_ in classes() for verb in ("see", "act") if may({"asked"}, class_, verb)] == [
        ("name", "see")
    ]


def test_what_is_recorded_of_the_parents_or_notified_stays_with_who_visits_whoever_holds_the_baton() -> None:
    """Sundhedsloven s. 41-43: a pedagogue or social worker who holds the baton has no part in it."""
    for class_ in ("screenings", "parent-health"):
        assert {relation for relation in RELATIONS if may({relation}, class_, "see")} == {"health-visitor", "service"}
    assert {relation for relation in RELATIONS if may({relation}, "underretning", "see")} == {
        "health-visitor", "notifier", "assessor",
    }  # fmt: skip


def test_services_read_and_never_act() -> None:
    assert not any(may({"service"}, class_, "act") for class_ in classes())
