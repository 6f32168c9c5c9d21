"""CSV as Danish systems export it says the same as YAML; whatever is wrong is told at once, by file and line."""

import asyncio
import copy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from services.chassis.errors import Problem
from services.demo import town
from services.directory.importing import Changes, TheFileCannotBeImported, files, import_file, import_files
from tests.directory import town_as_csv
from tests.directory.command import COMMAND, surroundings
from tests.directory.town_as_csv import Rows
from tests.support.world import World

ANNA = "09900000-0002-4000-8000-000000000004"
SYD = "09900000-0001-4000-8000-000000000003"


def csv_tables() -> dict[str, Rows]:
    return town_as_csv.tables(copy.deepcopy(dict(town.content())))


async def taken_in(world: World, folder: Path, **more: Any) -> Changes:
    return await import_file(world.store("directory"), folder, issuer=world.issuer.url, **more)


async def refused(world: World, *paths: Path) -> dict[str, str]:
    """Where something is wrong → what."""
    with pytest.raises(TheFileCannotBeImported) as refusal:
        await import_files(world.store("directory"), paths, issuer=world.issuer.url)
    return {place["at"]: place["says"] for place in refusal.value.more["places"]}


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("cp1252", ";"), ("utf-8", "\t")],
    ids=["UTF-8", "UTF-8 with its mark", "as Danish spreadsheets write", "tabs"],
)
async def test_a_folder_of_csv_says_the_same_as_the_yaml(
    town_as_it_is: World, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    folder = town_as_csv.write(tmp_path / "town", csv_tables(), encoding, delimiter)

    assert not await taken_in(town_as_it_is, folder)


async def test_several_files_are_read_together_and_seats_may_be_called_functions(town_as_it_is: World, tmp_path: Path) -> None:
    folder = town_as_csv.write(tmp_path / "town", csv_tables())
    (folder / "seats.csv").rename(folder / "Functions.CSV")

    assert not await import_files(town_as_it_is.store("directory"), sorted(folder.iterdir()), issuer=town_as_it_is.issuer.url)


async def test_what_a_spreadsheet_makes_of_codes_dates_and_capitals_is_understood(world: World, tmp_path: Path) -> None:
    found = csv_tables()
    for row in found["professionals"] + found["units"]:
        row["municipality"] = str(row.get("municipality", "")).lstrip("0")
        row["id"] = row["id"].upper()
    for row in found["competences"]:
        row["from_on"] = "1.3.2024"

    assert not await taken_in(world, town_as_csv.write(tmp_path / "town", found, "cp1252", ";"))


async def test_danish_letters_in_windows_1252_come_out_right(world: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["professionals"][3]["name"] = "Åse Ærøskøbing"

    await taken_in(world, town_as_csv.write(tmp_path / "town", found, "cp1252", ";"))

    [row] = await world.sql("directory", "select name from employee where id = $1", ANNA)
    assert row["name"] == "Åse Ærøskøbing"


async def test_every_mistake_in_every_file_is_told_at_once_by_file_and_line(town_as_it_is: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["units"][1]["kind"] = "kindergarten"
    found["professionals"][0]["email"] = "nowhere"
    found["professionals"][14]["id"] = "none"
    found["seats"][3]["unit"] = "vest"
    found["seats"][4]["professional"] = str(uuid4())
    found["seats"][5]["deputy"], found["seats"][5]["deputy_unit"] = "anna", "syd"
    found["competences"][0]["from_on"] = "soon"
    found["absences"] = [{"professional": "anna", "from_on": "2030-02-01", "until_on": "2030-01-01"}]
    found["shoes"] = [{"size": "38"}]

    places = await refused(town_as_it_is, town_as_csv.write(tmp_path / "town", found))

    assert {
        *("units.csv:3: kind", "professionals.csv:2: email", "professionals.csv:16: id", "seats.csv:5: unit"),
        *("seats.csv:6: professional", "competences.csv:2: from_on", "shoes.csv"),
    } <= set(places)
    assert not [place for place, says in places.items() if "no such unit" in says and place != "seats.csv:5: unit"]


async def test_what_follows_a_wrong_row_is_not_wrong_for_it(town_as_it_is: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["units"][1]["kind"] = "kindergarten"

    places = await refused(town_as_it_is, town_as_csv.write(tmp_path / "town", found))

    assert list(places) == ["units.csv:3: kind"]


async def test_two_rows_that_say_the_same_name_each_other(town_as_it_is: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["professionals"][4]["login"] = found["professionals"][3]["login"]

    places = await refused(town_as_it_is, town_as_csv.write(tmp_path / "town", found))

    assert places == {"professionals.csv:6: login": "stands already at professionals.csv:5: login"}


async def test_a_cell_over_several_lines_does_not_shift_the_lines_told(town_as_it_is: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["units"][0]["name"] = "Havby\nSundhedspleje"
    found["units"][1]["kind"] = "kindergarten"

    places = await refused(town_as_it_is, town_as_csv.write(tmp_path / "town", found))

    assert list(places) == ["units.csv:4: kind"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("id;shoe_size\n", "units.csv:1: column 2"),
        ("id;id\n", "units.csv:1: id"),
        ("", "units.csv:1"),
        ("id;name\nx;y;z\n", "units.csv:2"),
    ],
    ids=["an unknown column", "a column twice", "nothing", "too many cells"],
)
async def test_a_table_that_is_none_is_refused_with_its_place(
    town_as_it_is: World, tmp_path: Path, text: str, place: str
) -> None:
    (tmp_path / "units.csv").write_text(text)

    assert place in await refused(town_as_it_is, tmp_path)


async def test_bytes_that_are_no_text_are_refused(town_as_it_is: World, tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_bytes(b"id;name\n\x81\xff;x\n")

    with pytest.raises(Problem, match="neither in UTF-8 nor in Windows-1252"):
        await taken_in(town_as_it_is, tmp_path)


@pytest.mark.parametrize("ending", ["yaml", "json"])
async def test_a_mistake_in_yaml_or_json_is_told_with_its_line(town_as_it_is: World, tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"town.{ending}"
    file.write_text('{"municipalities": [{"code": "0992", "name": "Strandby"}],\n "units": [\n  {"id": "x",\n   "kind": "y"}]}\n')

    places = await refused(town_as_it_is, file)

    assert {f"town.{ending}:3: units[0].id", f"town.{ending}:4: units[0].kind"} <= set(places)


async def test_what_a_file_leaves_out_stays_and_what_it_empties_goes(world: World, tmp_path: Path) -> None:
    row = {"id": ANNA, "municipality": "0990", "name": "Anna Fuldby"}
    silent = await taken_in(world, town_as_csv.write(tmp_path / "a", {"professionals": [row]}))

    emptied = await taken_in(world, town_as_csv.write(tmp_path / "b", {"professionals": [{**row, "login": ""}]}))

    assert not silent
    assert [str(line) for line in emptied.lines] == [f"~ professional {ANNA}: issuer, login"]


async def test_a_part_of_a_municipality_may_refer_to_what_stands(world: World, tmp_path: Path) -> None:
    new = str(uuid4())
    found: dict[str, Rows] = {
        "professionals": [{"id": new, "municipality": "0990", "name": "Ny Ansat"}],
        "seats": [{"professional": new, "unit": SYD, "deputy": world.names["dorte"], "deputy_unit": SYD, "function": uuid4()}],
    }

    changes = await taken_in(world, town_as_csv.write(tmp_path / "town", found))
    await world.settle()

    assert changes.events == {"ProfessionalJoined": 1}
    shown = await world.as_professional("elin").get(f"/directory/professionals/{new}")
    assert shown.body["seats"] == [
        {
            "unit": SYD,
            "leads": False,
            "deputy": {"professional": world.names["dorte"], "unit": SYD},
            "function": str(found["seats"][0]["function"]),
        }
    ]


COMPLETE: Rows = [{"code": "0990", "name": "Havby", "complete": True}]


@pytest.mark.parametrize("emptied", ["professionals", "units"])
async def test_a_whole_import_that_was_emptied_on_its_way_ends_nothing(world: World, tmp_path: Path, emptied: str) -> None:
    with pytest.raises(Problem, match="--yes-many-leave") as refusal:
        await taken_in(world, town_as_csv.write(tmp_path / "town", {"municipalities": COMPLETE, emptied: [{"id": ""}]}))

    assert emptied in refusal.value.detail
    assert await world.sql("directory", "select 1 from employee where state <> 'active'") == []
    assert await world.sql("directory", "select 1 from unit where not active") == []


async def test_many_leave_where_that_is_meant_and_the_dry_run_says_who(world: World, tmp_path: Path) -> None:
    folder = town_as_csv.write(tmp_path / "town", {"municipalities": COMPLETE, "professionals": [{"id": ""}]})

    looked = await taken_in(world, folder, dry_run=True, yes_many_leave=True)
    still = await world.sql("directory", "select 1 from employee where municipality = '0990' and state = 'active'")
    done = await taken_in(world, folder, yes_many_leave=True)

    assert (len(still), looked.lines) == (17, done.lines)
    assert done.events["ProfessionalLeaving"] == 17
    assert any(line.startswith(f"- professional {ANNA}: ") and "state active → leaving" in line for line in done.lines)


async def test_a_whole_import_of_people_alone_closes_no_unit_and_no_system(world: World, tmp_path: Path) -> None:
    found = {name: rows for name, rows in csv_tables().items() if name in ("professionals", "seats")}
    for row in found["seats"]:
        # Keys are names within a file; without the units' file there are ids.
        row |= {column: world.names[row[column]] for column in ("unit", "deputy_unit") if row.get(column)}
    found["professionals"] = [row for row in found["professionals"] if row["municipality"] == "0990"]
    havby = {row["id"] for row in found["professionals"]}
    found["seats"] = [row for row in found["seats"] if row["professional"] in havby]

    changes = await taken_in(world, town_as_csv.write(tmp_path / "town", {**found, "municipalities": COMPLETE}))

    assert not changes


async def test_a_third_may_leave_at_once(world: World, tmp_path: Path) -> None:
    found = csv_tables()
    found["municipalities"][0]["complete"] = True
    going = {row["id"] for row in found["professionals"][8:13]}
    for name, column in (("professionals", "id"), ("seats", "professional")):
        found[name] = [row for row in found[name] if row[column] not in going]
    for row in found["seats"]:
        row |= {"deputy": "", "deputy_unit": ""}

    changes = await taken_in(world, town_as_csv.write(tmp_path / "town", found))

    assert changes.events["ProfessionalLeaving"] == 5


class TestAbsences:
    """What a system says of absences is as it says now; what a person registered stands."""

    def table(self, *rows: dict[str, Any]) -> dict[str, Rows]:
        people: Rows = [{"id": ANNA, "municipality": "0990", "name": "Anna Fuldby"}]
        empty: Rows = [{"professional": "", "id": "", "from_on": "", "until_on": ""}]
        return {"professionals": people, "absences": [{"professional": ANNA, **row} for row in rows] or empty}

    async def test_an_absence_is_told_once_changed_once_and_ended_when_it_is_gone(self, world: World, tmp_path: Path) -> None:
        leave = {"id": str(uuid4()), "from_on": "2030-01-07", "until_on": "2030-06-30"}
        said = []
        for number, rows in enumerate([[leave], [leave], [{**leave, "until_on": "2030-03-31"}], [], []]):
            folder = town_as_csv.write(tmp_path / str(number), self.table(*rows))
            said.append(dict((await taken_in(world, folder)).events))
        await world.settle()

        assert said == [{"AbsenceRegistered": 1}, {}, {"AbsenceRegistered": 1}, {"AbsenceEnded": 1}, {}]
        [kept] = await world.sql("registry", "select until_on from absence")
        [today] = await world.sql("registry", "select today() as day")
        assert kept["until_on"] < today["day"]

    async def test_without_an_id_an_absence_is_known_again_by_its_first_day(self, world: World, tmp_path: Path) -> None:
        folder = town_as_csv.write(tmp_path / "a", self.table({"from_on": "2030-01-07"}))

        first, again = await taken_in(world, folder), await taken_in(world, folder)

        assert (dict(first.events), dict(again.events)) == ({"AbsenceRegistered": 1}, {})

    async def test_an_absence_that_a_person_registered_stands(self, world: World, tmp_path: Path) -> None:
        own = {"professional": ANNA, "from_on": "2030-01-07", "until_on": "2030-01-31"}
        assert (await world.as_professional("anna").post("/directory/absences", own)).status == 201

        over_it = await taken_in(world, town_as_csv.write(tmp_path / "a", self.table({"from_on": "2030-01-10"})))
        gone = await taken_in(world, town_as_csv.write(tmp_path / "b", self.table()))

        assert (dict(over_it.events), dict(gone.events)) == ({}, {})
        assert "a person has registered one on these days" in str(over_it)

    async def test_what_is_over_is_told_to_nobody(self, world: World, tmp_path: Path) -> None:
        past = {"from_on": "2020-01-01", "until_on": "2020-01-31"}

        assert not await taken_in(world, town_as_csv.write(tmp_path / "a", self.table(past)))

    async def test_two_absences_on_the_same_days_are_refused(self, town_as_it_is: World, tmp_path: Path) -> None:
        rows = [{"from_on": "2030-01-01", "until_on": "2030-01-31"}, {"from_on": "2030-01-31"}]

        places = await refused(town_as_it_is, town_as_csv.write(tmp_path / "a", self.table(*rows)))

        assert places == {"absences.csv:3: from_on": "another absence of the same person covers some of these days"}


async def test_a_competence_is_told_with_its_days_and_taken_away_again(world: World, tmp_path: Path) -> None:
    person: Rows = [{"id": ANNA, "municipality": "0990", "name": "Anna Fuldby"}]
    trained = [{"professional": ANNA, "competence": "icdp", "from_on": "2025-01-01", "until_on": "2030-12-31"}]
    more = await taken_in(world, town_as_csv.write(tmp_path / "a", {"professionals": person, "competences": trained}))
    [told] = await world.sql(
        "directory", "select envelope from ledger where type like '%competences_changed%' order by version desc limit 1"
    )

    found = await world.as_professional("inge").get("/directory/professionals", params={"competence": "icdp"})
    none: Rows = [{"professional": "", "competence": "", "from_on": ""}]
    gone = await taken_in(world, town_as_csv.write(tmp_path / "b", {"professionals": person, "competences": none}))

    assert more.lines == [f"~ professional {ANNA}: competences -cos-p from 2024-03-01 +icdp from 2025-01-01 until 2030-12-31"]
    assert told["envelope"]["data"]["competences"] == [{"competence": "icdp", "from_on": "2025-01-01", "until_on": "2030-12-31"}]
    assert [each["id"] for each in found.body["professionals"]] == [ANNA]
    assert dict(gone.events) == {"CompetencesChanged": 1}


async def test_the_command_says_what_would_change_and_ends_with_the_places_where_it_cannot(world: World, tmp_path: Path) -> None:
    async def command(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "import", *arguments, env=surroundings(world), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    new = str(uuid4())
    good = town_as_csv.write(tmp_path / "good", {"professionals": [{"id": new, "municipality": "0990", "name": "Ny Ansat"}]})
    bad = town_as_csv.write(tmp_path / "bad", {"professionals": [{"id": "x", "municipality": "0990", "name": "Ny Ansat"}]})

    looked, refusal = await command(str(good), "--dry-run"), await command(str(bad))

    assert looked == (0, f"+ professional {new}\nWould tell: 1 ProfessionalJoined.\n")
    assert refusal[0] == 1
    assert "One place must be put right; nothing was written.\n  professionals.csv:2: id: " in refusal[1]
    assert await world.sql("directory", "select 1 from employee where id = $1::uuid", new) == []


def test_the_page_names_every_column_of_every_file() -> None:
    page = (Path(files.__file__).parents[1] / "README.md").read_text()

    for name, columns in files.COLUMNS.items():
        [line] = [line for line in page.splitlines() if line.startswith(f"| `{name}.csv`")]
        assert line.rstrip(" |").rpartition("| ")[2].split(", ") == list(columns)
