"""The life of a child as identity sees it, through real PostgreSQL and the bus: merge, move, death, protection, withdrawal."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from services.chassis.service import FetchFirst, Received
from services.demo import town
from services.events import Event
from services.events.envelope import Seat
from services.events.midwife import AdmissionChanged
from services.events.registry import CaseClosed, CaseReopened, CaseSeparated, TovholderChanged
from services.persons import handlers, service
from services.persons.schemas import Demographics
from tests.persons.families import (
    BORN,
    CANARY,
    FATHER,
    MOTHER,
    MOTHERS_CPR,
    TWIN_A,
    TWIN_B,
    WRONG,
    at_once,
    child,
    children_of,
    identifier,
    mother_of,
    notify,
    register_by_hand,
)
from tests.support.world import Answer, World

HERE, THERE = "0990", "0991"


async def two_records(world: World) -> tuple[str, str]:
    """One child twice: expected by the mother's replacement number, born by her CPR number. The older first."""
    await notify(world)
    await notify(world, "birth", children=[child(1, TWIN_A)], mother={"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY})
    rows = await world.sql("persons", "select id from person where kind = 'child' order by id")
    assert len(rows) == 2
    return str(rows[0]["id"]), str(rows[1]["id"])


async def merged(world: World, who: str = "inge") -> tuple[str, str]:
    older, younger = await two_records(world)
    answer = await merge(world, younger, older, who)
    assert answer.status == 201, answer.body
    return older, younger


async def merge(world: World, one: str, other: str, who: str = "inge") -> Answer:
    return await world.as_professional(who).post(f"/persons/children/{one}/merge", {"with": other, "reason": "records-compared"})


async def said(world: World, *events: Event, at: datetime | None = None) -> None:
    """Persons applies what another service says."""
    for event in events:
        async with world.store("persons").transaction() as tx:
            handler, received = (
                service.handlers[type(event)],
                Received(event, str(uuid.uuid4()), uuid.uuid4(), 1, at or datetime.now(UTC)),
            )
            if isinstance(handler, FetchFirst):
                fetched = await handler.fetch(received, world.running.runtimes["persons"])
                await handler.apply(received, tx, fetched)
            else:
                await handler(received, tx)


def someone_of_skovby() -> town.Inhabitant:
    return next(person for person in town.people() if person.municipality == THERE)


async def taken_over_there(world: World, ref: str) -> None:
    """A professional of the other municipality is tovholder from now on."""
    seat = Seat(professional=uuid.UUID(someone_of_skovby().id), unit=uuid.uuid4())
    await said(
        world,
        TovholderChanged(
            child=uuid.UUID(ref), municipality=THERE, tovholder=seat, before=None, why="acceptance", since=datetime.now(UTC)
        ),
    )


async def found_by(world: World, pair: tuple[str, str], who: str = "inge") -> Any:
    answer = await world.as_professional(who).post("/persons/lookup", {"identifiers": [identifier(pair)], "purpose": "care"})
    return answer.body.get("person") if answer.status == 200 else None


async def recipients(world: World, ref: str) -> Any:
    return (await world.as_client("service-notifications").get(f"/persons/{ref}/recipients")).body


# -- merge --------------------------------------------------------------------------------------------------------------------


async def test_of_two_records_the_older_survives_and_is_found_by_every_number_and_reference(world: World) -> None:
    older, younger = await two_records(world)

    answer = await merge(world, younger, older)

    inge = world.as_professional("inge")
    seen, pointer = await inge.get(f"/persons/{older}"), await inge.get(f"/persons/{younger}")
    assert (answer.status, answer.body) == (201, {"person": older, "merged": younger})
    assert await found_by(world, TWIN_A) == older
    assert pointer.body == {"person": younger, "merged_into": older}
    assert (seen.body["status"], seen.body["identifiers"][0]["value"], seen.body["sex"]) == ("born", TWIN_A[1], "female")
    assert seen.body["due_on"] == "2026-12-10"
    assert (await world.events("persons", older))[-1] == "persons_merged"


async def test_a_command_on_a_merged_reference_names_the_one_that_lives_on(world: World) -> None:
    older, younger = await merged(world)

    for path, body in (("death", {}), ("identifiers", {"identifiers": [identifier(WRONG)]})):
        answer = await world.as_professional("inge").post(f"/persons/children/{younger}/{path}", body)
        assert (answer.status, answer.problem, answer.body["merged_into"]) == (409, "the-record-was-merged", older)


async def test_later_messages_about_either_are_about_the_survivor(world: World) -> None:
    older, _ = await merged(world)

    await notify(world, "birth", children=[child(1, TWIN_A, TWIN_B)], mother={"identifiers": [identifier(MOTHERS_CPR)]})

    assert len(await children_of(world)) == 2
    assert await found_by(world, TWIN_B) == older
    assert "child_identified" in await world.events("persons", older)
    assert await world.dead_letters() == []


async def test_what_is_sent_about_a_merged_reference_goes_to_the_survivor_s_family(world: World) -> None:
    older, younger = await merged(world)

    assert await recipients(world, younger) == await recipients(world, older)
    assert [it["person"] for it in (await recipients(world, older))["recipients"]] == [await mother_of(world, older)]


async def test_two_children_of_two_mothers_bring_the_mothers_before_people_who_may_merge_them_too(world: World) -> None:
    older, younger = await merged(world)
    mothers = [await mother_of(world, older), await mother_of(world, younger)]
    inge = world.as_professional("inge")

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    decided = await inge.post(f"/persons/proposals/{waiting['id']}/decision", {"decision": "merge", "reason": "records-compared"})
    again = await inge.post(f"/persons/proposals/{waiting['id']}/decision", {"decision": "keep-apart"})

    assert (waiting["kind"], [waiting["person"], waiting["other"]]) == ("merge", sorted(mothers))
    assert (decided.status, again.problem) == (200, "the-proposal-is-decided")
    assert await found_by(world, MOTHERS_CPR) == await found_by(world, MOTHER) == min(mothers)
    assert (await inge.get("/persons/proposals")).body == {"proposals": [], "next": None}

    separated = [await inge.post(f"/persons/{one}/separation") for one in (max(mothers), max(mothers), younger)]
    assert [separated[0].status, *(it.problem for it in separated[1:])] == [
        201,
        "nothing-was-merged",
        "the-registry-separates-children",
    ]
    assert [await found_by(world, MOTHERS_CPR), await found_by(world, MOTHER)] == [max(mothers), min(mothers)]


async def test_a_message_that_names_two_records_puts_them_before_people_who_keep_them_apart_for_good(world: World) -> None:
    older, younger = await two_records(world)
    await register_by_hand(world, identifiers=[identifier(WRONG)], born_at=BORN)
    inge, both = world.as_professional("inge"), [identifier(TWIN_A), identifier(WRONG)]
    message: dict[str, Any] = {
        "children": [{**child(1), "identifiers": both}],
        "mother": {"identifiers": [identifier(MOTHERS_CPR)]},
    }
    await notify(world, "birth", **message)

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    decided = await inge.post(
        f"/persons/proposals/{waiting['id']}/decision", {"decision": "keep-apart", "reason": "family-confirmed"}
    )

    assert (waiting["kind"], waiting["person"]) == ("merge", younger)
    assert (decided.status, await found_by(world, WRONG)) == (200, waiting["other"])
    assert older not in (waiting["person"], waiting["other"])
    assert (await inge.get("/persons/proposals")).body["proposals"] == []


async def test_proposals_are_decided_by_the_intake_and_its_leaders_alone(world: World) -> None:
    await merged(world)
    (waiting,) = (await world.as_professional("inge").get("/persons/proposals")).body["proposals"]
    path, body = f"/persons/proposals/{waiting['id']}/decision", {"decision": "merge"}

    stranger, foreigner = world.as_professional("cecilie"), world.as_professional(someone_of_skovby().username)

    assert [(await stranger.get("/persons/proposals")).problem, (await stranger.post(path, body)).problem] == [
        "only-the-intake-or-a-leader-decides",
        "only-the-intake-or-a-leader-decides",
    ]
    assert (await foreigner.post(path, body)).status == 404


async def test_a_separation_gives_each_child_its_own_back(world: World) -> None:
    older, younger = await two_records(world)
    inge = world.as_professional("inge")
    await inge.post(
        f"/persons/children/{younger}/custody",
        {"holders": [{"identifiers": [identifier(FATHER)], "email": "f@example.dk"}], "from_on": "2026-11-01"},
    )
    before = [(await inge.get(f"/persons/{ref}")).body for ref in (older, younger)]
    await merge(world, older, younger)
    together = (await inge.get(f"/persons/{older}")).body
    await notify(
        world,
        "birth",
        children=[child(1, TWIN_A, born_at="2026-11-22T05:00:00+01:00")],
        mother={"identifiers": [identifier(MOTHERS_CPR)]},
    )

    await said(world, CaseSeparated(child=uuid.UUID(younger), separated_from=uuid.UUID(older), municipality=HERE))

    after = [(await inge.get(f"/persons/{ref}")).body for ref in (older, younger)]
    assert together["custody"] == before[1]["custody"]
    assert after[1] == before[1]
    # What was told after the merge stays where it was told.
    assert {**after[0], "born_at": None, "sex": None, "status": "expected"} == before[0]
    assert await found_by(world, TWIN_A) == younger


async def test_a_separation_heard_twice_changes_nothing(world: World) -> None:
    older, younger = await merged(world)
    separated = CaseSeparated(child=uuid.UUID(younger), separated_from=uuid.UUID(older), municipality=HERE)

    await said(world, separated, separated)

    assert (await merge(world, older, younger)).status == 201


async def test_the_living_and_the_dead_are_not_merged(world: World) -> None:
    older, younger = await two_records(world)
    await world.as_professional("inge").post(f"/persons/children/{younger}/death", {})

    answer = await merge(world, older, younger)

    assert (answer.status, answer.problem) == (409, "both-are-alive-or-both-are-not")


async def test_a_merge_and_a_message_about_it_at_the_same_time_leave_one_child(world: World) -> None:
    older, younger = await two_records(world)

    outcomes = await at_once(
        merge(world, older, younger),
        merge(world, younger, older),
        notify(world, "birth", children=[child(1, TWIN_A, TWIN_B)], mother={"identifiers": [identifier(MOTHERS_CPR)]}),
    )
    await world.settle()

    assert sorted(it.status for it in outcomes[:2] if isinstance(it, Answer))[0] == 201
    assert (await world.events("persons", older)).count("persons_merged") == 1
    assert await found_by(world, TWIN_B) == older
    assert await world.dead_letters() == []


async def test_the_store_itself_lets_no_older_reference_go_and_no_number_stand_on_one_that_is_gone(world: World) -> None:
    older, younger = await merged(world)

    with pytest.raises(asyncpg.CheckViolationError, match="the_older_reference_survives"):
        await world.sql("persons", "update person set merged_into = $1 where id = $2", uuid.UUID(younger), uuid.UUID(older))
    with pytest.raises(asyncpg.CheckViolationError, match="takes no identifier"):
        async with world.store("persons").transaction() as tx:
            await tx.execute("select claim('\\x00', $1, '0990', 'cpr', '\\x00', '{}')", uuid.UUID(younger))


async def test_a_stranger_or_another_municipality_merges_nothing(world: World) -> None:
    older, younger = await two_records(world)

    answers = [await merge(world, older, younger, who) for who in ("cecilie", someone_of_skovby().username)]

    assert [answer.status for answer in answers] == [404, 404]


# -- death, the end of a pregnancy --------------------------------------------------------------------------------------------


async def test_a_death_stops_letters_at_once_and_its_undoing_lets_them_go_on(world: World) -> None:
    await notify(world, "birth", children=[child(1)])
    (ref,), inge = await children_of(world), world.as_professional("inge")

    died = await inge.post(f"/persons/children/{ref}/death", {"died_on": "2026-11-22"})
    stopped, again = await recipients(world, ref), await inge.post(f"/persons/children/{ref}/death", {})
    undone = await inge.post(f"/persons/children/{ref}/death/undoing")

    assert (died.status, again.problem, undone.status) == (201, "the-death-is-already-recorded", 201)
    assert stopped["do_not_contact"] is True
    assert (await recipients(world, ref))["do_not_contact"] is False
    assert (await world.events("persons", ref))[-2:] == ["child_died", "death_undone"]


async def test_the_end_of_a_pregnancy_stops_letters_and_can_be_taken_back(world: World) -> None:
    await notify(world)
    (ref,), inge = await children_of(world), world.as_professional("inge")

    death = await inge.post(f"/persons/children/{ref}/death", {})
    ended = await inge.post(f"/persons/children/{ref}/pregnancy-end", {"ended_on": "2026-11-20"})
    stopped = (await recipients(world, ref))["do_not_contact"]
    undone = await inge.post(f"/persons/children/{ref}/pregnancy-end/undoing")

    assert (death.problem, ended.status, stopped, undone.status) == ("only-a-child-that-was-born-has-died", 201, True, 201)
    assert (await recipients(world, ref))["do_not_contact"] is False
    assert (await world.events("persons", ref))[-2:] == ["pregnancy_ended", "pregnancy_end_undone"]


async def test_a_birth_told_of_an_ended_pregnancy_keeps_letters_stopped_and_is_put_before_people(world: World) -> None:
    await notify(world)
    (ref,), inge = await children_of(world), world.as_professional("inge")
    await inge.post(f"/persons/children/{ref}/pregnancy-end", {})

    await notify(world, "birth", children=[child(1)])

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    assert await children_of(world) == [ref]
    assert (waiting["kind"], waiting["person"]) == ("lives", ref)
    assert (await recipients(world, ref))["do_not_contact"] is True


@pytest.mark.parametrize("path", ["death", "death/undoing", "pregnancy-end", "pregnancy-end/undoing"])
async def test_only_who_may_act_on_the_baton_says_what_has_become_of_a_child(world: World, path: str) -> None:
    await notify(world)
    (ref,) = await children_of(world)
    await notify(world, "birth", children=[child(1)])

    stranger = await world.as_professional("cecilie").post(
        f"/persons/children/{ref}/{path}", {} if "undoing" not in path else None
    )
    mother = await world.as_professional("inge").post(
        f"/persons/children/{await mother_of(world, ref)}/{path}", {} if "undoing" not in path else None
    )

    assert (stranger.status, mother.status) == (404, 404)


async def test_when_the_mother_has_died_her_letters_are_not_sent_but_somebody_is_shown_that_nobody_was_told(world: World) -> None:
    await notify(world, "birth", children=[child(1)])
    (ref,) = await children_of(world)
    await world.sql("persons", "update person set died_at = chassis.now() where kind = 'adult' returning id")

    assert await recipients(world, ref) == {"do_not_contact": False, "recipients": []}


# -- move ---------------------------------------------------------------------------------------------------------------------


async def test_a_child_whose_tovholder_is_elsewhere_belongs_there_and_its_mother_with_it(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,) = await children_of(world)
    mother, inge = await mother_of(world, ref), world.as_professional("inge")
    before = (await inge.get(f"/persons/{mother}")).body

    await taken_over_there(world, ref)

    skovby = world.as_professional(someone_of_skovby().username)
    seen = await skovby.get(f"/persons/{ref}")
    assert [(await inge.get(f"/persons/{it}")).status for it in (ref, mother)] == [404, 404]
    assert (seen.status, seen.body["municipality"], seen.body["identifiers"][0]["value"]) == (200, THERE, TWIN_A[1])
    assert {**(await skovby.get(f"/persons/{mother}")).body, "municipality": HERE} == before
    assert (await found_by(world, TWIN_A), await found_by(world, TWIN_A, someone_of_skovby().username)) == (None, ref)
    keys = await world.sql("persons", "select municipality, wrapped_by from sealing_key")
    assert {(row["municipality"], row["wrapped_by"].split(".")[0]) for row in keys} == {(THERE, THERE)}
    (moved,) = await world.sql(
        "persons", "select envelope from ledger where subject = $1 and type like '%child_moved%'", uuid.UUID(ref)
    )
    assert moved["envelope"]["data"] == {"child": ref, "from_municipality": HERE, "municipality": THERE}


async def test_the_mother_stays_while_one_of_her_running_children_does(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A), child(2, TWIN_B)])
    first, second = await children_of(world)
    mother, inge = await mother_of(world, first), world.as_professional("inge")

    await taken_over_there(world, first)
    meanwhile = (await inge.get(f"/persons/{mother}")).status
    seat = Seat(professional=uuid.UUID(world.names["inge"]), unit=uuid.UUID(world.names["intake"]))
    await said(world, CaseClosed(child=uuid.UUID(second), municipality=HERE, reason="settled", last=seat, by=None))
    await taken_over_there(world, first)
    still = (await inge.get(f"/persons/{mother}")).status
    await said(world, CaseReopened(child=uuid.UUID(second), municipality=HERE, episode=2, by=None))
    await taken_over_there(world, second)

    assert (meanwhile, still, (await inge.get(f"/persons/{mother}")).status) == (200, 200, 404)


