"""One more municipality: a folder of its own, with visits, an instrument and a programme of its own, and no code."""

import asyncio
from pathlib import Path
from uuid import uuid4

from tests.sundhedspleje.test_courses import COURSES, ENROLMENTS, Town
from tests.support.heard import Heard
from tests.support.issuer import Issuer
from tests.support.world import Installation

SIXTH = """\
title: Vores egen indsats
programmes:
  - key: naboskab
    title: Naboskab
    kind: group
    effective_from: 2020-01-01
    offered_to: {all: [{child: born}]}
    team: [nabo]
    sessions: {min: 1, max: 2}
    capacity: 3
"""


SIXTHS_VISITS = """\
criteria: [{code: newcomer, says: Familien er ny i byen}]
decline_reasons: [does-not-wish, other]
need_visit_reasons: [sleep]
plans:
  - from_on: 2020-01-01
    contacts:
      - {kind: welcome-visit, fboe: Barselsbesøg, counts_from: birth, from_days: 0, until_days: 9, catch_up_days: 7}
"""
SIXTHS_SCREENINGS = """\
instruments:
  - code: smile
    whose: [child]
    lowest: 0
    highest: 3
    follow_up_days: 7
    thresholds: [{whose: child, from_on: 2020-01-01, score: 2}]
need_visit_screening: {within_days: 28, parts: [{part: child-well-being, instruments: [smile]}]}
outcomes: [{code: support}]
"""


async def test_a_sixth_municipality_is_a_folder_of_yaml_and_no_code(
    installation: Installation, issuer: Issuer, tmp_path: Path
) -> None:
    """The sealing key of a new municipality is the operator's to put; everything else stands in its one folder."""
    folder = tmp_path / "0989-naboby"
    folder.mkdir()
    for name, content in (("programmes", SIXTH), ("visits", SIXTHS_VISITS), ("screenings", SIXTHS_SCREENINGS)):
        (folder / f"{name}.yaml").write_text(content)
    name = f"world_{uuid4().hex[:12]}"
    await asyncio.to_thread(installation.clone, name)

    async with installation.world(issuer, name, plans_folder=tmp_path) as world:
        heard = Heard(world, "sundhedspleje", "0989")
        team = await heard.unit("sundhedspleje")
        nurse = await heard.professional(team, "sundhedspleje")
        town = Town(heard, team, nurse, nurse, await heard.unit("institution"))
        await town.competent(nurse, "nabo")
        course = await town.course(programme="naboskab", capacity=3)
        child = await town.child()
        enrolment = await town.offer(child, "naboskab", grounds=[])
        await town.ask(f"{ENROLMENTS}/{enrolment}/acceptance", {"course": course})
        await town.ask(f"{COURSES}/{course}/start")
        session = await town.session(course)
        await town.ask(f"/sundhedspleje/sessions/{session}/held", {"attendance": {enrolment: "attended"}})
        await town.ask(f"{COURSES}/{course}/end", {})

        shown = (await town.her.get("/sundhedspleje/programmes")).body
        assert (shown["title"], [each["key"] for each in shown["programmes"]]) == ("Vores egen indsats", ["naboskab"])
        assert (await town.her.get(f"{ENROLMENTS}/{enrolment}")).body["state"] == "completed"

        # Its own visit, and its own instrument with its own range and threshold.
        case = (await town.her.get(f"/sundhedspleje/cases/{child}")).body
        assert [(it["kind"], it["state"]) for it in case["visits"]] == [("welcome-visit", "planned")]
        result = {"instrument": "smile", "whose": "child", "score": 4, "on": (await town.today()).isoformat()}
        outside = await town.her.post(f"/sundhedspleje/cases/{child}/screenings", result)
        above = await town.ask(f"/sundhedspleje/cases/{child}/screenings", {**result, "score": 2}, 201)
        assert (outside.problem, above["follow_up"] is None) == ("the-score-is-outside-the-instruments-range", False)

    await asyncio.to_thread(installation.drop, name)
