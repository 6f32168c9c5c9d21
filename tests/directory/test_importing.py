"""A file is taken in whole or not at all, as often as wanted, and only what differs is told."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.chassis.errors import Problem
from services.demo import town
from services.directory.domain import ASorNumberStandsForOneUnit
from services.directory.importing import Changes, TheFileCannotBeImported, import_file, import_municipality
from tests.support.world import World

HAVBY = "0990"


def havby() -> dict[str, Any]:
    """The demo town's file, to be changed at will."""
    return copy.deepcopy(dict(town.content()))


def person(content: dict[str, Any], username: str) -> dict[str, Any]:
    found: dict[str, Any] = next(person for person in content["professionals"] if person["username"] == username)
    return found


def unit(content: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(unit for unit in content["units"] if unit["key"] == key)
    return found


async def taken_in(world: World, content: dict[str, Any], dry_run: bool = False) -> Changes:
    changes = await import_municipality(world.store("directory"), content, issuer=world.issuer.url, dry_run=dry_run)
    await world.settle()
    return changes


async def test_the_same_file_again_changes_nothing_and_tells_nobody(town_as_it_is: World) -> None:
    changes = await taken_in(town_as_it_is, havby())

    assert not changes
    assert str(changes) == "Nothing differs."


async def test_a_dry_run_says_what_would_change_and_changes_nothing(world: World) -> None:
    content = havby()
    person(content, "anna")["seats"] = [{"unit": "syd"}]

    looked = await taken_in(world, content, dry_run=True)
    done = await taken_in(world, content)

    assert looked.lines == done.lines
    assert looked.events == done.events == {"ProfessionalChanged": 1}


async def test_a_moved_professional_calls_from_their_new_unit_only(world: World) -> None:
    content = havby()
    person(content, "anna")["seats"] = [{"unit": "syd"}]

    await taken_in(world, content)

    seats = await world.sql("directory", "select unit from workplace where professional = $1", world.names["anna"])
    assert [str(row["unit"]) for row in seats] == [world.names["syd"]]


async def test_two_professionals_may_exchange_logins(world: World) -> None:
    content = havby()
    anna, birgit = person(content, "anna"), person(content, "birgit")
    anna["login"], birgit["login"] = birgit["login"], anna["login"]

    changes = await taken_in(world, content)

    assert changes.events == {"ProfessionalChanged": 2}
    answer = await world.as_professional("anna").get(f"/directory/professionals/{world.names['birgit']}")
    assert answer.status == 200
    assert await world.dead_letters() == []


async def test_two_units_may_exchange_sor_numbers(world: World) -> None:
    content = havby()
    nord, syd = unit(content, "nord"), unit(content, "syd")
    nord["sor"], syd["sor"] = syd["sor"], nord["sor"]

    changes = await taken_in(world, content)

    assert changes.events == {"UnitChanged": 2}


async def test_a_new_name_is_kept_and_told_to_nobody(world: World) -> None:
    content = havby()
    person(content, "anna")["name"] = "Anna Nygift"

    changes = await taken_in(world, content)

    assert (len(changes.lines), dict(changes.events)) == (1, {})
    shown = await world.as_professional("birgit").get(f"/directory/professionals/{world.names['anna']}")
    assert shown.body["name"] == "Anna Nygift"


async def test_no_name_and_no_address_stands_in_any_event_of_the_directory(town_as_it_is: World) -> None:
    said = await town_as_it_is.sql("directory", "select envelope::text as text from ledger")

    texts = "\n".join(row["text"] for row in said)
    people = havby()["professionals"]
    assert len(said) >= len(people)
    assert [person["username"] for person in people if person["name"] in texts or person["email"] in texts] == []


async def test_a_complete_file_that_leaves_someone_out_says_they_are_leaving(world: World) -> None:
    content = havby()
    content["municipalities"][0]["complete"] = True
    content["professionals"].remove(person(content, "sofie"))

    changes = await taken_in(world, content)

    assert changes.events == {"ProfessionalLeaving": 1, "UnitChanged": 1}
    assert await world.events("directory", world.names["sofie"]) == ["professional_joined", "professional_leaving"]


async def test_a_file_that_is_not_complete_leaves_alone_whom_it_does_not_name(town_as_it_is: World) -> None:
    content = havby()
    content["professionals"].remove(person(content, "sofie"))

    assert not await taken_in(town_as_it_is, content)


async def test_a_departure_is_not_undone_by_the_next_import(world: World) -> None:
    await world.as_professional("elin").post("/directory/professionals/" + world.names["dorte"] + "/departure", {})

    changes = await taken_in(world, havby())

    assert not changes
    shown = await world.as_professional("elin").get(f"/directory/professionals/{world.names['dorte']}")
    assert shown.body["state"] == "leaving"


def _twice_the_same_login(content: dict[str, Any]) -> None:
    person(content, "birgit")["login"] = person(content, "anna")["login"]


def _twice_the_same_sor(content: dict[str, Any]) -> None:
    unit(content, "syd")["sor"] = unit(content, "nord")["sor"]


def _an_unknown_unit(content: dict[str, Any]) -> None:
    person(content, "anna")["seats"][0]["unit"] = "vest"


def _a_seat_in_another_municipality(content: dict[str, Any]) -> None:
    person(content, "anna")["seats"] = [{"unit": "skovby-intake"}]


def _a_deputy_of_oneself(content: dict[str, Any]) -> None:
    person(content, "anna")["seats"][0]["deputy"] = {"professional": "anna", "unit": "nord"}


def _an_intake_of_two(content: dict[str, Any]) -> None:
    content["intakes"][0]["deputy"] = content["intakes"][0]["lead"]


def _a_circle_of_units(content: dict[str, Any]) -> None:
    unit(content, "sundhedspleje")["parent"] = "nord"


def _an_unknown_field(content: dict[str, Any]) -> None:
    person(content, "anna")["cpr"] = "0101010101"


def _a_service_with_a_municipality(content: dict[str, Any]) -> None:
    content["clients"][0]["municipality"] = HAVBY


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_twice_the_same_login, "professionals[4].login"),
        (_twice_the_same_sor, "units[2].sor"),
        (_an_unknown_unit, "professionals[3].seats[0].unit"),
        (_a_seat_in_another_municipality, "professionals[3].seats[0].unit"),
        (_a_deputy_of_oneself, "professionals[3].seats[0].deputy"),
        (_an_intake_of_two, "intakes[0]"),
        (_a_circle_of_units, "units[0].parent"),
        (_an_unknown_field, "professionals[3].cpr"),
        (_a_service_with_a_municipality, "clients[0]"),
    ],
)
async def test_a_file_that_does_not_fit_is_refused_and_the_place_is_named(
    town_as_it_is: World, spoil: Callable[[dict[str, Any]], None], place: str
) -> None:
    content = havby()
    person(content, "inge")["name"] = "Must Not Be Written"
    spoil(content)

    with pytest.raises(TheFileCannotBeImported) as refusal:
        await taken_in(town_as_it_is, content)

    assert place in {found["at"] for found in refusal.value.more["places"]}
    assert "0101010101" not in refusal.value.detail
    written = await town_as_it_is.sql("directory", "select 1 from employee where name = 'Must Not Be Written'")
    assert written == []