async def test_a_move_names_the_running_children_it_is_about(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A), child(2, TWIN_B)])
    first, second = sorted(await children_of(world))
    mother = await mother_of(world, first)

    await notify(world, receiver={"sor": "991000000016002"})

    (row,) = await world.sql(
        "persons", "select envelope from ledger where subject = $1 and type like '%move_proposed%'", uuid.UUID(mother)
    )
    assert row["envelope"]["data"]["children"] == [first, second]


async def test_a_message_here_about_a_child_that_moved_away_without_its_mother_is_left_to_people(world: World) -> None:
    await notify(world, "birth", children=[child(1), child(2, TWIN_B)])
    first, _ = await children_of(world)
    await taken_over_there(world, first)

    notification = await notify(world, "birth", children=[child(1, born_at="2026-11-22T05:30:00+01:00")])

    (said_of_it,) = await world.sql("persons", "select envelope from ledger where subject = $1", uuid.UUID(notification))
    assert said_of_it["envelope"]["data"]["known_elsewhere"] is True
    assert "move_proposed" in await world.events("persons", first)


async def test_a_consent_given_to_one_municipality_does_not_count_in_another(world: World) -> None:
    await notify(world, "birth", children=[child(1)])
    (ref,) = await children_of(world)
    consent = {
        "given_by": await mother_of(world, ref), "recipient_kind": "daycare", "purpose": "transition", "categories": ["sleep"],
        "from_on": "2026-11-01",
    }  # fmt: skip
    asked = {"child": ref, "recipient_kind": "daycare", "purpose": "transition", "categories": ["sleep"]}
    service_client = world.as_client("service-sundhedspleje")
    given = await world.as_professional("inge").post(f"/persons/{ref}/consents", consent)
    before = await service_client.post("/persons/decisions", asked)

    await taken_over_there(world, ref)

    after = await service_client.post("/persons/decisions", asked)
    assert (given.status, before.body["basis"], after.body["basis"]) == (201, "consent", "refused")


