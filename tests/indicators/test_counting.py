"""A quarter of a small town's story as it is counted: from the events that other services say, in any order, once."""

import csv
import io
import json
import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import openpyxl
import pytest

from services.events import Event
from services.events.daycare import ChildStarted
from services.events.envelope import Seat
from services.events.midwife import NotificationReceived
from services.events.persons import ChildInHospital
from services.events.registry import (
    CaseClosed,
    CaseReopened,
    ChildRegistered,
    HandoverAccepted,
    HandoverDeclined,
    HandoverOverdue,
    HandoverProposed,
    TovholderChanged,
)
from services.events.sundhedspleje import OverleveringGiven
from services.indicators.domain.periods import Quarter
from services.indicators.rebuilding import Done, Rebuilding
from tests.support.heard import ELSEWHERE, Heard
from tests.support.world import Answer, Someone


@dataclass
class Story:
    """Eleven children: taken in, offered to a nurse who takes six of them, who start in daycare; all were in hospital."""

    heard: Heard
    intake: Seat
    nurse: Seat
    leader: Someone
    institution: UUID
    today: date
    said: list[tuple[UUID, tuple[Event, ...]]] = field(default_factory=list)

    @property
    def period(self) -> str:
        return str(Quarter.of(self.today))

    def child(self, number: int) -> UUID:
        """Notified, registered, and offered to the nurse, who takes the first six, the second after its deadline."""
        child, notification, handover, start = uuid4(), uuid4(), uuid4(), uuid4()
        code, at = self.heard.municipality, datetime.fromisoformat(f"{self.today}T08:00:00+00:00")
        about = {"child": child, "municipality": code}
        asked = {**about, "handover": handover, "giver": self.intake, "receiver": self.nurse}
        received = NotificationReceived(
            notification_id=notification, municipality=code, unit=self.intake.unit, organisation="region-hav",
            received_at=at - timedelta(days=2), state="registering",
        )  # fmt: skip
        registered: list[Event] = [
            ChildRegistered(**about, notification_id=notification, mother=None, order=1, status="born", sibling_of=None),
            TovholderChanged(**about, tovholder=self.intake, before=None, why="registration", since=at),
            HandoverProposed(**asked, reason="district", due_at=at + timedelta(days=3), effective_on=None),
        ]
        if number == 1:
            registered.append(HandoverOverdue(**asked, due_at=at))
        if number >= 6:
            registered.append(HandoverDeclined(**asked, declined_by=self.nurse.professional, reason="at-capacity"))
        else:
            registered += [
                HandoverAccepted(**asked, accepted_by=self.nurse.professional, effective_on=None),
                TovholderChanged(
                    **about, tovholder=self.nurse, before=self.intake, why="acceptance", since=at, handover=handover
                ),
            ]
        self.said += [(notification, (received,)), (child, tuple(registered))]
        starts = {"start": start, **about, "unit": self.institution, "starts_on": self.today + timedelta(days=20)}
        if number < 6:
            given = OverleveringGiven(
                overlevering=uuid4(), **about, to_unit=self.institution, start=start, basis="consent" if number else "refused",
                categories=[], withheld=[], given_by=self.nurse.professional, given_at=at,
            )  # fmt: skip
            self.said += [(child, (given,)), (child, (ChildStarted(**starts),))]
        stays = [ChildInHospital(**about, notification_id=uuid4(), code="STIN", change="new", told_at=at)]
        if number == 0:
            told = at + timedelta(days=9)
            stays += [
                ChildInHospital(**about, notification_id=uuid4(), code="STIN", change="new", told_at=told),
                ChildInHospital(
                    **about, notification_id=uuid4(), code="STIN", change="cancelled", told_at=told + timedelta(hours=1)
                ),
            ]
        self.said.append((child, tuple(stays)))
        return child

    async def tell(self, shuffled: int) -> None:
        """Says everything, sources in an order that the number draws."""
        random.Random(shuffled).shuffle(self.said)
        for subject, events in self.said:
            async with self.heard.world.store(events[0].source).transaction() as tx:
                tx.publish(subject, *events)
        for source in random.Random(shuffled).sample(sorted({events[0].source for _, events in self.said}), k=5):
            await self.heard.hear(source)

    async def settle_quarter(self) -> int:
        """Until the day after the one on which the quarter may be told. Returns how many days that took."""
        days = (Quarter.of(self.today).settles_on - self.today).days + 1
        await self.heard.pass_days(days)
        return days

    async def figures(self, by: Someone | None = None, **query: str) -> dict[str, list[dict[str, Any]]]:
        answer = await (by or self.leader).get("/indicators/figures", params={"period": self.period, **query})
        assert answer.status == 200, answer.body
        return {figure["figure"]: figure["lines"] for figure in answer.body["figures"]}

    async def atoms(self) -> list[tuple[Any, ...]]:
        rows = await self.heard.world.sql("indicators", "select * from atom order by atom::text")
        return [tuple(row) for row in rows]


