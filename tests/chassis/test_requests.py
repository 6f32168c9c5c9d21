"""A change is answered once and the same ever after; no 2xx for what was not committed, no 5xx for a mistake of the caller's."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator

import pytest

from services.chassis.ids import new_id
from tests.support.rails import SECRET_NAME, Ground, Rails


def word(number: int = 1, **more: object) -> dict[str, object]:
    return {"subject": str(new_id()), "number": number, **more}


async def test_the_same_request_under_the_same_key_gets_the_same_answer(rails: Rails) -> None:
    body = word()

    first = await rails.anna.post("/speaker/words", body, key="k")
    second = await rails.anna.post("/speaker/words", body, key="k")

    assert (first.status, second.status) == (201, 201)
    assert (first.body, first.headers["etag"]) == (second.body, second.headers["etag"])
    assert len(await rails.sql("speaker", "select 1 from word")) == 1


@pytest.mark.parametrize("path", ["/speaker/words", "/speaker/words?loudly=true"])
async def test_another_request_under_the_same_key_is_refused(rails: Rails, path: str) -> None:
    body = word()
    await rails.anna.post("/speaker/words", body, key="k")

    other = await rails.anna.post(path, body if "?" in path else {**body, "number": 2}, key="k")

    assert (other.status, other.problem) == (422, "idempotency-key-was-used-for-another-request")


async def test_the_same_key_of_another_caller_is_another_key(rails: Rails) -> None:
    await rails.anna.post("/speaker/words", word(), key="k")

    other = await rails.operator.post("/speaker/words", word(2), key="k")

    assert other.status == 201


async def test_of_many_same_requests_at_once_one_works_and_all_get_its_answer(rails: Rails) -> None:
    body = word()

    answers = await asyncio.gather(*(rails.anna.post("/speaker/words", body, key="k") for _ in range(8)))

    assert {answer.status for answer in answers} <= {201, 503}
    told = [answer for answer in answers if answer.status == 201]
    assert told
    assert {answer.headers["etag"] for answer in told} == {'"1"'}
    assert len(await rails.sql("speaker", "select 1 from word")) == 1
    assert (await rails.anna.post("/speaker/words", body, key="k")).status == 201


async def test_a_refused_request_leaves_its_key_free(rails: Rails) -> None:
    taken = word()
    await rails.anna.post("/speaker/words", taken)

    refused = await rails.anna.post("/speaker/words", taken, key="k")
    accepted = await rails.anna.post("/speaker/words", word(2), key="k")

    assert (refused.status, refused.problem) == (409, "that-word-is-taken")
    assert accepted.status == 201


async def test_a_change_without_a_key_is_refused(rails: Rails) -> None:
    answer = await rails.anna.ask("POST", "/speaker/words", json=word())

    assert (answer.status, answer.problem) == (400, "idempotency-key-is-missing")


async def test_a_change_decided_on_an_old_version_is_told_the_present_one(rails: Rails) -> None:
    subject = str(new_id())
    for number in (1, 2):
        await rails.anna.post("/speaker/words", {"subject": subject, "number": number})

    stale = await rails.anna.post("/speaker/words", {"subject": subject, "number": 3}, if_match=1)
    fresh = await rails.anna.post("/speaker/words", {"subject": subject, "number": 3}, if_match=2)

    assert (stale.status, stale.problem, stale.body["version"]) == (409, "the-child-has-moved-on", 2)
    assert (fresh.status, fresh.headers["etag"]) == (201, '"3"')


async def test_a_condition_that_an_address_cannot_hold_is_refused_and_nothing_is_done(rails: Rails) -> None:
    refused = await rails.anna.post("/speaker/promises", word(7), if_match=1)
    done = await rails.anna.post("/speaker/promises", word(7))

    assert (refused.status, refused.problem) == (412, "nothing-here-has-that-version")
    assert (refused.body["fault"], refused.body["retry"]) == ("caller", False)
    assert done.status == 201
    assert len(await rails.sql("speaker", "select 1 from ledger")) == 1


async def test_a_commit_that_fails_is_never_a_success(rails: Rails) -> None:
    await rails.anna.post("/speaker/promises", word(5))

    refused = await rails.anna.post("/speaker/promises", word(5), key="k")

    assert refused.status >= 400
    assert len(await rails.sql("speaker", "select 1 from ledger")) == 1
    assert await rails.sql("speaker", "select 1 from answer where key = 'k'") == []


async def test_while_postgresql_is_away_the_caller_is_told_to_repeat_and_then_it_works(rails: Rails, ground: Ground) -> None:
    before, body = word(1), word(2)
    assert (await rails.anna.post("/speaker/words", before, key="before")).status == 201
    await asyncio.to_thread(ground.kill)
    try:
        away = await rails.anna.post("/speaker/words", body, key="k")
        unready = await rails.anna.get("/readyz")
        alive = await rails.anna.get("/livez")
    finally:
        await asyncio.to_thread(ground.server.start)
    back = await rails.anna.post("/speaker/words", body, key="k")
    again = await rails.anna.post("/speaker/words", before, key="before")

    assert (away.status, away.problem, away.body["fault"], away.body["retry"]) == (503, "try-again-soon", "dependency", True)
    assert away.headers["retry-after"]
    assert (unready.status, alive.status) == (503, 200)
    assert (back.status, again.status) == (201, 201)
    assert (await rails.anna.get("/readyz")).status == 200
    assert len(await rails.sql("speaker", "select 1 from word")) == 2


async def test_a_reading_of_personal_data_stands_in_the_access_log(rails: Rails) -> None:
    body = word()
    await rails.anna.post("/speaker/words", body)

    for _ in range(2):
        assert (await rails.anna.get(f"/speaker/words/{body['subject']}")).status == 200

    rows = await rails.sql("speaker", "select * from access")
    assert [(str(row["subject"]), row["class"], row["purpose"]) for row in rows] == [(body["subject"], "identity", "care")] * 2
    assert all(row["professional"] for row in rows)


MISTAKES = [
    ("not JSON", b"{", {}),
    ("not UTF-8", b'{"name": "\xff"}', {}),
    ("no object", b"[]", {}),
    ("a null character", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1, "name": "\\u0000"}', {}),
    ("half a character", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1, "name": "\\ud800"}', {}),
    ("a number too large", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 99999999999}', {}),
    ("a year too far", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1, "said_on": "99999-01-01"}', {}),
    ("deep", b"[" * 5000, {}),
    ("If-Match is no version", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1}', {"if-match": '"yesterday"'}),
    ("If-Match too large", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1}', {"if-match": "9" * 30}),
    ("a key too long", b'{"subject": "019a0000-0000-7000-8000-000000000000", "number": 1}', {"idempotency-key": "k" * 300}),
    ("another type", b"subject=1", {"content-type": "application/x-www-form-urlencoded"}),
]


@pytest.mark.parametrize(("body", "headers"), [pytest.param(*case[1:], id=case[0]) for case in MISTAKES])
async def test_a_mistake_of_the_caller_s_is_never_an_error_of_ours(rails: Rails, body: bytes, headers: dict[str, str]) -> None:
    sent = {"content-type": "application/json", "idempotency-key": str(uuid.uuid4()), **headers}

    answer = await rails.anna.ask("POST", "/speaker/words", headers=sent, content=body)

    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["fault"] == "caller"


@pytest.mark.parametrize("query", ["partition=99999", "partition=-1", "partition=0&after=99999999999999999999", "partition=x"])
async def test_a_place_that_no_feed_has_is_the_caller_s_mistake(rails: Rails, query: str) -> None:
    assert (await rails.operator.get(f"/speaker/feed?{query}")).status == 422


async def test_a_problem_says_what_happened_whose_fault_it_is_and_whether_to_repeat(rails: Rails) -> None:
    answer = await rails.anna.get(f"/speaker/words/{new_id()}")

    assert answer.status == 404
    assert set(answer.body) >= {"type", "title", "status", "detail", "fault", "retry"}
    assert answer.headers["x-correlation-id"]


@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "GET", 404), ("/speaker/words", "DELETE", 405)])
async def test_what_is_not_there_is_a_problem_too(rails: Rails, path: str, method: str, status: int) -> None:
    answer = await rails.anna.ask(method, path)

    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_refusal_of_the_contract_repeats_nothing_of_what_was_given(rails: Rails) -> None:
    body = {"subject": SECRET_NAME, "number": "0101901234", "said_on": "Canary", "0101901234": 1, SECRET_NAME: "0101901234"}

    answer = await rails.anna.post("/speaker/words", body)

    assert answer.status == 422
    assert {error["at"] for error in answer.body["errors"]} == {"body.subject", "body.said_on", "body.?"}, answer.body
    assert "anary" not in str(answer.body)
    assert "010190" not in str(answer.body)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_larger_than_allowed_is_refused(rails: Rails, announced: bool) -> None:
    content = b'{"name": "' + b"a" * rails.settings.body_limit + b'"}'

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    answer = await rails.anna.ask(
        "POST",
        "/speaker/words",
        headers={"content-type": "application/json", "idempotency-key": "k"},
        content=content if announced else in_chunks(),
    )

    assert (answer.status, answer.problem) == (413, "too-large")


async def test_neither_name_nor_number_of_a_person_is_ever_in_a_log(rails: Rails, capfd: pytest.CaptureFixture[str]) -> None:
    from services.chassis import log

    log.set_up("debug")
    body = word(name=f"{SECRET_NAME} 010190-1234")

    await rails.anna.post("/speaker/words", body)
    accident = await rails.anna.post("/speaker/accidents", body)
    await rails.anna.post("/speaker/words", {SECRET_NAME: 1, "number": "010190-1234"})
    await rails.anna.get(f"/speaker/{SECRET_NAME}?cpr=010190-1234")
    await rails.anna.get(f"/speaker/words/{body['subject']}")
    logging.getLogger("some.library").error("cannot parse %s", SECRET_NAME)

    log.set_up("error")
    written = "".join(capfd.readouterr())
    assert (accident.status, accident.problem) == (500, "internal-error")
    assert "request.failed" in written
    assert "request.answered" in written
    assert "some.library" in written
    assert "anary" not in written
    assert "010190" not in written
    assert str(body["subject"]) not in written
    assert rails.anna.token not in written


async def test_an_answer_carries_the_correlation_id_it_was_asked_with(rails: Rails) -> None:
    given = str(uuid.uuid4())

    told = await rails.anna.get("/livez", headers={"x-correlation-id": given})
    made_up = await rails.anna.get("/livez", headers={"x-correlation-id": SECRET_NAME})

    assert told.headers["x-correlation-id"] == given
    assert made_up.headers["x-correlation-id"] != SECRET_NAME


async def test_measures_name_routes_and_no_paths(rails: Rails) -> None:
    subject = new_id()
    await rails.anna.get(f"/speaker/words/{subject}")

    measures = (await rails.anna.get("/metrics")).body.decode()

    assert 'route="/speaker/words/{subject}"' in measures
    assert str(subject) not in measures