# -- protection and numbers ---------------------------------------------------------------------------------------------------


async def test_protection_masks_the_address_also_where_the_child_lives_and_never_silences(world: World) -> None:
    await notify(world, "birth", children=[child(1)])
    (ref,), inge = await children_of(world), world.as_professional("inge")
    mother = await mother_of(world, ref)
    for one in (ref, mother):
        await inge.post(f"/persons/{one}/contact", {"address": "Fuglebakken 1", "email": "k@example.dk"})

    answers = [await inge.post(f"/persons/{mother}/protection", {"protected": True}) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert [(await inge.get(f"/persons/{one}")).body["contact"] for one in (ref, mother)] == [{"email": "k@example.dk"}] * 2
    assert (await inge.get(f"/persons/{ref}?reveal=true")).body["contact"]["address"] == "Fuglebakken 1"
    assert (await recipients(world, ref))["recipients"][0]["address"] == {"email": "k@example.dk"}
    assert await world.events("persons", mother) == ["protection_changed"]
    classes = await world.sql("persons", "select class from access where subject = $1 order by id", uuid.UUID(ref))
    assert [line["class"] for line in classes] == ["identity", "protected-address"]


async def test_a_midwife_s_word_of_protection_is_said_once(world: World) -> None:
    mother = {"identifiers": [identifier(MOTHER)], "is_protected": True}

    await notify(world, mother=mother)
    await notify(world, mother=mother)

    (ref,) = await children_of(world)
    assert await world.events("persons", await mother_of(world, ref)) == ["protection_changed"]


async def test_a_new_cpr_number_is_current_and_the_old_one_still_finds_the_child(world: World) -> None:
    await notify(world, "birth", children=[child(1, (MOTHER[0], "2211261AA1"))])
    (ref,), inge = await children_of(world), world.as_professional("inge")
    for number in (TWIN_B, TWIN_A):
        await inge.post(f"/persons/children/{ref}/identifiers", {"identifiers": [identifier(number)]})

    shown = (await inge.get(f"/persons/{ref}")).body["identifiers"]

    assert [(it["value"], it["former"]) for it in shown] == [(TWIN_A[1], False), (TWIN_B[1], True), ("2211261AA1", True)]
    assert {await found_by(world, (it["system"], it["value"])) for it in shown} == {ref}


async def test_a_replacement_number_corrected_to_a_cpr_number_still_finds_the_child(world: World) -> None:
    told = await notify(world, "birth", children=[child(1, (MOTHER[0], "2211261AA1"))])
    (ref,) = await children_of(world)

    await notify(world, "birth", corrects=told, children=[child(1, TWIN_A)])

    assert await found_by(world, TWIN_A) == await found_by(world, (MOTHER[0], "2211261AA1")) == ref


# -- withdrawal ---------------------------------------------------------------------------------------------------------------


async def withdraw(world: World, notification: str) -> None:
    answer = await world.as_client("maternity-havby").post(
        f"/midwife/notifications/{notification}/withdrawal", {"reason": "sent-in-error"}
    )
    assert answer.status == 200, answer.body
    await world.settle()


async def test_a_notification_withdrawn_takes_back_its_numbers_and_leaves_the_child_to_people(world: World) -> None:
    told = await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,), inge = await children_of(world), world.as_professional("inge")

    await withdraw(world, told)

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    assert (waiting["kind"], waiting["person"], waiting["notification"]) == ("withdrawn", ref, told)
    assert (await inge.get(f"/persons/{ref}")).status == 200
    assert [await found_by(world, pair) for pair in (TWIN_A, MOTHER)] == [None, None]
    noted = await inge.post(f"/persons/proposals/{waiting['id']}/decision", {"decision": "noted"})
    assert noted.status == 200


