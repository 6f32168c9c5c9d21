"""The survey of the parents: one answer per link, without a log-in, tied to nobody."""

import asyncio
import re
from typing import Any
from uuid import uuid4

from services.demo import town
from tests.support.world import World

PAGE = {"accept": "text/html"}


async def _links(world: World, number: int = 1, **more: Any) -> list[str]:
    body = {"number": number, "municipality": town.municipalities()[0], **more}
    made = await world.as_client("service-notifications").post("/indicators/survey/links", body)
    assert made.status == 201, made.body
    return [link.removeprefix(world.settings.gateway_url) for link in made.body["links"]]


async def _answer(world: World, link: str, scores: Any) -> int:
    return (await world.http.post(link, json={"scores": scores})).status_code


async def _sums(world: World) -> list[tuple[str, int, int]]:
    rows = await world.sql("indicators", "select question, score, number from survey_sum order by 1, 2")
    return [tuple(row) for row in rows]


async def test_a_link_takes_one_answer_and_nothing_leads_from_it_to_a_child(world: World) -> None:
    one, two = await _links(world, 2, unit=world.names["nord"])
    page = await world.http.get(one, headers=PAGE)
    assert page.status_code == 200
    assert set(re.findall(r'name="([a-z-]+)"', page.text)) >= {"knew-tovholder", "listened-to"}
    assert "default-src 'none'" in page.headers["content-security-policy"]

    both = await asyncio.gather(*(_answer(world, one, {"listened-to": 5, "coherent": 4}) for _ in range(4)))
    form = await world.http.post(two, data={"listened-to": "5", "coherent": ""}, headers=PAGE)

    assert sorted(both) == [200, 404, 404, 404]
    assert (form.status_code, "Tak" in form.text) == (200, True)
    assert await _sums(world) == [("coherent", 4, 1), ("listened-to", 5, 2)]
    assert await world.sql("indicators", "select from survey_link") == []
    columns = await world.sql(
        "indicators",
        "select column_name::text from information_schema.columns where table_schema = 'indicators' and table_name ~ '^survey'",
    )
    assert not {"child", "subject", "at", "answered_at", "professional"} & {row[0] for row in columns}


async def test_what_is_no_answer_is_refused_and_the_link_stays_good(world: World) -> None:
    (link,) = await _links(world)

    for scores in (
        {},
        {"listened-to": 6},
        {"listened-to": 0},
        {"listened-to": True},
        {"who-are-you": 3},
        {"listened-to": "a" * 9},
    ):
        assert await _answer(world, link, scores) == 422, scores
    for body in (b"", b"[]", b'{"scores": []}', b"{" * 3000, b"a" * 5000, b'{"scores": {"listened-to": 1e400}}', b"\xff"):
        refused = await world.http.post(link, content=body, headers={"content-type": "application/json"})
        assert (refused.status_code, refused.json()["fault"]) == (422, "caller"), body

    assert await _answer(world, link, {"listened-to": 1}) == 200


async def test_the_same_request_makes_the_same_links_and_none_that_was_answered_works_again(world: World) -> None:
    service, body = world.as_client("service-notifications"), {"number": 2, "municipality": town.municipalities()[0]}

    first = await service.post("/indicators/survey/links", body, key="letters")
    link = first.body["links"][0].removeprefix(world.settings.gateway_url)
    assert await _answer(world, link, {"helped": 3}) == 200
    again = await service.post("/indicators/survey/links", body, key="letters")

    assert (again.status, again.body) == (201, first.body)
    assert await _answer(world, link, {"helped": 3}) == 404
    kept = await world.sql("indicators", "select body::text from answer")
    assert not [row for row in kept if link.rsplit("/", 1)[1] in row[0]]


async def test_links_are_for_letters_of_ones_own_municipality_and_lapse(world: World) -> None:
    leader, nurse = world.as_professional("elin"), world.as_professional("birgit")

    made = await leader.post("/indicators/survey/links", {"number": 1})
    assert made.status == 201
    for who, body in ((nurse, {"number": 1}), (leader, {"number": 1, "municipality": "0991"})):
        assert (await who.post("/indicators/survey/links", body)).status == 403
    assert (await leader.post("/indicators/survey/links", {"number": 501})).status == 422
    assert (await world.http.post("/indicators/survey/links", json={"number": 1})).status_code == 401

    async with world.store("indicators").connection() as connection:
        assert await connection.fetchval("select count(*) from survey_link where until > chassis.now() + interval '89 days'") == 1


async def test_guessing_is_slowed_down_for_all_and_a_good_link_never(world: World) -> None:
    (link,) = await _links(world)

    statuses = [(await world.http.get(f"/indicators/survey/{uuid4().hex}")).status_code]
    for _ in range(3):  # A minute may begin between the two.
        async with world.store("indicators").connection("api") as connection:
            await connection.execute("select survey_guessed(60) from generate_series(1, 60)")
        statuses.append((await world.http.get(f"/indicators/survey/{uuid4().hex}")).status_code)

    assert statuses[0] == 404
    assert 429 in statuses
    assert await _answer(world, link, {"helped": 5}) == 200