@pytest.fixture
async def story(heard: Heard) -> Story:
    intake, team, institution = await heard.unit("intake"), await heard.unit("sundhedspleje"), await heard.unit("institution")
    taker, nurse = await heard.professional(intake, "intake"), await heard.professional(team, "sundhedspleje")
    leader = await heard.professional(team, "sundhedspleje", leads=True)
    made = Story(
        heard,
        Seat(professional=taker, unit=intake),
        Seat(professional=nurse, unit=team),
        heard.logged_in(leader),
        institution,
        await heard.today(),
    )
    for number in range(11):
        made.child(number)
    return made


def _all(lines: list[dict[str, Any]], **wanted: Any) -> Any:
    """The value of all units, or of what is asked for."""
    (line,) = [line for line in lines if ({"unit": None, "code": None} | wanted).items() <= line.items()]
    return line["value"]


async def test_a_story_is_counted_once_the_quarter_has_settled_and_then_stays(story: Story) -> None:
    await story.tell(shuffled=1)
    early = await story.leader.get("/indicators/figures", params={"period": story.period})
    assert (early.status, early.problem) == (409, "the-period-has-not-settled")

    unheard = story.heard.world.running.relays["registry"]
    async with story.heard.world.store("registry").transaction() as tx:
        tx.publish(uuid4(), CaseReopened(child=uuid4(), municipality=ELSEWHERE, episode=2, by=None))
    while await unheard.once():
        pass
    await story.settle_quarter()
    assert (await story.leader.get("/indicators/figures", params={"period": story.period})).status == 409
    await story.heard.hear("registry")
    await story.heard.pass_days(0)
    figures = await story.figures()

    assert (_all(figures["children_registered"]), _all(figures["handovers_offered"])) == (11, 11)
    assert _all(figures["handovers_accepted"]) == round(6 / 11, 4)
    assert _all(figures["handovers_declined"], word="at-capacity") == 5
    assert _all(figures["handovers_overdue"]) is None
    assert _all(figures["unbroken_chain"]) == 1.0
    # Five of six: who did not is one, and would follow.
    assert _all(figures["starts_with_overlevering"]) is None
    assert _all(figures["admissions"]) == 11
    assert _all(figures["readmissions_28_days"]) == 0
    assert _all(figures["days_to_named_nurse"]) == pytest.approx(2, abs=1)

    before = await story.atoms()
    late = story.child(3)
    await story.tell(shuffled=2)
    await story.heard.pass_days(1)
    assert late
    assert await story.atoms() == before


async def test_in_any_order_again_and_rebuilt_it_is_the_same(story: Story) -> None:
    await story.tell(shuffled=3)
    async with story.heard.world.store("indicators").connection() as connection:
        for source in ("registry", "persons", "midwife"):
            # As a bus would after a restore from an older backup: everything once more.
            await connection.execute("delete from seen where source = $1", source)
            await connection.execute("update position set position = 0 where source = $1", source)
    story.heard.world.running.consumers["indicators"]._forget_leases()
    story.heard.world.running.consumers["indicators"]._epochs = {}
    for source in ("registry", "persons", "midwife"):
        await story.heard.hear(source)
    await story.settle_quarter()
    counted = await story.atoms()
    facts = await story.heard.world.sql("indicators", "select * from fact order by kind, subject, version")
    assert counted

    # Ended in the middle, it leaves a consumer that is merely behind; no quarter is counted meanwhile.
    runtime = story.heard.world.running.runtimes["indicators"]
    with pytest.raises(KeyboardInterrupt):
        await Rebuilding(runtime, _ends_after_midwife).run()
    await story.heard.pass_days(0)
    assert await story.atoms() == []
    # As it does within a second of having lost them.
    story.heard.world.running.consumers["indicators"]._forget_leases()
    for source in runtime.service.hears:
        await story.heard.hear(source)
    await story.heard.pass_days(0)
    assert await story.atoms() == counted

    done = await Rebuilding(runtime).run()
    story.heard.world.running.consumers["indicators"]._forget_leases()
    await story.heard.pass_days(0)

    assert done.events >= done.facts > 0
    assert await story.heard.world.sql("indicators", "select * from fact order by kind, subject, version") == facts
    assert await story.atoms() == counted

    # And what is said afterwards is heard as ever.
    await story.heard.unit("social")
    assert len(await story.heard.world.sql("indicators", "select * from fact")) == len(facts) + 1


def _ends_after_midwife(source: str, _: Done) -> None:
    if source == "midwife":
        raise KeyboardInterrupt