async def test_what_another_notification_says_too_stays_and_nobody_is_asked(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    told = await notify(world, "birth", children=[child(1, TWIN_A, TWIN_B)])
    (ref,) = await children_of(world)

    await withdraw(world, told)

    assert (await found_by(world, TWIN_A), await found_by(world, TWIN_B)) == (ref, None)
    assert (await world.as_professional("inge").get("/persons/proposals")).body["proposals"] == []


async def test_a_notification_withdrawn_that_a_correction_had_replaced_takes_nothing_back(world: World) -> None:
    told = await notify(world, "birth", children=[child(1, WRONG)])
    await notify(world, "birth", corrects=told, children=[child(1, TWIN_A)])
    (ref,) = await children_of(world)

    await withdraw(world, told)

    assert await found_by(world, TWIN_A) == ref
    assert (await world.as_professional("inge").get("/persons/proposals")).body["proposals"] == []


# -- what hospitals say -------------------------------------------------------------------------------------------------------


async def hospital(world: World, change: str, pair: tuple[str, str], hours: int = 0, code: str = "MORS") -> None:
    """A hospital's message about who has this number, `hours` from now."""
    told_at = await world.now() + timedelta(hours=hours)
    event = AdmissionChanged.model_validate(
        {
            "notification_id": uuid.uuid4(), "municipality": HERE, "unit": uuid.UUID(world.names["intake"]), "code": code,
            "change": change, "told_at": told_at,
        }
    )  # fmt: skip
    demographics = Demographics.model_validate(
        {
            "kind": "hospital-notification",
            "municipality": HERE,
            "unit": event.unit,
            "patient": {"identifiers": [identifier(pair)]},
        }
    )
    fetched = handlers.Fetched(demographics, world.running.runtimes["persons"].settings.secrets)
    async with world.store("persons").transaction() as tx:
        await handlers.hear_of_admission(Received(event, str(uuid.uuid4()), event.notification_id, 1, told_at), tx, fetched)


async def test_of_a_child_s_stay_in_hospital_it_is_said_whose_it_is_and_of_an_adult_s_nothing(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,) = await children_of(world)
    before = await world.events("persons", ref)

    await hospital(world, "new", TWIN_A, code="STIN")
    await hospital(world, "cancelled", TWIN_A, code="STIN")
    await hospital(world, "new", MOTHER, code="STIN")

    assert (await world.events("persons", ref))[len(before) :] == ["child_in_hospital"] * 2
    said = await world.sql("persons", "select subject::text from ledger where type like '%child_in_hospital%'")
    assert {row["subject"] for row in said} == {ref}


async def test_a_hospital_s_word_of_a_child_s_death_stops_letters_and_its_cancelling_lets_them_go_on(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,) = await children_of(world)

    await hospital(world, "new", TWIN_A)
    stopped = (await recipients(world, ref))["do_not_contact"]
    await hospital(world, "cancelled", TWIN_A, hours=1)
    await hospital(world, "revised", TWIN_A)

    assert (stopped, (await recipients(world, ref))["do_not_contact"]) == (True, False)
    assert (await world.events("persons", ref))[-2:] == ["child_died", "death_undone"]


async def test_a_hospital_does_not_undo_what_a_person_recorded_people_are_asked(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,), inge = await children_of(world), world.as_professional("inge")
    await inge.post(f"/persons/children/{ref}/death", {})

    await hospital(world, "cancelled", TWIN_A, hours=1)

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    assert (waiting["kind"], waiting["person"]) == ("lives", ref)
    assert (await recipients(world, ref))["do_not_contact"] is True


async def test_a_mother_s_death_is_put_before_people_and_said_in_no_event(world: World) -> None:
    await notify(world, "birth", children=[child(1, TWIN_A)])
    (ref,), inge = await children_of(world), world.as_professional("inge")
    mother = await mother_of(world, ref)

    await hospital(world, "new", MOTHER)

    (waiting,) = (await inge.get("/persons/proposals")).body["proposals"]
    assert (waiting["kind"], waiting["person"]) == ("died", mother)
    assert await world.events("persons", mother) == []
    assert (await recipients(world, ref))["recipients"] == []


async def test_what_hospitals_say_of_people_nobody_knows_leaves_nothing(world: World) -> None:
    await hospital(world, "new", FATHER)
    await hospital(world, "new", FATHER, code="STIN")

    assert await world.sql("persons", "select 1 from proposal") == []
