"""A municipality is a folder of YAML: a new one takes no code, and a mistake is told by file and line."""

from importlib.resources import files
from pathlib import Path

import pytest

from services import catalogue
from services.app import create_app
from services.chassis.settings import Settings
from services.sundhedspleje.domain.screenings import Screenings
from services.sundhedspleje.domain.visits import VisitPlans
from services.sundhedspleje.repository import plans
from services.sundhedspleje.repository.plans import TheFileMakesNoSense

CONTACT = "kind: home, fboe: Barselsbesøg, counts_from: birth"
GOOD = f"""decline_reasons: [other]
need_visit_reasons: [other]
criteria:
  - {{code: serious-loss, says: Tab}}
plans:
  - from_on: 2024-01-01
    contacts:
      - {{{CONTACT}, from_days: 1, until_days: 2}}
"""
SCREENS = """instruments:
  - {code: epds, whose: [mother], lowest: 0, highest: 30}
  - {code: topi, whose: [child], results: [green, red]}
need_visit_screening: {within_days: 7, parts: [{part: all, instruments: [topi]}]}
outcomes: [{code: done}]
"""
MOTHERS = "{{whose: mother, from_on: 2024-0{month}-01, score: 3}}"


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def test_everything_that_is_shipped_makes_sense() -> None:
    plans.check(Settings())


def test_a_new_municipality_is_a_folder_of_its_own_and_the_rest_is_as_the_standard_says(tmp_path: Path) -> None:
    written(tmp_path / "0316-holbaek", "visits.yaml", GOOD)

    assert [it.kind for it in plans.visit_plans("0316", tmp_path).plans[0].contacts] == ["home"]
    assert plans.visit_plans("0317", tmp_path) == plans.visit_plans("0317")
    assert plans.screenings("0316", tmp_path) == plans.screenings("standard")


def test_what_is_told_wrong_in_several_files_is_told_at_once_before_a_process_begins(tmp_path: Path) -> None:
    written(tmp_path / "0101", "visits.yaml", GOOD.replace("2024-01-01", "soon"))
    written(tmp_path / "0102", "screenings.yaml", SCREENS.replace("highest: 30", "highest: -1"))

    with pytest.raises(TheFileMakesNoSense) as wrong:
        create_app(catalogue.SERVICES, Settings(plans_folder=tmp_path), work=False)

    assert [it.split(":")[:2] for it in wrong.value.mistakes] == [["0101/visits.yaml", "6"], ["0102/screenings.yaml", "2"]]


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("from_days: 1, until_days: 2", "from_days: 3, until_days: 2", 8, "ends before it begins"),
        ("from_days: 1, until_days: 2", "from_days: 1", 8, "Allowed: from_days and until_days; or from_months"),
        ("from_days: 1, until_days: 2", "from_week: 1, until_week: 2", 8, "Allowed: counts_from: due-date"),
        ("counts_from: birth", "counts_from: easter", 8, "Allowed: 'due-date' or 'birth'"),
        ("Barselsbesøg", "Halvandetårsbesøg", 8, "Allowed: Graviditetsbesøg, Barselsbesøg"),
        ("until_days: 2", "until_days: 2, colour: red", 8, "Allowed: kind, fboe, counts_from"),
        ("until_days: 2", "until_days: 2, for_criteria: [bad-luck]", 8, "Allowed: serious-loss"),
        ("until_days: 2", "until_days: 2, joint_with: [friends]", 8, "Allowed: 'sundhedspleje'"),
        ("until_days: 2", "until_days: two", 8, "Allowed: a whole number"),
        ("decline_reasons: [other]", "declines: [other]", 1, "Allowed: criteria, decline_reasons"),
        ("decline_reasons: [other]", "decline_reasons: [Other Thing]", 1, "Allowed: a code of"),
        ("need_visit_reasons: [other]", "decline_reasons: [other]", 2, "stands here twice"),
        ("from_on: 2024-01-01", "from_on: [", 8, "Allowed: YAML"),
        ("plans:\n", "plans: []\nother:\n", 5, "Allowed: at least 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_file_and_line_with_what_is_allowed(
    tmp_path: Path, before: str, after: str, line: int, told: str
) -> None:
    assert before in GOOD
    file = written(tmp_path / "0101", "visits.yaml", GOOD.replace(before, after))

    with pytest.raises(TheFileMakesNoSense) as wrong:
        plans.read(file, VisitPlans)

    hits = [it for it in wrong.value.mistakes if it.startswith(f"0101/visits.yaml:{line}:") and told in it]
    assert hits, wrong.value.mistakes


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("lowest: 0, highest: 30", "lowest: 5, highest: 5", 2, "lowest is below highest"),
        ("lowest: 0, highest: 30", "results: [a, b], lowest: 0", 2, "Allowed: lowest and highest; or results"),
        ("highest: 30", "highest: 30, thresholds: [{whose: mother, from_on: 2024-01-01, score: 31}]", 2, "Allowed: 0 to 30"),
        ("highest: 30", "highest: 30, thresholds: [{whose: child, from_on: 2024-01-01, score: 3}]", 2, "Allowed: mother"),
        (
            "highest: 30",
            f"highest: 30, thresholds: [{MOTHERS.format(month=2)}, {MOTHERS.format(month=1)}]",
            2, "forward in time",
        ),
        ("instruments: [topi]}]", "instruments: [epds]}]", 4, "Allowed: topi"),
        ("within_days: 7", "within_days: 0", 4, "Allowed: 1 or more"),
    ],
)  # fmt: skip
def test_instruments_and_thresholds_are_checked_in_the_same_way(
    tmp_path: Path, before: str, after: str, line: int, told: str
) -> None:
    assert before in SCREENS
    file = written(tmp_path / "0101", "screenings.yaml", SCREENS.replace(before, after))

    with pytest.raises(TheFileMakesNoSense) as wrong:
        plans.read(file, Screenings)

    assert any(it.startswith(f"0101/screenings.yaml:{line}:") and told in it for it in wrong.value.mistakes), wrong.value.mistakes


def test_a_folder_that_is_not_there_is_told_of_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    written(tmp_path / "..data" / "0101", "visits.yaml", "no: sense")

    plans.check(Settings(plans_folder=tmp_path))
    with pytest.raises(TheFileMakesNoSense, match="TOVHOLDER_PLANS_FOLDER"):
        plans.check(Settings(plans_folder=tmp_path / "nowhere"))


def test_a_file_that_is_no_text_is_told_of(tmp_path: Path) -> None:
    file = written(tmp_path / "0101", "visits.yaml", GOOD)
    file.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(TheFileMakesNoSense, match=r"0101/visits\.yaml:1: .*UTF-8"):
        plans.read(file, VisitPlans)


def test_plans_take_effect_one_after_the_other(tmp_path: Path) -> None:
    again = GOOD.split("plans:\n")[1]
    file = written(tmp_path / "0101", "visits.yaml", GOOD + again)

    with pytest.raises(TheFileMakesNoSense, match="takes effect later"):
        plans.read(file, VisitPlans)


def test_the_standard_stands_where_its_name_says() -> None:
    assert files("services.sundhedspleje").joinpath("plans", "standard", "visits.yaml").is_file()
