"""A municipality's files are followed without a restart: each change at its date of effect, and nothing rewritten silently."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from services.sundhedspleje.domain.in_force import Entry, Written, as_in_force, entries, not_followed, taking_effect
from services.sundhedspleje.domain.programmes.definitions import Programme, Programmes
from services.sundhedspleje.domain.visits import VisitPlan
from services.sundhedspleje.repository import plans
from tests.sundhedspleje.family import Family
from tests.support.heard import Heard

TODAY = date(2026, 11, 23)
CODES = ["0101", "0992", "0993", "0994", "0995", "0996", plans.STANDARD]


def a_group(**more: object) -> dict[str, object]:
    plain = {"key": "group", "title": "Gruppe", "kind": "group", "effective_from": "2024-01-01", "capacity": 6}
    return {**plain, "sessions": {"min": 2, "max": 4}, **more}


def written(*programmes: dict[str, object]) -> Programmes:
    return Programmes.model_validate({"title": "Byen", "programmes": list(programmes)})


def in_force(of: Written, on: date = TODAY) -> list[Entry]:
    return [it.entry for it in taking_effect(of, (), on)]


@pytest.mark.parametrize("code", CODES)
def test_what_has_taken_effect_is_kept_as_it_was_and_read_again_the_same(code: str) -> None:
    for of in (plans.visit_plans(code), plans.programmes(code)):
        kept = [
            Entry(it.what, it.key, it.from_on, type(it.content).model_validate(it.content.model_dump(
                mode="json", by_alias=True, exclude_unset=True)))
            for it in in_force(of)
        ]  # fmt: skip

        assert kept == in_force(of)
        assert not not_followed(of, kept)
        assert as_in_force(of, kept) == of
        assert not taking_effect(of, kept, TODAY)


def test_a_change_of_what_is_in_force_is_not_followed_and_one_with_a_later_date_begins_on_it() -> None:
    before = written(a_group())
    larger = written(a_group(capacity=9, title="Den store gruppe"))
    later = written(a_group(), a_group(effective_from="2026-12-01", capacity=9))

    (ignored,) = not_followed(larger, in_force(before))
    merged = as_in_force(larger, in_force(before))
    (begins,) = taking_effect(later, in_force(before), date(2026, 12, 1))

    assert "has another capacity" in ignored.says
    assert "effective_until" in ignored.says
    # What it is called may change at any time, how many it takes may not.
    assert isinstance(merged, Programmes)
    assert [(it.title, it.capacity) for it in merged.in_force(TODAY)] == [("Den store gruppe", 6)]
    assert not taking_effect(later, in_force(before), TODAY)
    assert (begins.entry.from_on, begins.replaces, begins.changed) == (date(2026, 12, 1), date(2024, 1, 1), ("capacity",))


def test_what_is_taken_out_of_the_file_stays_in_force_until_it_is_given_an_end() -> None:
    before = written(a_group())

    (gone,) = not_followed(written(), in_force(before))
    ended = as_in_force(written(a_group(effective_until="2026-11-22")), in_force(before))
    kept = as_in_force(written(), in_force(before))

    assert isinstance(ended, Programmes)
    assert isinstance(kept, Programmes)
    assert "is no longer there" in gone.says
    assert (kept.programme("group", TODAY) is None, ended.programme("group", TODAY)) == (False, None)
    assert ended.as_offered("group", date(2024, 1, 1)) is not None


def test_a_default_that_is_written_out_and_another_order_change_nothing() -> None:
    standing = in_force(written(a_group(), a_group(key="other")))

    assert not not_followed(written(a_group(key="other", places=[]), a_group(consent=None)), standing)


def test_a_file_is_read_again_when_it_changes_and_while_it_makes_no_sense_the_former_stands(tmp_path: Path) -> None:
    def write(*programmes: dict[str, object], folder: str = "0316") -> None:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "programmes.yaml").write_text(yaml.safe_dump({"title": "Byen", "programmes": list(programmes)}))

    def keys(code: str = "0316") -> Sequence[str]:
        return [it.key for it in plans.programmes(code, tmp_path).programmes]

    assert keys() == [it.key for it in plans.programmes(plans.STANDARD).programmes]
    write(a_group())
    assert keys() == ["group"]
    same = plans.programmes("0316", tmp_path)
    assert plans.programmes("0316", tmp_path) is same

    write(a_group(kind="circle"))
    assert (keys(), len(plans.mistakes_of("0316", tmp_path))) == (["group"], 1)
    write(a_group(key="mended"))
    assert (keys(), plans.mistakes_of("0316", tmp_path)) == (["mended"], [])
    # A municipality that is new and makes no sense yet is no reason to stop the others.
    write(a_group(kind="circle"), folder="0317")
    assert keys("0317") == [it.key for it in plans.programmes(plans.STANDARD).programmes]


PLAN = {
    "contacts": [{"kind": "first-visit", "fboe": "Etableringsbesøg", "counts_from": "birth", "from_days": 5, "until_days": 12}]
}


async def test_a_changed_file_takes_effect_at_its_date_without_a_restart_and_is_said(heard: Heard, tmp_path: Path) -> None:
    family = await Family.visited(heard)
    code, folder = heard.municipality, tmp_path / heard.municipality
    heard.world.settings.plans_folder = tmp_path
    folder.mkdir()
    visits = {"decline_reasons": ["other"], "need_visit_reasons": ["other"]}
    today = await family.today()

    def write(*entries: dict[str, object], programmes: Sequence[dict[str, object]] = ()) -> None:
        (folder / "visits.yaml").write_text(yaml.safe_dump({**visits, "plans": [{"from_on": "2019-03-01", **PLAN}, *entries]}))
        (folder / "programmes.yaml").write_text(yaml.safe_dump({"title": "Byen", "programmes": list(programmes)}))

    async def said() -> list[tuple[str, str, bool]]:
        found = [it for it in await family.facts("configuration_in_force") if it["municipality"] == heard.municipality]
        return [(it["key"], it["from_on"], it["plans_again"]) for it in found]

    # First seen: it has been so before. Then, under a running process, a file that changes what is in force and what is to come.
    await heard.pass_days(0)
    await heard.pass_days(0)
    write(programmes=[a_group(effective_from=str(today))])
    await heard.pass_days(0)
    first = await said()
    offered = await family.ask("nurse", "/programmes")
    tomorrow = str(today + timedelta(days=1))
    write(
        {"from_on": tomorrow, "applies_to": "all-children", **PLAN},
        programmes=[a_group(effective_from=str(today), capacity=20), a_group(effective_from=tomorrow, capacity=9)],
    )
    await heard.pass_days(0)
    same_day = (await family.ask("nurse", "/programmes")).body["programmes"][0]["capacity"]
    ignored = (await family.ask("nurse", "/configuration")).body["not_followed"]
    before = await family.said()
    await heard.pass_days(1)
    await heard.pass_days(0)
    await heard.pass_days(0)

    assert ("group", str(today), False) in first
    assert offered.body["programmes"][0]["capacity"] == same_day == 6
    (told_of_group,) = [it for it in ignored if it.startswith("programme group")]
    assert told_of_group.startswith(f"programme group of {today} has another capacity; it is in force and stays as it was.")
    assert (await family.ask("nurse", "/programmes")).body["programmes"][0]["capacity"] == 9
    assert "visits_replanned" not in before
    assert [it["why"] for it in await family.facts("visits_replanned")] == ["plan-changed"]
    assert (await said())[-2:] == [("visits", tomorrow, True), ("group", tomorrow, False)]
    log = (await family.ask("nurse", "/configuration")).body["in_force"]
    (group,) = [it for it in log if (it["key"], it["from_on"]) == ("group", tomorrow)]
    assert (group["replaces"], group["changed"]) == (str(today), ["capacity"])
    assert (await family.ask("nurse", "/configuration?municipality=0999")).status == 403
    assert len(await said()) == len(first) + 2
    (folder / "programmes.yaml").write_text("title: [")
    told = (await family.ask("nurse", "/configuration")).body["not_followed"]
    assert any(it.startswith(f"{code}/programmes.yaml:1:") for it in told)
    assert (await family.ask("nurse", "/programmes")).body["programmes"][0]["capacity"] == 9


def test_entries_are_found_in_both_kinds_of_file() -> None:
    assert {
        type(it.content) for code in CODES for of in (plans.visit_plans(code), plans.programmes(code)) for it in entries(of)
    } == {
        VisitPlan,
        Programme,
    }
