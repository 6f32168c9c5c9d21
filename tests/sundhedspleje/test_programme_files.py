"""Programmes and visit plans written by an administrator: checked, compared, in force from a day on, taken back before."""

from datetime import date, timedelta
from typing import Any

from services.chassis.calendar import date_of
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


async def test_visit_plans_are_written_the_same_way_and_what_visits_were_planned_by_stands(world: World) -> None:
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
