"""What the registry does when persons, the directory and daycare have spoken, and when time passes."""

from datetime import timedelta
from uuid import UUID, uuid4

from services.events.daycare import ChildSettled, StartCancelled
from services.events.directory import HeldSeat, ProfessionalChanged
from services.events.persons import IdentifiedChild, PartiesIdentified
from tests.registry.settled import Municipality

# Uses the product, and nobody takes in children there.
NOBODYS = "0998"


async def test_the_same_family_identified_again_changes_nothing(town: Municipality) -> None:
    child = await town.child()

    await town.identified(IdentifiedChild(child=child, order=1, status="expected", new=False))

    assert await town.said(child) == ["child_registered", "tovholder_changed"]


async def test_twins_share_the_tovholder_of_the_expected_child(town: Municipality) -> None:
    child = await town.held(town.nurse)
    twin = uuid4()

    await town.identified(
        IdentifiedChild(child=child, order=1, status="born", new=False),
        IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child),
    )

    assert (await town.read(child))["status"] == "born"
    assert await town.tovholder(twin) == str(town.nurse.professional)
    assert await town.said(twin) == ["child_registered", "tovholder_changed"]


async def test_a_twin_is_offered_to_whom_the_elder_is_offered(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    twin = uuid4()

    await town.identified(
        IdentifiedChild(child=child, order=1, status="born", new=False),
        IdentifiedChild(child=twin, order=2, status="born", new=True, sibling_of=child),
    )

    offer = (await town.read(twin))["handover"]
    assert offer["receiver"]["professional"] == str(town.nurse.professional)
    assert offer["id"] != handover
    assert (await town.as_(town.nurse).post(f"/registry/handovers/{offer['id']}/acceptance")).status == 200
    assert await town.tovholder(twin) == str(town.nurse.professional)
    assert await town.tovholder(child) == str(town.lead.professional)


async def test_a_registration_without_an_open_seat_waits_and_is_made_once_there_is_one(town: Municipality) -> None:
    child = uuid4()
    await town.identified(IdentifiedChild(child=child, order=1, status="expected", new=True), municipality="0998")
    assert (await town.service().get(f"/registry/children/{child}")).status == 404
    assert await town.world.sql("registry", "select 1 from waiting") != []

    await town.tick()
    still = await town.world.sql("registry", "select tries from waiting")
    await town.intake_of("0998")
    await town.tick()

    assert [row["tries"] for row in still] == [1]
    assert await town.tovholder(child) == str(town.lead.professional)
    assert await town.world.sql("registry", "select 1 from waiting") == []
    assert await town.world.dead_letters() == []


async def test_an_absent_intake_lead_leaves_the_deputy_to_take_in(town: Municipality) -> None:
    await town.heard.absence(town.lead.professional, town.deputy, days=3)

    child = await town.child()

    assert await town.tovholder(child) == str(town.deputy.professional)


async def test_absence_beyond_the_limit_is_stood_in_for_by_the_deputy_and_a_short_one_is_not(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.heard.absence(town.nurse.professional, town.colleague, days=13)
    await town.tick()
    short = await town.tovholder(child)

    await town.heard.absence(town.nurse.professional, town.colleague, days=14)
    await town.tick()
    await town.tick()

    assert short == str(town.nurse.professional)
    assert await town.tovholder(child) == str(town.colleague.professional)
    assert (await town.said(child))[-1] == "tovholder_changed"
    assert (await town.said(child)).count("tovholder_changed") == 3


async def test_without_a_present_deputy_the_units_leader_stands_in(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.heard.absence(town.colleague.professional, town.nurse, days=3)
    await town.heard.absence(town.nurse.professional, town.colleague, days=60)

    await town.tick()

    assert await town.tovholder(child) == str(town.leader.professional)


async def test_the_stand_in_answers_and_withdraws_what_the_absent_proposed(town: Municipality) -> None:
    child = await town.held(town.nurse)
    handover = (await town.propose(child, town.pedagogue, by=town.nurse)).body["id"]
    await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/question", {"text": "Må jeg ringe?"})
    await town.heard.absence(town.nurse.professional, town.colleague, days=60)
    await town.tick()

    answered = await town.as_(town.colleague).post(f"/registry/handovers/{handover}/answer", {"text": "Ja"})
    withdrawn = await town.as_(town.colleague).post(f"/registry/handovers/{handover}/withdrawal")

    assert (answered.status, withdrawn.status) == (200, 200)
    assert (await town.as_(town.colleague).get(f"/registry/handovers/{handover}")).body["giver"]["professional"] == str(
        town.colleague.professional
    )


async def test_an_unanswered_handover_reminds_is_overdue_and_is_put_to_leaders(town: Municipality) -> None:
    child, _ = await town.offered(town.nurse)

    for _ in range(14):
        await town.pass_days(1)

    said = (await town.said(child))[3:]
    assert said[:2] == ["handover_reminded", "handover_overdue"]
    assert set(said[2:]) == {"handover_escalated"}
    rows = await town.world.sql(
        "registry", "select envelope from ledger where subject = $1 and type like '%escalated%' order by version", child
    )
    assert [row["envelope"]["data"]["to"]["professional"] for row in rows] == [
        str(town.leader.professional),
        str(town.chief.professional),
    ]
    assert await town.tovholder(child) == str(town.lead.professional)


async def test_who_leaves_is_relieved_of_everything_and_then_released(town: Municipality) -> None:
    held = await town.held(town.nurse)
    _, offered = await town.offered(town.nurse)
    await town.leaves(town.nurse)

    refused = await town.as_(town.nurse).post(f"/registry/handovers/{offered}/acceptance")
    await town.tick()

    assert (refused.status, refused.problem) == (409, "the-seat-takes-nobody")
    assert await town.tovholder(held) == str(town.leader.professional)
    rows = await town.world.sql("registry", "select state, cause from handover where id = $1", offered)
    assert [tuple(row) for row in rows] == [("withdrawn", "receiver-left")]
    assert await town.world.events("registry", str(town.nurse.professional)) == ["professional_released"]


async def test_who_leaves_later_keeps_what_they_hold_until_the_day(town: Municipality) -> None:
    held = await town.held(town.nurse)
    await town.leaves(town.nurse, await town.heard.today() + timedelta(days=5))

    await town.tick()
    before = await town.tovholder(held)
    await town.pass_days(5)

    assert before == str(town.nurse.professional)
    assert await town.tovholder(held) == str(town.leader.professional)


async def test_a_seat_that_is_no_longer_said_is_emptied_without_releasing_its_professional(town: Municipality) -> None:
    held = await town.held(town.nurse)
    moved = ProfessionalChanged(
        professional=town.nurse.professional, municipality=town.heard.municipality, issuer=town.world.issuer.url,
        login=str(town.nurse.professional), seats=[HeldSeat(unit=town.pedagogue.unit, unit_kind="institution")],
    )  # fmt: skip

    await town.heard.tell(town.nurse.professional, moved)
    await town.tick()

    assert await town.tovholder(held) == str(town.leader.professional)
    assert await town.world.events("registry", str(town.nurse.professional)) == []
    seats = await town.world.sql(
        "registry", "select unit, open from seat where professional = $1 order by open", town.nurse.professional
    )
    assert [tuple(row) for row in seats] == [(town.nurse.unit, False), (town.pedagogue.unit, True)]


async def test_a_cancelled_start_takes_its_handover_with_it(town: Municipality) -> None:
    day = await town.heard.today() + timedelta(days=20)
    child, handover = await town.offered(town.pedagogue, effective_on=day.isoformat())
    await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")
    cancelled = StartCancelled(
        start=uuid4(), child=child, municipality=town.heard.municipality, unit=town.pedagogue.unit, starts_on=day, cause="family"
    )

    await town.heard.tell(child, cancelled)

    assert (await town.said(child))[-2:] == ["handover_withdrawn", "supporter_left"]
    assert (await town.read(child))["handover"] is None


async def test_a_settled_child_ends_the_givers_support_and_not_the_episode(town: Municipality) -> None:
    child, day = await town.held(town.nurse), await town.heard.today()
    settled = ChildSettled(start=uuid4(), child=child, municipality=town.heard.municipality, unit=town.nurse.unit, starts_on=day)

    await town.heard.tell(child, settled)

    assert (await town.said(child))[-1] == "supporter_left"
    assert (await town.read(child))["supporters"] == []
    assert await town.tovholder(child) == str(town.nurse.professional)


async def test_a_start_of_a_child_not_yet_known_is_kept_until_it_is(town: Municipality) -> None:
    child, day = uuid4(), await town.heard.today()
    cancelled = StartCancelled(
        start=uuid4(), child=child, municipality=town.heard.municipality, unit=town.pedagogue.unit, starts_on=day, cause="family"
    )
    await town.heard.tell(child, cancelled)
    assert len(await town.world.sql("registry", "select 1 from kept")) == 1

    await town.identified(IdentifiedChild(child=child, order=1, status="expected", new=True))

    assert await town.world.sql("registry", "select 1 from kept") == []
    assert await town.tovholder(child) == str(town.lead.professional)


async def test_the_giver_stands_by_for_the_municipalitys_days_and_no_longer(town: Municipality) -> None:
    child = await town.held(town.nurse)

    await town.pass_days(30)
    last = (await town.read(child))["supporters"]
    await town.pass_days(1)

    assert len(last) == 1
    assert (await town.read(child))["supporters"] == []
    assert (await town.said(child))[-1] == "supporter_left"


async def test_many_who_cannot_be_stood_in_for_keep_no_other_waiting(town: Municipality) -> None:
    for away in (town.lead, town.deputy):
        await town.heard.absence(away.professional, None, days=60)
    crowd = [IdentifiedChild(child=UUID(int=place), order=1, status="expected", new=True) for place in range(1, 121)]
    await town.identified(*crowd)
    child = await town.child()
    given = await town.as_(town.chief).post(
        f"/registry/children/{child}/override", {"to": town.pedagogue.model_dump(mode="json"), "reason": "district"}
    )
    await town.heard.absence(town.chief.professional, None, days=60)
    await town.heard.absence(town.pedagogue.professional, town.colleague, days=60)

    await town.tick()
    await town.tick()

    assert given.status == 200, given.body
    assert await town.tovholder(crowd[0].child) == str(town.chief.professional)
    assert await town.tovholder(child) == str(town.colleague.professional)


async def test_many_registrations_that_find_no_seat_keep_those_of_another_town_not_waiting(town: Municipality) -> None:
    async with town.world.store("persons").transaction() as tx:
        for _ in range(100):
            tx.publish(uuid4(), _identified(NOBODYS, uuid4()))
    await town.heard.hear("persons")
    child = uuid4()
    async with town.world.store("persons").transaction() as tx:
        tx.publish(child, _identified("0997", child))
    await town.heard.hear("persons")
    await town.intake_of("0997")

    await town.tick()
    await town.tick()

    assert await town.tovholder(child) == str(town.lead.professional)


def _identified(municipality: str, child: UUID) -> PartiesIdentified:
    newcomer = IdentifiedChild(child=child, order=1, status="expected", new=True)
    return PartiesIdentified(
        notification_id=uuid4(), municipality=municipality, unit=uuid4(), mother=uuid4(), children=[newcomer]
    )
