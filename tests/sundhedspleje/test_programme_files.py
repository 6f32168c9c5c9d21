"""Programmes and visit plans written by an administrator: checked, compared, in force from a day on, taken back before."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from services.__main__ import program
from services.chassis.calendar import date_of
from services.chassis.store import Store
from services.sundhedspleje.repository import plans
from services.sundhedspleje.repository.checking import Said, as_upload, uploaded
from tests.support.world import Someone, World

FILE = "/sundhedspleje/programme-file"
ENTRY = """  - key: {key}
    title: Efterfødselsgruppe
    kind: group
    effective_from: {on}
    sessions: {{min: 4, max: 6}}
    capacity: {capacity}
"""


def written(*entries: tuple[str, date, int]) -> str:
    return "title: Indsatser\nprogrammes:\n" + "".join(ENTRY.format(key=key, on=on, capacity=many) for key, on, many in entries)


async def offered(world: World, who: Someone) -> list[str]:
    found = (await who.get("/sundhedspleje/programmes")).body["programmes"]
    return [it["key"] for it in found]


async def test_a_file_holds_from_its_day_on_and_what_has_taken_effect_is_not_rewritten(world: World) -> None:
    lone, anna, today = world.as_professional("lone"), world.as_professional("anna"), date_of(await world.now())
    soon, later = today + timedelta(days=2), today + timedelta(days=5)
    first: dict[str, Any] = {"content": written(("gruppe", soon, 8)), "from_on": soon.isoformat()}

    # Compared, nothing is kept; then kept, and taken back; then kept for good.
    assert (await lone.get(FILE)).body["files"] == []
    looked = await lone.post(f"{FILE}?dry_run=true", first)
    assert (looked.status, looked.body["file"]) == (200, None), looked.body
    assert looked.body["changes"] == [{"programme": "gruppe", "what": "new", "on": soon.isoformat(), "fields": []}]
    dropped = (await lone.post(FILE, first)).body["file"]
    assert (await lone.post(FILE, first)).problem == "another-file-is-coming"
    assert (await lone.post(f"{FILE}/{dropped}/withdrawal", {})).body["withdrawn_by"] == world.names["lone"]
    kept = (await lone.post(FILE, first, key="kept")).body["file"]
    assert (await lone.post(FILE, first, key="kept")).body["file"] == kept
    assert "gruppe" not in await offered(world, anna)
    await world.advance(timedelta(days=2))
    assert await offered(world, anna) == ["gruppe"]
    assert (await lone.post(f"{FILE}/{kept}/withdrawal", {})).problem == "only-a-coming-file-is-taken-back"

    # What families were offered stands; the same key with a later day changes it from then on.
    for content, says in (
        (written(("gruppe", soon, 9)), "is rewritten"),
        ("title: Indsatser\n", "is missing"),
        (written(("gruppe", soon, 8), ("ny", today, 8)), "begins before the file holds"),
        ("title: [", "YAML"),
        (written(("gruppe", soon, 8)) + "    capacity: 9\n", "twice"),
    ):
        wrong = await lone.post(FILE, {"content": content, "from_on": later.isoformat()})
        assert (wrong.status, wrong.problem) == (422, "the-programmes-make-no-sense"), wrong.body
        assert says in str(wrong.body["mistakes"]), (says, wrong.body)
    assert (await lone.post(FILE, {**first, "from_on": soon.isoformat()})).problem == "a-day-of-effect-lies-ahead"
    change = {"content": written(("gruppe", soon, 8), ("gruppe", later, 6)), "from_on": later.isoformat()}
    changed = await lone.post(FILE, change)
    assert changed.body["changes"] == [
        {"programme": "gruppe", "what": "changed", "on": later.isoformat(), "fields": ["capacity"]}
    ]

    # Who writes it: the administrator alone, of their own municipality alone.
    for who, problem in (
        ("elin", "only-an-administrator-writes-programmes"),
        ("anna", "only-an-administrator-writes-programmes"),
    ):
        assert (await world.as_professional(who).post(FILE, first)).problem == problem
    foreign = world.as_professional("skovby-leader")
    assert (await foreign.get(FILE)).body["files"] == []
    assert (await foreign.post(f"{FILE}/{changed.body['file']}/withdrawal", {})).status == 404


PLAN_FILE = "/sundhedspleje/visit-plan-file"
CONTACT = (
    "{{kind: {kind}, fboe: Almindelig forebyggende småbørnskontakt, counts_from: birth, from_days: {day}, until_days: {day}}}"
)


def planned(before: str, on: date, *contacts: tuple[str, int], reason: str = "") -> str:
    """The file that holds, with a plan that follows; `reason`: one more to decline a visit with."""
    lines = "".join(f"\n      - {CONTACT.format(kind=kind, day=day)}" for kind, day in contacts)
    content = before.rstrip() + f"\n  - from_on: {on}\n    contacts:{lines}\n"
    return content.replace("decline_reasons: [", f"decline_reasons: [{reason}, ") if reason else content


async def _checked(store: Store, file: Path, *days: date) -> AsyncIterator[list[Said]]:
    """What is uploaded; then what is said of the file as an upload from each day on."""
    yield await uploaded(store, "0990")
    for day in days:
        yield await as_upload(store, "0990", file, day)


def test_the_command_knows_a_file_by_what_stands_in_it_and_tells_every_mistake_with_its_line(tmp_path: Path) -> None:
    folder = Path(plans.__file__).parent.parent / "plans" / "standard"
    plan, wrong, offers = tmp_path / "besøg 2027.yaml", tmp_path / "wrong.yml", tmp_path / "indsatser.yaml"
    plan.write_text((folder / "visits.yaml").read_text())
    wrong.write_text((folder / "visits.yaml").read_text().replace("Graviditetsbesøg", "Ualmindeligt besøg"))
    offers.write_text(written(("gruppe", date(2027, 1, 4), 8), ("gruppe", date(2027, 6, 1), 9)))

    def check(*given: str) -> tuple[int, str]:
        ended = CliRunner().invoke(program, ["programmes", "check", *given])
        return ended.exit_code, ended.output

    later = "from 2027-06-01 gruppe has another capacity; what was offered or planned before stays as it was"
    assert check(str(plan), str(offers)) == (0, f"{plan}: makes sense\n{offers}: makes sense\n{offers}: {later}\n")
    number = wrong.read_text().splitlines().index(next(it for it in wrong.read_text().splitlines() if "Ualmindeligt" in it)) + 1
    ended, said = check(str(wrong), str(tmp_path / "none.yaml"), str(folder))
    assert (ended, f"{wrong}:{number}: " in said, "none.yaml: No such file" in said) == (1, True, True)
    assert [f"{folder / name}: makes sense" in said for name in ("visits.yaml", "screenings.yaml")] == [True, True]
    assert check()[0] == 2


async def test_visit_plans_are_written_the_same_way_and_what_visits_were_planned_by_stands(world: World, tmp_path: Path) -> None:
    lone, anna, today = world.as_professional("lone"), world.as_professional("anna"), date_of(await world.now())
    soon, later = today + timedelta(days=2), today + timedelta(days=5)
    before = (await lone.get(PLAN_FILE)).body["content"]
    content = planned(before, soon, ("two-weeks-visit", 14), ("maternity-visit", 6), reason="on-holiday")
    new = {"content": content, "from_on": soon.isoformat()}

    # Compared contact by contact, kept, and in force from its day on; the reasons with it.
    looked = (await lone.post(f"{PLAN_FILE}?dry_run=true", new)).body
    changes = {(it["part"], it["code"]): (it["what"], it["fields"]) for it in looked["changes"]}
    assert changes["contact", "two-weeks-visit"] == ("new", [])
    assert changes["contact", "maternity-visit"] == ("changed", ["fboe", "from_days", "until_days", "catch_up_days"])
    assert changes["contact", "pregnancy-visit"] == ("ended", [])
    assert changes["decline-reason", "on-holiday"] == ("new", [])
    kept = await lone.post(PLAN_FILE, new)
    assert (await lone.post(PLAN_FILE, new)).problem == "another-file-is-coming"
    # The operator's command reads what is uploaded, and says of a file what an upload would: before and after its day.
    store, mine = world.store("sundhedspleje"), tmp_path / "new plan.yaml"
    mine.write_text(planned(content, later, ("late-visit", 21)))
    coming, compared, *too_soon = [it async for it in _checked(store, mine, soon, today)]
    assert [it.text for it in coming] == [
        "0990/programmes.yaml: nothing uploaded holds today; the folder does",
        "0990/visits.yaml: nothing uploaded holds today; the folder does",
        f"0990/visits.yaml from {soon}: is coming, and makes sense",
    ]
    assert f"{mine}: new from {later}: contact late-visit" in [it.text for it in compared]
    assert [(it.wrong, "tomorrow on" in it.text) for said in too_soon for it in said] == [(True, True)]
    # A file of programmes waits for a day of its own.
    assert (
        await lone.post(f"{FILE}?dry_run=true", {"content": written(("gruppe", soon, 8)), "from_on": soon.isoformat()})
    ).status == 200
    assert "on-holiday" not in (await anna.get("/sundhedspleje/choices")).body["decline_reasons"]
    await world.advance(timedelta(days=2))
    assert "on-holiday" in (await anna.get("/sundhedspleje/choices")).body["decline_reasons"]
    in_force = (await anna.get("/sundhedspleje/configuration")).body
    assert soon.isoformat() in {it["from_on"] for it in in_force["in_force"] if it["what"] == "visit-plan"}
    assert (await lone.post(f"{PLAN_FILE}/{kept.body['file']}/withdrawal", {})).problem == "only-a-coming-file-is-taken-back"

    mine.write_text(before)
    holding, refused_then = [it async for it in _checked(store, mine, later)]
    assert holding[-1].text == f"0990/visits.yaml from {soon}: holds, and makes sense"
    assert [(it.wrong, f"the plan from {soon} is missing" in it.text) for it in refused_then] == [(True, True)]

    # What has taken effect stands as it was; mistakes are told with their line.
    for wrong, says in (
        (before, "is missing"),
        (content.replace("from_days: 14, until_days: 14", "from_days: 15, until_days: 15"), "is rewritten"),
        (planned(content, today, ("early-visit", 1)), "dates that rise"),
        (
            planned(content, later, ("late-visit", 1)).replace(f"{later}", f"{soon + timedelta(days=1)}"),
            "begins before the file holds",
        ),
        (content.replace("Almindelig forebyggende", "Ualmindelig"), "FBOE"),
    ):
        refused = await lone.post(PLAN_FILE, {"content": wrong, "from_on": later.isoformat()})
        assert (refused.status, refused.problem) == (422, "the-visit-plans-make-no-sense"), says
        assert says in str(refused.body["mistakes"]), (says, refused.body)
    assert (await anna.post(PLAN_FILE, new)).problem == "only-an-administrator-writes-programmes"
    assert (await world.as_professional("skovby-leader").get(PLAN_FILE)).body["files"] == []
