"""The baton over HTTP: what each person may do with it, and what they are answered."""

from datetime import timedelta
from uuid import uuid4

from services.events.access import may
from tests.registry.settled import Municipality


async def test_a_child_has_the_intake_lead_as_tovholder_from_its_registration(town: Municipality) -> None:
    child = await town.child()

    answer = await town.as_(town.lead).get(f"/registry/children/{child}")

    assert answer.status == 200
    assert answer.body["tovholder"]["professional"] == str(town.lead.professional)
    assert answer.body["tovholder"]["unit"] == str(town.lead.unit)
    assert answer.body["status"] == "expected"
    assert answer.headers["etag"] == f'"{answer.body["version"]}"' == '"2"'
    assert await town.said(child) == ["child_registered", "tovholder_changed"]


async def test_the_baton_passes_when_the_named_receiver_takes_it(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    assert await town.tovholder(child) == str(town.lead.professional)

    answer = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")

    assert answer.status == 200
    assert answer.body["state"] == "effected"
    assert answer.body["tovholder"]["professional"] == str(town.nurse.professional)
    assert await town.said(child) == [
        "child_registered", "tovholder_changed", "handover_proposed",
        "handover_accepted", "handover_effected", "tovholder_changed", "supporter_joined",
    ]  # fmt: skip
    read = await town.read(child)
    assert read["version"] == answer.body["version"] == 7
    assert [it["role"] for it in read["supporters"]] == ["giver"]
    assert read["handover"] is None


async def test_the_chain_has_no_gap_and_can_be_read(town: Municipality) -> None:
    child = await town.held(town.nurse)

    links = (await town.as_(town.nurse).get(f"/registry/children/{child}/assignments")).body["assignments"]

    assert [link["why"] for link in links] == ["registration", "acceptance"]
    assert links[0]["until"] == links[1]["from"]
    assert links[1]["until"] is None


async def test_the_events_of_a_child_are_dense_and_can_be_read_after_a_version(town: Municipality) -> None:
    child = await town.held(town.nurse)

    page = (await town.as_(town.nurse).get(f"/registry/children/{child}/events?after=3")).body

    assert [event["version"] for event in page["events"]] == [4, 5, 6, 7]
    assert page["next"] == 7


async def test_since_is_the_same_in_the_event_and_in_the_chain(town: Municipality) -> None:
    child = await town.held(town.nurse)

    said = await town.world.sql(
        "registry",
        "select envelope from ledger where subject = $1 and type like '%tovholder_changed%' order by version desc",
        child,
    )

    since = (await town.read(child))["tovholder"]["since"]
    assert said[0]["envelope"]["data"]["since"].replace("Z", "+00:00") == since
    assert said[0]["envelope"]["time"] == said[0]["envelope"]["data"]["since"]


async def test_nobody_but_the_named_receiver_may_accept(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)

    answer = await town.as_(town.lead).post(f"/registry/handovers/{handover}/acceptance")

    assert answer.status in (403, 409)
    assert await town.tovholder(child) == str(town.lead.professional)


async def test_a_colleague_without_relation_does_not_learn_that_the_child_exists(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    stranger = town.as_(town.pedagogue)

    answers = [
        await stranger.get(f"/registry/children/{child}"),
        await stranger.get(f"/registry/handovers/{handover}"),
        await stranger.post(f"/registry/handovers/{handover}/acceptance"),
        await stranger.post(
            f"/registry/children/{child}/handovers", {"to": town.pedagogue.model_dump(mode="json"), "reason": "x"}
        ),
        await stranger.get(f"/registry/children/{uuid4()}"),
    ]

    assert [(answer.status, answer.problem) for answer in answers] == [(404, "not-found")] * 5
    assert (await stranger.get("/registry/handovers")).body["handovers"] == []


async def test_a_child_of_another_municipality_is_not_found(town: Municipality) -> None:
    child = await town.child()

    answer = await town.as_(town.abroad).get(f"/registry/children/{child}")

    assert answer.status == 404


async def test_a_refusal_needs_a_reason_and_leaves_the_baton_where_it_is(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    nurse = town.as_(town.nurse)

    unknown = await nurse.post(f"/registry/handovers/{handover}/refusal", {"reason": "tired"})
    wordless = await nurse.post(f"/registry/handovers/{handover}/refusal", {"reason": "other"})
    answer = await nurse.post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"})

    assert (unknown.status, wordless.status, wordless.problem) == (422, 422, "another-reason-needs-words")
    assert (answer.status, answer.body["state"]) == (200, "declined")
    assert await town.tovholder(child) == str(town.lead.professional)
    assert (await town.propose(child, town.colleague)).status == 201


async def test_answering_a_closed_handover_names_who_holds_the_baton(town: Municipality) -> None:
    _, handover = await town.offered(town.nurse)
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")

    answer = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"})

    assert (answer.status, answer.problem) == (409, "the-handover-is-no-longer-open")
    assert answer.body["tovholder"]["professional"] == str(town.nurse.professional)


async def test_the_proposer_takes_the_question_back(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)

    refused = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/withdrawal")
    answer = await town.as_(town.lead).post(f"/registry/handovers/{handover}/withdrawal")

    assert (refused.status, refused.problem) == (403, "only-the-proposer-or-the-tovholder-may-withdraw")
    assert (answer.status, answer.body["state"]) == (200, "withdrawn")
    assert (await town.read(child))["handover"] is None


async def test_a_child_is_offered_to_one_person_at_a_time(town: Municipality) -> None:
    child, _ = await town.offered(town.nurse)

    answer = await town.propose(child, town.colleague)

    assert (answer.status, answer.problem) == (409, "a-handover-is-already-open")


async def test_question_and_answer_are_read_by_those_who_may_and_rest_the_deadline(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse, message="Ring efter kl. 10", family_wish="samme by")
    due = (await town.read(child))["handover"]["due_at"]

    asked = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/question", {"text": "Hvornår er termin?"})
    resting = (await town.read(child))["handover"]["question"]
    answered = await town.as_(town.lead).post(f"/registry/handovers/{handover}/answer", {"text": "Til sommer"})

    assert asked.status == 200
    assert resting == asked.body["question"]
    assert answered.status == 200
    assert answered.body["due_at"] > due
    read = (await town.as_(town.nurse).get(f"/registry/handovers/{handover}")).body
    assert (read["message"], read["family_wish"]) == ("Ring efter kl. 10", "samme by")
    assert [(it["question"], it["answer"]) for it in read["questions"]] == [("Hvornår er termin?", "Til sommer")]
    stored = await town.world.sql("registry", "select question, answer from question where handover_id = $1", handover)
    assert b"termin" not in stored[0]["question"]


async def test_an_acceptance_may_carry_words_which_are_sealed(town: Municipality) -> None:
    _, handover = await town.offered(town.nurse)

    answer = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance", {"text": "Jeg ringer i morgen"})

    assert answer.status == 200
    assert (await town.as_(town.nurse).get(f"/registry/handovers/{handover}")).body["note"] == "Jeg ringer i morgen"


async def test_a_dated_handover_is_scheduled_and_takes_effect_at_midnight(town: Municipality) -> None:
    day = await town.heard.today() + timedelta(days=10)
    child, handover = await town.offered(town.pedagogue, effective_on=day.isoformat())

    answer = await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")
    await town.pass_days(9)
    before = await town.read(child)
    await town.pass_days(1)
    after = await town.read(child)

    assert (answer.status, answer.body["state"]) == (200, "scheduled")
    assert before["tovholder"]["professional"] == str(town.lead.professional)
    assert [it["role"] for it in before["supporters"]] == ["receiver"]
    assert after["tovholder"]["professional"] == str(town.pedagogue.professional)
    assert [(it["professional"], it["role"]) for it in after["supporters"]] == [(str(town.lead.professional), "giver")]
    assert "handover_effected" in await town.said(child)


async def test_a_scheduled_handover_can_be_cancelled_from_both_sides(town: Municipality) -> None:
    day = (await town.heard.today() + timedelta(days=10)).isoformat()
    for who, act, body in ((town.pedagogue, "refusal", {"reason": "at-capacity"}), (town.lead, "withdrawal", None)):
        child, handover = await town.offered(town.pedagogue, effective_on=day)
        await town.as_(town.pedagogue).post(f"/registry/handovers/{handover}/acceptance")

        answer = await town.as_(who).post(f"/registry/handovers/{handover}/{act}", body)

        assert answer.status == 200, answer.body
        assert (await town.read(child))["supporters"] == []


async def test_a_repeated_acceptance_gets_the_same_answer_though_the_handover_is_closed(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    nurse = town.as_(town.nurse)

    first = await nurse.post(f"/registry/handovers/{handover}/acceptance", key="once")
    again = await nurse.post(f"/registry/handovers/{handover}/acceptance", key="once")
    other = await nurse.post(f"/registry/handovers/{handover}/refusal", {"reason": "at-capacity"}, key="once")

    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])
    assert (other.status, other.problem) == (422, "idempotency-key-was-used-for-another-request")
    assert (await town.said(child)).count("handover_accepted") == 1


async def test_a_refused_request_leaves_its_key_free(town: Municipality) -> None:
    _, handover = await town.offered(town.nurse)
    lead = town.as_(town.lead)

    refused = await lead.post(f"/registry/handovers/{handover}/acceptance", key="free")
    done = await lead.post(f"/registry/handovers/{handover}/withdrawal", key="free")

    assert refused.status >= 400
    assert done.status == 200


async def test_a_stale_if_match_is_told_what_stands_now(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)

    stale = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance", if_match=2)
    fresh = await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance", if_match=3)

    assert (stale.status, stale.problem, stale.body["version"]) == (409, "the-child-has-moved-on", 3)
    assert stale.body["tovholder"]["professional"] == str(town.lead.professional)
    assert fresh.status == 200
    assert await town.tovholder(child) == str(town.nurse.professional)


async def test_a_change_without_a_key_is_refused(town: Municipality) -> None:
    _, handover = await town.offered(town.nurse)

    answer = await town.as_(town.nurse).ask("POST", f"/registry/handovers/{handover}/acceptance")

    assert (answer.status, answer.problem) == (400, "idempotency-key-is-missing")


async def test_a_proposal_to_a_seat_that_is_not_there_or_leaving_is_refused(town: Municipality) -> None:
    child = await town.child()
    await town.leaves(town.colleague, await town.heard.today() + timedelta(days=30))

    unknown = await town.propose(child, town.nurse.model_copy(update={"unit": uuid4()}))
    leaving = await town.propose(child, town.colleague)

    assert (unknown.status, unknown.problem) == (422, "the-seat-is-unknown")
    assert (leaving.status, leaving.problem) == (409, "the-seat-takes-nobody")


async def test_only_a_leader_of_the_unit_or_above_overrides_with_a_reason(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.propose(child, town.pedagogue, by=town.nurse)
    body = {"to": town.colleague.model_dump(mode="json"), "reason": "conflict", "text": "efter aftale"}

    refused = await town.as_(town.lead).post(f"/registry/children/{child}/override", body)
    wordless = await town.as_(town.leader).post(f"/registry/children/{child}/override", {"to": body["to"]})
    done = await town.as_(town.chief).post(f"/registry/children/{child}/override", body)

    assert (refused.status, refused.problem) == (403, "only-a-leader-of-the-tovholders-unit-may-override")
    assert wordless.status == 422
    assert done.status == 200
    assert await town.tovholder(child) == str(town.colleague.professional)
    assert (await town.said(child))[-2:] == ["handover_superseded", "tovholder_changed"]


async def test_in_an_absence_the_deputy_accepts_for_themselves(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)
    early = await town.as_(town.colleague).post(f"/registry/handovers/{handover}/acceptance")
    await town.heard.absence(town.nurse.professional, town.colleague, days=3)

    answer = await town.as_(town.colleague).post(f"/registry/handovers/{handover}/acceptance")

    assert early.status == 404
    assert (answer.status, answer.body["receiver"]["professional"]) == (200, str(town.colleague.professional))
    assert await town.tovholder(child) == str(town.colleague.professional)


async def test_in_an_absence_the_deputy_proposes_for_the_tovholder(town: Municipality) -> None:
    child = await town.held(town.nurse)
    await town.heard.absence(town.nurse.professional, town.colleague, days=3)

    answer = await town.propose(child, town.pedagogue, by=town.colleague)

    assert answer.status == 201
    assert await town.tovholder(child) == str(town.nurse.professional)


async def test_a_handover_to_another_municipality_is_seen_by_both_and_takes_the_child_there(town: Municipality) -> None:
    child, handover = await town.offered(town.abroad, message="flytter på mandag")
    abroad = town.as_(town.abroad)

    seen = await abroad.get(f"/registry/handovers/{handover}")
    taken = await abroad.post(f"/registry/handovers/{handover}/acceptance")

    assert (seen.status, seen.body["message"]) == (200, "flytter på mandag")
    assert taken.status == 200, taken.body
    assert (await abroad.get(f"/registry/children/{child}")).body["municipality"] == "0991"
    # The giver stands by for a while, and so sees the child; a colleague of theirs does not.
    assert (await town.as_(town.lead).get(f"/registry/children/{child}")).status == 200
    assert (await town.as_(town.colleague).get(f"/registry/children/{child}")).status == 404


async def test_a_declined_handover_across_municipalities_closes_the_child_again(town: Municipality) -> None:
    child, handover = await town.offered(town.abroad)
    abroad = town.as_(town.abroad)
    assert (await abroad.get(f"/registry/children/{child}")).status == 200

    declined = await abroad.post(f"/registry/handovers/{handover}/refusal", {"reason": "not-our-municipality"})

    assert declined.status == 200
    assert (await abroad.get(f"/registry/children/{child}")).status == 404


async def test_handovers_are_listed_page_by_page_to_whom_they_concern(town: Municipality) -> None:
    offered = [await town.offered(town.nurse) for _ in range(3)]
    nurse = town.as_(town.nurse)

    first = (await nurse.get(f"/registry/handovers?to={town.nurse.professional}&state=open&limit=2")).body
    rest = (await nurse.get(f"/registry/handovers?to={town.nurse.professional}&state=open&limit=2&after={first['next']}")).body

    assert [it["id"] for it in first["handovers"] + rest["handovers"]] == [handover for _, handover in offered]
    assert rest["next"] is None
    assert (await town.as_(town.leader).get("/registry/handovers?state=proposed")).body["handovers"] != []
    assert (await town.as_(town.colleague).get("/registry/handovers")).body["handovers"] == []


async def test_each_read_is_in_the_access_log_and_a_refused_one_is_not(town: Municipality) -> None:
    child = await town.child()

    await town.as_(town.lead).get(f"/registry/children/{child}")
    await town.as_(town.pedagogue).get(f"/registry/children/{child}")

    rows = await town.world.sql("registry", "select professional, class, purpose from access where subject = $1", child)
    assert [tuple(row) for row in rows] == [(town.lead.professional, "baton", "care")]


async def test_a_supporter_sees_the_baton_and_not_what_was_written_about_it(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse, message="kun for jer to")
    await town.as_(town.nurse).post(f"/registry/handovers/{handover}/acceptance")
    await town.propose(child, town.pedagogue, by=town.nurse, message="ny besked")
    await town.as_(town.pedagogue).post(f"/registry/handovers/{(await town.read(child))['handover']['id']}/acceptance")

    read = await town.as_(town.nurse).get(f"/registry/children/{child}")

    assert read.status == 200
    assert not may({"supporter"}, "handover-text", "see")
    later = (await town.propose(child, town.colleague, by=town.pedagogue, message="til dig alene")).body["id"]
    assert "message" not in (await town.as_(town.nurse).get(f"/registry/handovers/{later}")).body


async def test_a_service_reads_but_moves_no_baton(town: Municipality) -> None:
    child, handover = await town.offered(town.nurse)

    read = await town.service().get(f"/registry/handovers/{handover}")
    moved = await town.service().post(f"/registry/handovers/{handover}/acceptance")

    assert read.status == 200
    assert moved.status == 403
    assert await town.tovholder(child) == str(town.lead.professional)