async def test_what_belongs_to_another_municipality_is_not_this_files_to_take(town_as_it_is: World) -> None:
    everything = havby()
    content = {
        "municipalities": [{"code": "0992", "name": "Strandby"}],
        "units": [{**unit(everything, "syd"), "municipality": "0992", "parent": None, "district": None}],
    }

    with pytest.raises(TheFileCannotBeImported) as refusal:
        await taken_in(town_as_it_is, content)

    assert refusal.value.more["places"] == [{"at": "units[0].municipality", "says": "belongs to another municipality already"}]


async def test_a_sor_number_of_another_municipalitys_unit_is_refused_by_name(town_as_it_is: World) -> None:
    taken = town.sor_of("syd")
    new = {"id": str(uuid4()), "municipality": "0992", "kind": "intake", "name": "Ny", "sor": [taken]}
    content = {"municipalities": [{"code": "0992", "name": "Strandby"}], "units": [new]}

    with pytest.raises(ASorNumberStandsForOneUnit):
        await taken_in(town_as_it_is, content)


async def test_a_municipality_without_an_intake_is_not_active(world: World) -> None:
    await taken_in(world, {"municipalities": [{"code": "0992", "name": "Strandby"}]})

    found = await world.sql("directory", "select code, active from municipality order by code")
    assert {row["code"]: row["active"] for row in found} == {"0990": True, "0991": True, "0992": False}


async def test_the_demo_file_is_taken_from_yaml_and_from_json_alike(town_as_it_is: World, tmp_path: Path) -> None:
    as_json = tmp_path / "town.json"
    as_json.write_text(json.dumps(havby(), default=str))

    changes = await import_file(town_as_it_is.store("directory"), as_json, issuer=town_as_it_is.issuer.url)

    assert not changes


async def test_a_file_that_is_no_yaml_is_refused_with_its_line(town_as_it_is: World, tmp_path: Path) -> None:
    broken = tmp_path / "town.yaml"
    broken.write_text("municipalities:\n  - code: [\n")

    with pytest.raises(Problem, match="line"):
        await import_file(town_as_it_is.store("directory"), broken)
