"""A family by its own log-in: a pass of five minutes, its consents, what is planned, and who has looked."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from services.chassis.calendar import date_of
from services.persons.domain.family import Look, newest, of_disclosure, survey_again_from
from tests.persons.families import CANARY, FATHER, MOTHERS_CPR, child, children_of, identifier, mother_of, notify
from tests.support.world import Answer, Someone, World


async def passed(world: World, login: str, cpr: str | None) -> tuple[Answer, Someone]:
    """What the log-in gets, and who holds it."""
    token = world.issuer.token(login, cpr=cpr) if cpr else world.issuer.token(login)
    answer = await world.with_token(token).ask("POST", "/persons/family/pass")
    return answer, world.with_token(answer.body.get("pass", ""))


@pytest.fixture
async def ref(world: World) -> str:
    """A born child whose mother is known by her CPR number."""
    await notify(world, "birth", mother={"identifiers": [identifier(MOTHERS_CPR)], "name": CANARY}, children=[child(1)])
    return (await children_of(world))[0]


async def consents(world: World, who: Someone, ref: str, *categories: str, **more: str) -> Answer:
    body = {
        "child": ref, "recipient_kind": "daycare", "purpose": "transition", "categories": list(categories),
        "from_on": date_of(await world.now()).isoformat(), **more,
    }  # fmt: skip
    return await who.post("/persons/family/consents", body)


async def test_a_mother_sees_her_child_consents_withdraws_and_sees_who_has_looked(world: World, ref: str) -> None:
    inge, today = world.as_professional("inge"), date_of(await world.now())
    start = {"child": ref, "unit": world.names["maelkevejen"], "starts_on": (today + timedelta(days=60)).isoformat()}
    await inge.post("/daycare/starts", start)
    await inge.get(f"/persons/{ref}")
    mother_ref = await mother_of(world, ref)
    await inge.get(f"/persons/{mother_ref}")
    await inge.get(f"/registry/children/{ref}")
    await world.settle()

    answer, mother = await passed(world, "login-of-a-mother", MOTHERS_CPR[1])
    again, _ = await passed(world, "login-of-a-mother", None)
    page = (await mother.get("/persons/family")).body
    to = {"professional": world.names["birgit"], "unit": world.names["nord"]}
    on = (today + timedelta(days=30)).isoformat()
    proposal = {"to": to, "reason": "moved-district", "effective_on": on}
    offered = await inge.post(f"/registry/children/{ref}/handovers", proposal)
    before = (await mother.get("/persons/family")).body["children"][0]["handover"]
    await world.as_professional("birgit").post(f"/registry/handovers/{offered.body['id']}/acceptance", {})
    agreed = (await mother.get("/persons/family")).body["children"][0]["handover"]
    surveys = [await mother.post("/persons/family/survey", key=key) for key in ("one", "one", "two")]
    given = await consents(world, mother, ref, "sleep")
    own = await consents(world, mother, ref, "mother-mood", about="mother")
    shown = (await mother.get(f"/persons/family/consents?child={ref}")).body
    withdrawn = await mother.post("/persons/family/consents/withdrawal", {"consent": given.body["consent"]})
    looks = (await mother.get(f"/persons/family/access?child={ref}")).body
    for invoked in (None, "underretning"):
        asked = {
            "child": ref, "recipient_kind": "social", "purpose": "cooperation", "categories": ["sleep", "mother-mood"],
            "invoked": invoked,
        }  # fmt: skip
        await world.as_client("service-sundhedspleje").post("/persons/decisions", asked)
    disclosed = (await mother.get(f"/persons/family/disclosures?child={ref}")).body["disclosures"]

    assert (answer.body["children"], answer.body["seconds"], again.body["children"]) == ([ref], 300, [ref])
    assert MOTHERS_CPR[1] not in str(answer.body)
    (one,) = page["children"]
    holder = one["tovholder"]
    assert (holder["name"], holder["unit_name"], holder["email"]) == (
        "Inge Modtoft", "Sundhedsplejens modtagelse", "inge@havby.example",
    )  # fmt: skip
    assert (one["unavailable"], one["status"], one["is_mother"], one["handover"]) == ([], "born", True, None)
    assert [(it["starts_on"], it["unit_name"]) for it in one["starts"]] == [(start["starts_on"], "Børnehuset Mælkevejen")]
    assert one["visits"]
    assert before is None
    assert (agreed["name"], agreed["unit_name"], agreed["effective_on"]) == ("Birgit Strandgaard", "Sundhedspleje Nord", on)
    assert len({it.body["link"] for it in surveys}) == 1
    assert (await world.http.get(surveys[0].body["link"])).status_code == 200
    assert (given.status, own.status, withdrawn.status) == (201, 201, 201)
    assert [(it["about"], it["state"], it["recorded_by"]) for it in shown["consents"]] == [
        ("child", "given", None), ("mother", "given", None),
    ]  # fmt: skip
    await world.settle()
    assert (await world.events("persons", ref))[-3:] == ["consent_given", "consent_given", "consent_withdrawn"]
    assert [(it["basis"], it["withheld"]) for it in disclosed] == [("refused", ["sleep", "mother-mood"])]
    people = (await mother.get(f"/persons/family/access?child={ref}&machinery=false")).body["lines"]
    assert {it["party"].partition(":")[0] for it in people} == {"municipality"}
    assert {(it["name"], it["organisation"]) for it in people} == {("Inge Modtoft", "Sundhedsplejens modtagelse")}
    seen = {(it["service"], it["about"], it["what"], it["name"]) for it in looks["lines"]}
    assert {
        ("persons", "child", "identity", "Inge Modtoft"), ("persons", "self", "mother", "Inge Modtoft"),
        ("registry", "child", "baton", "Inge Modtoft"), ("persons", "self", "pass", None),
    } <= seen  # fmt: skip
    assert [it["at"] for it in looks["lines"]] == sorted((it["at"] for it in looks["lines"]), reverse=True)


async def test_a_pass_opens_ones_own_children_only_and_a_change_of_custody_voids_it(world: World, ref: str) -> None:
    inge, today = world.as_professional("inge"), date_of(await world.now())
    mother_ref = await mother_of(world, ref)
    _, mother = await passed(world, "login-of-a-mother", MOTHERS_CPR[1])
    stranger, _ = await passed(world, "login-of-nobody", "0101019999")
    borrowed, _ = await passed(world, "login-of-a-mother", FATHER[1])
    professional, _ = await passed(world, "09900000-0003-4000-8000-000000000001", None)
    not_hers = await consents(world, mother, str(uuid.uuid4()), "sleep")
    elsewhere = [
        await mother.get(f"/registry/children/{ref}"), await mother.get(f"/persons/{ref}"), await inge.get("/persons/family"),
    ]  # fmt: skip
    forged = await world.with_token(f"{uuid.uuid4()}.{mother.token.partition('.')[2]}").get("/persons/family")
    hers = (await consents(world, mother, ref, "sleep")).body["consent"]
    of_herself = (await consents(world, mother, ref, "mother-mood", about="mother")).body["consent"]

    holders = {"holders": [{"person": mother_ref}, {"identifiers": [identifier(FATHER)]}], "from_on": today.isoformat()}
    await inge.post(f"/persons/children/{ref}/custody", holders)
    still, father = [(await passed(world, login, cpr))[1] for login, cpr in (("a", MOTHERS_CPR[1]), ("b", FATHER[1]))]
    both = [(await it.get("/persons/family")).status for it in (mother, still, father)]
    his_view = (await father.get(f"/persons/family/consents?child={ref}")).body
    not_his = [(await father.post("/persons/family/consents/withdrawal", {"consent": it})).problem for it in (hers, of_herself)]
    about_her = await consents(world, father, ref, "mother-mood", about="mother")
    alone = {"holders": [{"identifiers": [identifier(FATHER)]}], "from_on": today.isoformat()}
    await inge.post(f"/persons/children/{ref}/custody", alone)
    ended = await mother.get("/persons/family")
    no_longer, _ = await passed(world, "login-of-a-mother", None)

    assert {(it.status, it.problem) for it in (stranger, borrowed, professional, no_longer)} == {
        (403, "nobody-is-known-by-that-log-in")
    }
    assert (not_hers.status, forged.status) == (404, 401)
    assert [it.status for it in elsewhere] == [401, 401, 401]
    assert both == [200, 200, 200]
    assert [it["id"] for it in his_view["consents"]] == [hers]
    assert his_view["may_consent"]["mother"] == []
    assert not_his == ["only-who-gave-a-consent-withdraws-it", "not-found"]
    assert about_her.problem == "only-the-mother-may-consent-for-herself"
    assert (ended.status, ended.problem) == (401, "the-pass-has-ended")


async def test_who_has_looked_is_given_to_the_service_that_shows_it_to_the_family_and_to_nobody_else(world: World) -> None:
    path = f"/registry/access?subject={uuid.uuid4()}"

    assert (await world.as_client("service-persons").get(path)).body == {"lines": []}
    for asking in (world.as_client("service-daycare"), world.as_professional("lone"), world.as_client("placement-havby")):
        assert (await asking.get(path)).status == 403


def test_a_link_to_the_survey_is_given_again_on_its_day_and_after_ninety() -> None:
    today = date(2027, 4, 1)

    assert survey_again_from(None, today) is None
    assert survey_again_from(today, today) is None
    assert survey_again_from(date(2027, 3, 31), today) == date(2027, 6, 29)
    assert survey_again_from(date(2027, 1, 1), today) is None


def test_of_all_services_lines_the_newest_are_shown_and_the_next_page_goes_on_before_them() -> None:
    at = datetime(2027, 1, 1, tzinfo=UTC)
    looks = [Look(at + timedelta(hours=n), "registry", uuid.uuid4(), "", None, "baton", "care") for n in (1, 3, 2)]

    assert of_disclosure(["sleep", "mother-mood"], is_mother=False) == ["sleep"]
    apart = [*looks, Look(at + timedelta(hours=9), "sundhedspleje", uuid.uuid4(), "", None, "underretning", "care")]
    assert [it.class_ for it in newest(apart, 4)[0]] == ["baton"] * 3

    page, before = newest(looks, 2)

    assert ([it.at.hour for it in page], before) == ([3, 2], at + timedelta(hours=2))
    assert newest(looks, 4) == (sorted(looks, key=lambda it: it.at, reverse=True), None)
