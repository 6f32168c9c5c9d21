"""Many children handed over in one act: as a stored job, each child by itself, whatever happens; answered in one act."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.chassis.migrate import owner_dsn
from services.chassis.settings import Settings
from services.events.envelope import Seat
from services.registry.repository import bulk
from tests.registry.settled import Municipality
from tests.support.world import Answer


def _body(to: Seat, *children: UUID, **more: Any) -> dict[str, Any]:
    named = {"children": [str(child) for child in children]} if children else {}
    return {"to": to.model_dump(mode="json"), "reason": "leaves-the-team", **named, **more}


async def _ask(town: Municipality, by: Seat, body: dict[str, Any], **more: Any) -> Answer:
    return await town.as_(by).post("/registry/bulk-handovers", body, **more)


async def _asked(town: Municipality, by: Seat, body: dict[str, Any]) -> str:
    """A bulk that has been asked for and worked off."""
    answer = await _ask(town, by, body)
    assert answer.status == 202, answer.body
    await town.tick()
    return str(answer.body["id"])


async def _read(town: Municipality, by: Seat, number: str) -> dict[str, Any]:
    answer = await town.as_(by).get(f"/registry/bulk-handovers/{number}")
    assert answer.status == 200, answer.body
    body: dict[str, Any] = answer.body
    return body


def _states(read: dict[str, Any]) -> dict[str, str]:
    return {it["child"]: it["refusal"] or it["reason"] or it["state"] for it in read["children"]}


async def _since_held(town: Municipality, child: UUID, fact: str) -> int:
    """How often something was said of a child since its tovholder accepted it, which took one proposal and one acceptance."""
    return (await town.said(child)).count(fact) - 1


async def test_a_leader_hands_over_all_that_someone_holds_and_the_receiver_takes_them_in_one_act(town: Municipality) -> None:
    held = sorted([str(await town.held(town.nurse)) for _ in range(3)])

    number = await _asked(town, town.leader, _body(town.colleague, **{"from": str(town.nurse.professional)}))
    read = await _read(town, town.leader, number)
    before = {await town.tovholder(UUID(child)) for child in held}
    answered = await town.as_(town.colleague).post(f"/registry/bulk-handovers/{number}/answer", {"accept": True})
    await town.tick()

    assert (read["state"], read["counts"]) == ("proposed", {"offered": 3})
    assert [it["child"] for it in read["children"]] == held
    assert before == {str(town.nurse.professional)}
    assert answered.status == 202
    assert {await town.tovholder(UUID(child)) for child in held} == {str(town.colleague.professional)}
    done = await _read(town, town.leader, number)
    assert (done["state"], done["counts"]) == ("answered", {"accepted": 3})
    assert [await _since_held(town, UUID(child), "handover_proposed") for child in held] == [1, 1, 1]


async def test_one_refusal_does_not_stop_the_others(town: Municipality) -> None:
    good, busy, foreign, unknown = await town.held(town.nurse), await town.held(town.nurse), await town.child(), uuid4()
    await town.propose(busy, town.pedagogue, by=town.nurse)

    number = await _asked(town, town.nurse, _body(town.colleague, good, busy, foreign, unknown))

    read = await _read(town, town.nurse, number)
    assert read["counts"] == {"offered": 1, "refused": 3}
    assert _states(read) == {
        str(good): "offered", str(busy): "a-handover-is-already-open", str(foreign): "not-found", str(unknown): "not-found",
    }  # fmt: skip
    assert (await town.read(good))["handover"]["receiver"]["professional"] == str(town.colleague.professional)


async def test_the_receiver_answers_with_exceptions_each_with_its_reason(town: Municipality) -> None:
    children = [await town.held(town.nurse) for _ in range(3)]
    number = await _asked(town, town.nurse, _body(town.colleague, *children))
    gone = (await town.read(children[2]))["handover"]["id"]
    await town.as_(town.nurse).post(f"/registry/handovers/{gone}/withdrawal")
    exceptions = [{"child": str(children[1]), "reason": "conflict-of-interest"}]

    await town.as_(town.colleague).post(f"/registry/bulk-handovers/{number}/answer", {"accept": True, "except": exceptions})
    await town.tick()

    read = await _read(town, town.nurse, number)
    assert _states(read) == {
        str(children[0]): "accepted", str(children[1]): "conflict-of-interest",
        str(children[2]): "the-handover-is-no-longer-open",
    }  # fmt: skip
    assert read["counts"] == {"accepted": 1, "declined": 1, "unanswered": 1}
    assert [await town.tovholder(child) for child in children] == [
        str(it.professional) for it in (town.colleague, town.nurse, town.nurse)
    ]


async def test_a_bulk_for_a_date_is_scheduled_when_it_is_accepted(town: Municipality) -> None:
    child, day = await town.held(town.nurse), (await town.heard.today()).replace(month=12, day=31)
    number = await _asked(town, town.nurse, _body(town.colleague, child, effective_on=day.isoformat()))

    await town.as_(town.colleague).post(f"/registry/bulk-handovers/{number}/answer", {"accept": True})
    await town.tick()

    assert (await town.read(child))["handover"]["state"] == "scheduled"
    assert _states(await _read(town, town.nurse, number)) == {str(child): "accepted"}


async def test_a_preview_tells_what_would_become_of_each_and_changes_nothing(town: Municipality) -> None:
    good, unknown = await town.held(town.nurse), uuid4()
    version = (await town.read(good))["version"]

    answer = await town.as_(town.nurse).ask("POST", "/registry/bulk-handovers/preview", json=_body(town.colleague, good, unknown))

    assert answer.status == 200, answer.body
    assert answer.body["counts"] == {"offered": 1, "refused": 1}
    assert {it["child"]: it["refusal"] for it in answer.body["children"]} == {str(good): None, str(unknown): "not-found"}
    assert (await town.read(good))["version"] == version
    assert await town.world.sql("registry", "select 1 from bulk") == []


async def test_nobody_without_a_part_in_it_reads_or_answers_a_bulk_and_the_receiver_sees_what_was_offered(
    town: Municipality,
) -> None:
    good, busy = await town.held(town.nurse), await town.held(town.nurse)
    await town.propose(busy, town.pedagogue, by=town.nurse)
    number = await _asked(town, town.nurse, _body(town.colleague, good, busy))
    path = f"/registry/bulk-handovers/{number}"

    for stranger in (town.pedagogue, town.abroad, town.lead):
        assert (await town.as_(stranger).get(path)).status == 404
        assert (await town.as_(stranger).post(f"{path}/answer", {"accept": True})).status in (403, 404)
    mine = await town.as_(town.nurse).post(f"{path}/answer", {"accept": True})
    seen = await _read(town, town.colleague, number)

    assert (mine.status, mine.problem) == (403, "only-the-named-receiver-may-answer-the-bulk")
    assert (seen["counts"], [it["child"] for it in seen["children"]]) == ({"offered": 1}, [str(good)])
    assert (await _read(town, town.leader, number))["counts"] == {"offered": 1}
    logged = await town.world.sql(
        "registry", "select subject from access where professional = $1 and subject = any ($2)",
        town.colleague.professional, [good, busy],
    )  # fmt: skip
    assert [row["subject"] for row in logged] == [good]


async def test_whoever_has_asked_for_or_is_to_answer_bulks_finds_them_the_newest_first_and_nobody_else_does(
    town: Municipality,
) -> None:
    good, busy, other = [await town.held(town.nurse) for _ in range(3)]
    await town.propose(busy, town.pedagogue, by=town.nurse)
    first = await _asked(town, town.nurse, _body(town.colleague, good, busy))
    second = await _asked(town, town.nurse, _body(town.pedagogue, other))

    async def found(seat: Seat, **query: Any) -> list[tuple[str, dict[str, int]]]:
        answer = await town.as_(seat).get("/registry/bulk-handovers", params=query)
        assert answer.status == 200, answer.body
        return [(it["id"], it["counts"]) for it in answer.body["bulks"]]

    assert await found(town.nurse) == [(second, {"offered": 1}), (first, {"offered": 1, "refused": 1})]
    assert await found(town.nurse, limit=1, after=second) == [(first, {"offered": 1, "refused": 1})]
    assert await found(town.colleague) == [(first, {"offered": 1})]
    assert await found(town.leader) == []
    assert await found(town.abroad) == []
    await town.heard.absence(town.colleague.professional, town.leader, days=3)
    assert await found(town.leader) == [(first, {"offered": 1})]


async def test_a_bulk_is_answered_once_and_not_before_all_have_been_asked(town: Municipality) -> None:
    child = await town.held(town.nurse)
    number = (await _ask(town, town.nurse, _body(town.colleague, child))).body["id"]
    path, colleague = f"/registry/bulk-handovers/{number}/answer", town.as_(town.colleague)

    early = await colleague.post(path, {"accept": True})
    await town.tick()
    stranger = await colleague.post(path, {"accept": True, "except": [{"child": str(uuid4()), "reason": "at-capacity"}]})
    wordless = await colleague.post(path, {"accept": True, "except": [{"child": str(child), "reason": "other"}]})
    twice = await asyncio.gather(*(colleague.post(path, {"accept": True}) for _ in range(2)))
    await town.tick()
    late = await colleague.post(path, {"accept": True})

    assert (early.status, early.problem) == (409, "the-bulk-is-still-under-way")
    assert (stranger.status, stranger.problem) == (422, "the-child-is-not-in-this-bulk")
    assert (wordless.status, wordless.problem) == (422, "another-reason-needs-words")
    assert sorted(it.status for it in twice) == [202, 409]
    assert (late.status, late.problem) == (409, "the-bulk-is-answered-already")
    assert await _since_held(town, child, "handover_accepted") == 1


async def test_in_an_absence_the_deputy_takes_a_bulk_for_themselves(town: Municipality) -> None:
    child = await town.held(town.colleague)
    number = await _asked(town, town.colleague, _body(town.nurse, child))
    await town.heard.absence(town.nurse.professional, town.leader, days=3)

    answered = await town.as_(town.leader).post(f"/registry/bulk-handovers/{number}/answer", {"accept": True})
    await town.tick()

    assert answered.status == 202
    assert await town.tovholder(child) == str(town.leader.professional)


async def test_the_same_request_again_is_the_same_job(town: Municipality) -> None:
    child = await town.held(town.nurse)

    first = await _ask(town, town.nurse, _body(town.colleague, child), key="once")
    await town.tick()
    again = await _ask(town, town.nurse, _body(town.colleague, child), key="once")
    await town.tick()

    assert (again.status, again.body) == (202, first.body)
    assert len(await town.world.sql("registry", "select 1 from bulk")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": None}, {"children": []}, {"children": ["x"]}, {"reason": "Fri tekst om Signe"}, {"to": None},
        {"from": str(uuid4()), "children": [str(uuid4())]}, {"effective_on": "2026-02-30"}, {"message": ""},
    ],
)  # fmt: skip
async def test_a_bulk_that_does_not_say_what_it_means_is_refused(town: Municipality, wrong: dict[str, Any]) -> None:
    child = await town.held(town.nurse)
    body = {**_body(town.colleague), "children": [str(child)], **wrong}
    body = {
        name: value
        for name, value in body.items()
        if value is not None and not (name == "children" and "from" in wrong and wrong["from"] is None)
    }

    assert (await _ask(town, town.nurse, body)).status == 422
    assert await town.world.sql("registry", "select 1 from bulk") == []


async def test_a_bulk_needs_someone_to_hand_over_and_a_seat_that_takes(town: Municipality) -> None:
    await town.held(town.nurse)
    await town.leaves(town.colleague)

    not_mine = await _ask(town, town.lead, _body(town.deputy, **{"from": str(town.nurse.professional)}))
    leaving = await _ask(town, town.nurse, _body(town.colleague, **{"from": str(town.nurse.professional)}))
    nowhere = await _ask(town, town.nurse, _body(town.nurse.model_copy(update={"unit": uuid4()}), uuid4()))
    machine = await town.service().post("/registry/bulk-handovers", _body(town.lead, uuid4()))

    assert (not_mine.status, not_mine.problem) == (409, "there-is-nobody-to-hand-over")
    assert (leaving.status, leaving.problem) == (409, "the-seat-takes-nobody")
    assert (nowhere.status, nowhere.problem) == (422, "the-seat-is-unknown")
    assert machine.status == 403


async def test_a_message_reaches_each_child_sealed_and_does_not_stay_with_the_job(town: Municipality) -> None:
    children = [await town.held(town.nurse) for _ in range(2)]

    answer = await _ask(town, town.nurse, _body(town.colleague, *children, message="Ring til mig først"))
    stored = await town.world.sql("registry", "select message from bulk")
    await town.tick()

    assert b"Ring" not in stored[0]["message"]
    assert (await town.world.sql("registry", "select message from bulk"))[0]["message"] is None
    for it in (await _read(town, town.colleague, answer.body["id"]))["children"]:
        handover = await town.as_(town.colleague).get(f"/registry/handovers/{it['handover']}")
        assert handover.body["message"] == "Ring til mig først"


async def test_a_bulk_across_municipalities_is_answered_there(town: Municipality) -> None:
    child = await town.held(town.nurse)
    number = await _asked(town, town.nurse, _body(town.abroad, child))

    answered = await town.as_(town.abroad).post(f"/registry/bulk-handovers/{number}/answer", {"accept": True})
    await town.tick()

    assert answered.status == 202
    assert (await town.read(child))["municipality"] == "0991"
    assert await town.tovholder(child) == str(town.abroad.professional)


async def test_what_a_process_that_died_had_under_way_is_done_once_by_the_next(town: Municipality, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk, "CHUNK", 2)
    children = [await town.held(town.nurse) for _ in range(5)]
    number = (await _ask(town, town.nurse, _body(town.colleague, *children))).body["id"]
    store, secrets = town.world.store("registry"), town.world.settings.secrets
    await bulk.work(store, secrets)

    # The process dies while its commit waits for a child that somebody else has in hand.
    owner = await asyncpg.connect(owner_dsn(town.world.settings))
    async with owner.transaction():
        await owner.execute("select registry.enter($1)", '{"kind": "machine"}')
        await owner.execute("select from registry.child where id = any ($1) for update", children)
        dying = asyncio.create_task(bulk.work(store, secrets))
        while not await owner.fetchval("select exists (select from pg_locks where not granted)"):
            assert not dying.done()
        dying.cancel()
        await asyncio.wait([dying])
    await owner.close()
    await asyncio.gather(*(bulk.work(store, secrets) for _ in range(6)))
    await town.tick()

    read = await _read(town, town.nurse, number)
    assert (read["state"], read["counts"]) == ("proposed", {"offered": 5})
    assert [await _since_held(town, child, "handover_proposed") for child in children] == [1] * 5


async def test_a_child_that_moves_on_meanwhile_is_decided_again_and_the_rest_is_done(town: Municipality) -> None:
    children = [await town.held(town.nurse) for _ in range(3)]
    taken = (await town.propose(children[0], town.colleague, by=town.nurse)).body["id"]
    number = (await _ask(town, town.nurse, _body(town.colleague, *children))).body["id"]

    await asyncio.gather(
        town.tick(), town.as_(town.colleague).post(f"/registry/handovers/{taken}/acceptance"),
        *(town.propose(child, town.pedagogue, by=town.nurse) for child in children[1:]),
    )  # fmt: skip
    await town.tick()

    read = await _read(town, town.nurse, number)
    assert read["state"] == "proposed"
    assert sum(read["counts"].values()) == 3
    for child in children[1:]:
        assert await _since_held(town, child, "handover_proposed") == 1


async def test_who_has_left_since_they_asked_hands_nothing_over(town: Municipality) -> None:
    child = await town.held(town.nurse)
    number = (await _ask(town, town.leader, _body(town.colleague, child))).body["id"]
    await town.world.sql("registry", "update professional set state = 'left' where id = $1", town.leader.professional)

    await town.tick()

    assert (await town.read(child))["handover"] is None
    assert (await town.service().get(f"/registry/bulk-handovers/{number}")).body["counts"] == {"refused": 1}


def test_a_chunk_is_small_enough_for_what_else_wants_its_children() -> None:
    assert bulk.CHUNK * 10 <= 5000
    assert Settings().body_limit >= 10_000 * 41