async def test_an_export_opens_and_says_beside_each_figure_what_it_is(story: Story) -> None:
    await story.tell(shuffled=4)
    await story.settle_quarter()

    async def taken(form: str) -> Answer:
        answer = await story.leader.get(f"/indicators/export.{form}", params={"period": story.period})
        assert answer.status == 200
        assert f'-{story.period}.{form}"' in answer.headers["content-disposition"]
        return answer

    as_json, as_csv, as_xlsx = await taken("json"), await taken("csv"), await taken("xlsx")
    rows = list(csv.DictReader(io.StringIO(as_csv.body.decode("utf-8-sig"))))
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx.body))
    sheet = [[cell.value for cell in row] for row in book["Figures"].iter_rows()]
    registered = next(row for row in rows if row["figure"] == "children_registered" and row["unit"] == "all")

    assert (registered["value"], registered["told"], registered["events"]) == (
        "11",
        "yes",
        "registry.child_registered, registry.case_closed",
    )
    assert registered["counts"]
    assert registered["formula"]
    assert next(row for row in rows if row["figure"] == "handovers_overdue")["value"] == "<5"
    assert len(sheet) == len(rows) + 1
    assert next(row for row in sheet if row[0] == "children_registered")[6] == 11
    assert len(list(book["Definitions"].iter_rows())) > len(as_json.body["figures"])
    shown = json.dumps(as_json.body) + as_csv.body.decode()
    assert not [subject for subject, _ in story.said if str(subject) in shown]


async def test_only_those_who_lead_or_evaluate_see_figures_and_only_their_own(story: Story) -> None:
    await story.tell(shuffled=5)
    await story.settle_quarter()
    nurse = story.heard.logged_in(story.nurse.professional)
    foreign_unit = await story.heard.unit("sundhedspleje", municipality=ELSEWHERE)
    foreigner = story.heard.logged_in(
        await story.heard.professional(foreign_unit, "sundhedspleje", leads=True, municipality=ELSEWHERE)
    )
    service, asked = story.heard.world.as_client("service-notifications"), {"period": story.period}

    refused = await nurse.get("/indicators/figures", params=asked)
    assert (refused.status, refused.problem) == (403, "figures-are-for-leaders-and-evaluators")
    assert (await foreigner.get("/indicators/figures", params={**asked, "municipality": "0990"})).status == 403
    assert await story.figures(foreigner) == {name: [] for name in await story.figures()} | _nothing(
        await story.figures(foreigner)
    )
    assert await story.figures(service, municipality=story.heard.municipality) == await story.figures()
    assert (await nurse.get("/indicators/definitions")).body["figures"][0]["formula"]
    for bad in ("2026-01", "26", "2026-Q5", "1999"):
        assert (await story.leader.get("/indicators/figures", params={"period": bad})).status == 422
    one = await story.figures(unit=str(story.nurse.unit))
    assert {line["unit"] for lines in one.values() for line in lines} == {str(story.nurse.unit)}


def _nothing(figures: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Lines of nobody at all, where there are any."""
    assert not [line for lines in figures.values() for line in lines if line["number"]]
    return figures


async def test_a_broken_chain_is_an_alarm_within_minutes(story: Story) -> None:
    await story.tell(shuffled=6)
    await story.heard.pass_days(1)
    assert await story.heard.world.sql("indicators", "select children from broken_chain where children > 0") == []
    child, stranger = uuid4(), Seat(professional=uuid4(), unit=story.nurse.unit)
    about = {"child": child, "municipality": story.heard.municipality}
    told = (
        ChildRegistered(**about, notification_id=None, mother=None, order=1, status="born", sibling_of=None),
        TovholderChanged(**about, tovholder=story.intake, before=None, why="registration", since=await story.heard.world.now()),
        TovholderChanged(**about, tovholder=story.nurse, before=stranger, why="override", since=await story.heard.world.now()),
    )

    await story.heard.tell(child, *told)
    await story.heard.pass_days(1)

    (found,) = await story.heard.world.sql("indicators", "select municipality, children from broken_chain")
    assert tuple(found) == (story.heard.municipality, 1)


async def test_a_year_after_closing_nothing_is_kept_of_a_child_and_its_figures_stand(story: Story) -> None:
    await story.tell(shuffled=7)
    children = [subject for subject, events in story.said if isinstance(events[0], ChildRegistered)]
    for child in children[:3]:
        closed = CaseClosed(
            child=child, municipality=story.heard.municipality, reason="settled", last=story.nurse, by=story.nurse.professional
        )
        await story.heard.tell(child, closed)
    days = await story.settle_quarter()
    figures = await story.figures()

    await story.heard.pass_days(363 - days)
    kept = await story.heard.world.sql("indicators", "select count(distinct child) as n from fact")
    await story.heard.pass_days(3)
    left = await story.heard.world.sql("indicators", "select count(distinct child) as n from fact")

    assert (kept[0]["n"], left[0]["n"]) == (11, 8)
    assert await story.figures() == figures
