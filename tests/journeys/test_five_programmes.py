"""The five source documents, each walked through by families of its town: who says yes to all it promises, and who says no."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from services.demo import town
from services.demo.kafka import KafkaBroker
from tests.journeys.at_work import AtWork, number
from tests.journeys.otherwise import Those, it_goes_otherwise
from tests.support.issuer import Issuer
from tests.support.lasting import Lasting
from tests.support.on_kafka import world_on
from tests.support.world import Installation, World

pytestmark = pytest.mark.journey

GROUP = ("social", "group", "family-situation")


async def _everyone_settles_in(world: World) -> None:
    await town.settle_in(world.store("directory"), world.settings.issuer, everyone=True)
    await world.settle()


@pytest.fixture(scope="session")
async def five_towns(installation: Installation, issuer: Issuer) -> AsyncIterator[Lasting[None]]:
    made = Lasting(installation, issuer, _everyone_settles_in)
    yield made
    await made.end()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])])
async def towns(
    request: pytest.FixtureRequest, installation: Installation, issuer: Issuer, five_towns: Lasting[None]
) -> AsyncIterator[World]:
    """The five towns with their staff, and no family yet, on one of the buses."""
    if request.param == "kafka":
        async with world_on(request.getfixturevalue("broker"), installation, issuer, f"world_{uuid4().hex[:12]}") as world:
            await _everyone_settles_in(world)
            yield world
        return
    async with five_towns.world() as (lasting, _):
        yield lasting


async def test_every_coming_and_new_parent_gets_extra_visits_and_selected_families_three_groups(towns: World) -> None:
    """Seed 000, "Udvidet støtte til småbørnsfamilier"."""
    at = AtWork(towns, "stoetteby", nurse="frida", intake="agnes", leader="dagny")
    quarter = await at.quarter()
    sille, stine, signe, sofie = await at.expecting(12, 12, 12, 12)
    newborn = await at.moved_in(0.2, 0.2, 0.2, 0.2, 0.2)

    # "ekstra hjemmebesøg af Sundhedsplejen til alle kommende og nybagte forældre": planned for everyone, before birth and after.
    for family in (sille, stine, signe, sofie):
        assert (await at.visits(family.child))["extra-pregnancy-visit"]["state"] == "planned"
    for family in newborn:
        assert (await at.visits(family.child))["extra-newborn-visit"]["state"] == "planned"
    for family in (sille, stine, signe, sofie, *newborn):
        await at.does(f"{await at.takes_part(family.child, 'ekstra-hjemmebesoeg')}/start")

    # "en mere målrettet indsats til børn og familier med særlige udfordringer": the mother's own result is a reason, told to few.
    unwell = newborn[0]
    result = {"instrument": "epds", "whose": "mother", "score": 14, "on": await at.day()}
    await at.does(f"/sundhedspleje/cases/{unwell.child}/screenings", result)
    alone = await at.course("maalrettet-indsats", ["frida"])
    targeted = await at.takes_part(unwell.child, "maalrettet-indsats", course=alone)
    assert (await at.sees(targeted))["because"] == ["screening-epds"]
    assert (await at.sees(targeted, "dagny"))["because"] == []
    await at.does(f"{alone}/start")

    # "”Klar til baby” for udvalgte gravide": not for everyone, only with a reason, and not behind the parents' backs.
    offer = {"child": sofie.child, "programme": "klar-til-baby", "grounds": []}
    assert await at.refused("/sundhedspleje/enrolments", offer) == "the-family-is-not-among-those-it-is-for"
    declined = await at.offers(sofie.child, "klar-til-baby", "young-parents")
    await at.does(f"{declined}/refusal", {"reason": "no-time"})
    unasked = await at.offers(sille.child, "klar-til-baby", "unsure-in-the-parental-role")
    assert await at.refused(f"{unasked}/acceptance", {}) == "the-consent-is-missing"

    # A full group: who waits gets the place of the family that takes its consent back.
    group = await at.course("klar-til-baby", ["frida", "henrik"], weeks=6, capacity=2)
    consents = [await at.consents(family, *GROUP) for family in (sille, stine, signe)]
    await at.does(f"{unasked}/acceptance", {"course": number(group)})
    ready = [unasked] + [
        await at.takes_part(family.child, "klar-til-baby", "unsure-in-the-parental-role", course=group)
        for family in (stine, signe)
    ]
    assert [await at.state(each) for each in ready] == ["accepted", "accepted", "waiting"]
    await at.does(f"/persons/consents/{consents[1]}/withdrawal")
    await towns.settle()
    assert [await at.state(each) for each in ready] == ["accepted", "stopped", "accepted"]

    # "i samarbejde mellem Sundhedsplejen og det specialiserede børneområde": the therapist sees the group she holds, and no file.
    await at.does(f"{group}/start")
    await at.sessions(group, 4, [ready[0], ready[2]], absent={2: ready[2]})
    assert len((await at.sees(group, "henrik"))["families"]) == 2
    assert (await towns.as_professional("henrik").get(f"/sundhedspleje/cases/{sille.child}")).status in (403, 404)
    await at.does(f"{group}/end", {})

    # A birth before the plan: the visit before the birth lapses, those after it are planned; the tovholder is the same.
    await at.born(sille)
    visits = await at.visits(sille.child)
    assert (visits["extra-pregnancy-visit"]["state"], visits["extra-newborn-visit"]["state"]) == ("lapsed", "planned")
    assert await at.tovholder(sille.child) == at.person("frida")
    await at.pass_days(35)
    await at.held(sille.child, "extra-newborn-visit")

    # "forældreuddannelse til henholdsvis babyforældre og småbørnsforældre": one leads to the next, and a unit goes on with it.
    because = (await at.why(sille.child, "foraeldreuddannelse-baby"))["because"]
    assert "completed:klar-til-baby" in [each["code"] for each in because]
    babies = await at.course("foraeldreuddannelse-baby", ["frida", "henrik"])
    educated = await at.takes_part(sille.child, "foraeldreuddannelse-baby", course=babies)
    await at.does(f"{babies}/start")
    await at.sessions(babies, 6, [educated])
    await at.does(f"{babies}/end", {})

    # "at flere børn har en alderssvarende udvikling": looked at with everyone at 8-11 months.
    await at.pass_days(150)
    looked_at = await at.quarter()
    for family in newborn:
        await at.held(family.child, "eight-to-eleven-months-visit", development="age-appropriate")

    await at.pass_days(180)
    toddlers = await at.course("foraeldreuddannelse-smaaboern", ["frida", "henrik"])
    educated = await at.takes_part(sille.child, "foraeldreuddannelse-smaaboern", course=toddlers)
    await at.does(f"{toddlers}/start")
    await at.sessions(toddlers, 6, [educated])
    going_on = {"unit": at.unit("institution"), "professional": at.person("kaj")}
    await at.does(f"{toddlers}/end", {"continues": {number(educated): going_on}})
    assert (await at.sees(educated))["continued_by"] == at.person("kaj")

    # "at familierne ved, hvem der er tovholder og ikke oplever at falde mellem to stole": a named one until the day, and after.
    start = await at.starts(sille.child, "institution", days=20, pedagogue="kaj")
    await at.passes_on(sille.child, to="kaj", kind="institution", days=20)
    assert await at.tovholder(sille.child) == at.person("frida")
    await at.pass_days(20)
    assert await at.tovholder(sille.child, "kaj") == at.person("kaj")
    assert (await at.sees(start, "kaj"))["state"] == "started"

    # "overgangene mellem sundhedsplejen, dagtilbudsområdet og det specialiserede børneområde": also where no plan foresaw it.
    await it_goes_otherwise(at, Those(social="ida-social", pedagogue="kaj", dagpleje="lis", placement="pia"))

    # "Forældretilfredshed er en vigtig side af sagen": a link in each letter, answered by nobody one could know.
    asked = await at.quarter()
    links = (await at.does("/indicators/survey/links", {"number": 5}, "dagny"))["links"]
    for link in links:
        answer = await towns.http.post(link.removeprefix(towns.settings.gateway_url), json={"scores": {"knew-tovholder": 5}})
        assert answer.status_code == 200

    figures = await at.figures(asked)
    assert figures["parent_satisfaction"][("knew-tovholder", None)] == 5.0
    assert (await at.figures(looked_at))["age_appropriate_development"] == {(None, None): 1.0}
    figures = await at.figures(quarter)
    assert figures["children_registered"] == {(None, None): 9}
    # Fourteen offers in all; what the chosen families were offered would follow from the nine others, and neither is told.
    assert figures["programmes_offered"][(None, None)] == 14
    assert figures["programmes_offered"].get(("klar-til-baby", None)) is None
    assert figures["unbroken_chain"] == {(None, None): 1.0}
    assert await towns.dead_letters() == []


async def test_screening_leads_to_family_training_and_a_trained_daycare_goes_on_with_it(towns: World) -> None:
    """Seed 001, "Styrket indsats skal forhindre mistrivsel blandt helt små børn"."""
    at = AtWork(towns, "tidligby", nurse="ditlev", intake="astrid", leader="charlotte")

    # "så sundhedsplejen får kendskab til udsatte og sårbare familier allerede før fødslen": the ward told, the nurse reads it.
    assessment = {"care_level": 3, "social_vulnerability": True, "social_vulnerability_text": "Alene med det hele."}
    (tilde,) = await at.expecting(8, assessment=assessment)
    told = await at.sees(f"/midwife/notifications/{tilde.notification}")
    assert told["content"]["assessment"]["care_level"] == 3
    # "så sundhedsplejen kan påbegynde indsatsen omkring barn og familie endnu tidligere": her yes plans the visit, late as it is.
    await at.takes_part(tilde.child, "tidlig-indsats-foer-foedslen", "told-by-the-midwife")
    assert (await at.visits(tilde.child))["early-pregnancy-visit"]["from_on"] == await at.day()
    await at.held(tilde.child, "early-pregnancy-visit")
    forum = await at.gathers("jordemodersamarbejde", people=["ditlev", "astrid"])
    assert forum["programme"]["handleguide"]["step"] == "opsporing"
    # A birth before the plan: what was still to come before it lapses.
    await at.pass_days(35)
    await at.born(tilde, children=2)
    one, other = tilde.children
    assert (await at.visits(one))["pregnancy-visit"]["state"] == "lapsed"
    others = await at.moved_in(3, 3, 3, 3)
    thea, trine, *_ = others

    # "at sundhedsplejen systematisk screener de familier, der får bevilget behovsbesøg": each grant opens it, the gap shows.
    await at.pass_days(90)
    screened = await at.quarter()
    for child in (one, other, *(family.child for family in others)):
        granted = {"reason": "parent-child-contact", "from_on": await at.day(), "until_on": await at.day(14)}
        await at.does(f"/sundhedspleje/cases/{child}/need-visits", granted)
    assert (await at.systematic(one))["missing"] == ["parent-child-contact", "child-well-being"]
    for child in (one, other, *(family.child for family in others)):
        challenged = child in (one, thea.child)
        await at.held(child, "need-visit")
        await at.screens(child, "parent-child-contact", "challenged" if challenged else "well-functioning")
        await at.screens(child, "adbb", 2)
    assert (await at.systematic(one))["missing"] == []

    # "Hvis screeningen peger på, at en familie har behov …": one twin of the two, and a family that says no.
    assert not (await at.why(other, "familietraening"))["is_for_them"]
    because = [each["code"] for each in (await at.why(one, "familietraening"))["because"]]
    assert because == ["age-months", "screening-parent-child-contact-child"]
    declined = await at.offers(thea.child, "familietraening")
    await at.does(f"{declined}/refusal", {"reason": "does-not-want-a-group"})
    trained = await at.offers(one, "familietraening")
    assert await at.refused(f"{trained}/acceptance", {}) == "the-consent-is-missing"
    await at.consents(tilde, "social", "family-training", "family-situation", "contact-and-wellbeing")
    for follow_up in (await at.sees("/sundhedspleje/follow-ups?holder=me"))["follow_ups"]:
        outcome = "family-declines" if follow_up["child"] == thea.child else "programme-offered"
        await at.does(f"/sundhedspleje/follow-ups/{follow_up['id']}/end", {"outcome": outcome})

    # "over 8-10 gange, hvor et tværfagligt … team med sundhedsplejerske-, socialrådgiver- og familiebehandlerkompetencer".
    training = await at.course("familietraening", ["ditlev"], weeks=10)
    await at.does(f"{trained}/acceptance", {"course": number(training)})
    # The course is for one family: the next one waits for it, and takes its consent back.
    consent = await at.consents(trine, "social", "family-training", "family-situation", "contact-and-wellbeing")
    waiting = await at.takes_part(trine.child, "familietraening", "signs-of-distress-in-the-child", course=training)
    before = await at.state(waiting)
    await at.does(f"/persons/consents/{consent}/withdrawal")
    await towns.settle()
    after = await at.sees(waiting)
    assert (before, after["state"], after["reason"]) == ("waiting", "stopped", "consent-withdrawn")
    assert await at.refused(f"{training}/start") == "the-team-lacks-competences"
    await at.does(f"{training}/team", {"team": [at.person(each) for each in ("ditlev", "flemming", "gudrun")]})
    await at.does(f"{training}/start")
    await at.sessions(training, 7, [trained], absent={3: trained})
    going_on = {number(trained): {"unit": at.unit("institution"), "professional": at.person("hanne-plus")}}
    assert await at.refused(f"{training}/end", {"continues": going_on}) == "too-few-sessions-were-held"
    await at.sessions(training, 1, [trained])
    elsewhere = {number(trained): {"unit": at.unit("dagpleje")}}
    assert await at.refused(f"{training}/end", {"continues": elsewhere}) == "that-unit-does-not-continue-this"
    await at.does(f"{training}/end", {"continues": going_on}, "gudrun")

    # "er der reserveret en plusplads, som er en plads i et højkvalitetsdagtilbud": one there is, and it is never given twice.
    offers = {"from_on": await at.day(), "places": 3, "plus_places": 1, "high_quality": True, "methods": ["familietraening"]}
    await at.does(f"/daycare/units/{at.unit('institution')}/capacity", offers, "petra")
    held = {"child": one, "unit": at.unit("institution"), "method": "familietraening"}
    # The programme that is through has put it before the institution's leader, who decides.
    await at.world.settle()
    (asked,) = (await at.sees("/daycare/asked-pluspladser?of=led", "hanne-plus"))["asked"]
    assert (asked["child"], asked["method"]) == (one, "familietraening")
    reserved = await at.quarter()
    place = (await at.does(f"/daycare/asked-pluspladser/{asked['id']}/reservation", {}, "hanne-plus"))["holding"]
    assert await at.refused("/daycare/plusplads", held | {"child": thea.child}) == "no-plus-plads-is-free"

    # "daginstitutionen trænet i den samme metode", "kompetenceudvikling": who has had it is recorded.
    taught = {"method": "familietraening", "held_on": await at.day(), "professionals": [at.person("ivan")]}
    await at.does("/sundhedspleje/trainings", taught, "charlotte")
    await at.gathers("metode-i-dagtilbud", "institution", people=["hanne-plus", "ivan"])
    shown = (await at.sees("/sundhedspleje/methods/familietraening/trained"))["trained"]
    assert {at.person("hanne-plus"), at.person("ivan")} <= {each["professional"] for each in shown}

    # Twins in two institutions, and a start that is moved: the place moves along, the other's start stays.
    start = await at.starts(one, "institution", days=20, pedagogue="ivan")
    other_start = await at.starts(other, "dagpleje", days=20, by="petra")
    await at.does(f"{start}/date", {"starts_on": await at.day(34)}, "petra")
    await at.pass_days(20)
    assert (await at.sees(other_start))["state"] == "started"
    assert (await at.sees(start))["state"] == "planned"
    arriving = (await at.sees("/daycare/arrivals?of=led&incomplete=true&within_days=14", "hanne-plus"))["arrivals"]
    assert [(each["start"]["child"], each["missing"]) for each in arriving] == [(one, ["overlevering", "meeting", "method"])]

    # "kan institutionen videreføre arbejdet med familien": under consent, in the same method, by a named pedagogue.
    assert (await at.hands_over(one, "institution", start, development="Rækker ud."))["basis"] == "refused"
    await at.consents(tilde, "daycare", "transition", "development")
    assert (await at.hands_over(one, "institution", start, development="Rækker ud."))["basis"] == "consent"
    await at.does(f"{start}/continuation", {"continues": True}, "hanne-plus")
    meeting = {"held_on": await at.day(), "participants": [at.person("ditlev")]}
    meeting = (await at.does(f"{start}/meetings", meeting, "ivan"))["meeting"]
    await at.does(f"/daycare/meetings/{meeting}/outcome", {"outcome": "held"}, "ivan")
    await at.does(f"{start}/baton", {"moves": True})
    await at.passes_on(one, to="ivan", kind="institution", days=14)
    transition = await at.sees(f"{start}/transition")
    assert (transition["missing"], transition["plusplads"], transition["continues"]) == ([], place, True)
    await at.pass_days(14)
    assert [await at.tovholder(child) for child in (one, other)] == [at.person("ivan"), at.person("ditlev")]
    await at.does(f"{start}/settled", by="ivan")

    # The early detection can be counted, a single family cannot be found in it.
    figures = await at.figures(screened)
    assert figures["need_visits_granted"] == {(None, None): 6}
    assert figures["need_visits_screened"] == {(None, None): 1.0}
    assert figures["unbroken_chain"] == {(None, None): 1.0}
    assert (await at.figures(reserved))["places_reserved"] == {(None, None): None}
    assert await towns.dead_letters() == []


async def test_sundhedsplejen_is_tovholder_of_the_efforts_of_the_first_1000_days(towns: World) -> None:
    """Seed 002, "Barnets 1000 første dage"."""
    at = AtWork(towns, "tusindby", nurse="dorthea", intake="alma", leader="clara")
    thea, tora, tilda, *more = await at.moved_in(11, 11, 11, 11, 11)
    vulnerable = (thea, tora, *more)
    for family in vulnerable:
        await at.does(f"/sundhedspleje/cases/{family.child}/criteria", {"criterion": "weak-network"})
    quarter = await at.quarter()

    # "Hjemmebesøg ved barnets 1½ år og 3 år" for "sårbare og udsatte familier": for them planned at once, and for nobody else.
    for family in vulnerable:
        assert {"eighteen-months-visit", "three-years-visit"} <= set(await at.visits(family.child))
        await at.does(f"{await at.takes_part(family.child, 'besoeg-halvandet-og-tre-aar')}/start")
    assert "eighteen-months-visit" not in await at.visits(tilda.child)
    assert not (await at.why(tilda.child, "besoeg-halvandet-og-tre-aar"))["is_for_them"]

    # "Tværfaglige COS-P … gruppe/individuelle forløb": who finds the group full has the course alone.
    group = await at.course("cos-p-gruppe", ["dorthea", "frode"], capacity=1)
    for family in (thea, tora):
        await at.consents(family, *GROUP)
    together = await at.takes_part(thea.child, "cos-p-gruppe", course=group)
    waiting = await at.takes_part(tora.child, "cos-p-gruppe", course=group)
    assert (await at.sees(waiting))["turn"] == 1
    await at.does(f"{waiting}/stop", {"reason": "other-effort-instead"})
    alone = await at.course("cos-p-individuelt", ["dorthea"])
    single = await at.takes_part(tora.child, "cos-p-individuelt", course=alone)

    # "Sundhedsplejen vil være tovholder for indsatserne": also when the baton has passed to the pedagogue.
    for course in (group, alone):
        await at.does(f"{course}/start")
    start = await at.starts(thea.child, "institution", days=14, pedagogue="inger")
    await at.passes_on(thea.child, to="inger", kind="institution", days=14)
    planned = [await at.plans_sessions(group, 8), await at.plans_sessions(alone, 8)]
    await at.pass_days(56)
    assert await at.tovholder(thea.child) == at.person("inger")
    for sessions, enrolment in zip(planned, (together, single), strict=True):
        await at.holds_sessions(sessions, [enrolment])
    for course in (group, alone):
        await at.does(f"{course}/end", {})
    assert [await at.state(each) for each in (together, single)] == ["completed", "completed"]
    assert (await at.sees(start))["state"] == "started"

    # "Tværfagligt hjemmebesøg": with the daycare and the social area, by the family's yes; a withdrawn consent ends it.
    for family in (thea, tora):
        offered = await at.offers(family.child, "tvaerfagligt-hjemmebesoeg")
        assert await at.refused(f"{offered}/acceptance", {}) == "the-consent-is-missing"
        consent = await at.consents(family, "daycare", "cooperation", "development", by="inger" if family is thea else "dorthea")
        await at.does(f"{offered}/acceptance", {})
        await at.does(f"{offered}/start")
    await at.does(f"/persons/consents/{consent}/withdrawal")
    await towns.settle()
    ended = await at.sees(offered)
    assert (ended["state"], ended["reason"]) == ("stopped", "consent-withdrawn")
    visit = f"/sundhedspleje/visits/{(await at.visits(thea.child))['cross-disciplinary-visit']['id']}"
    both = [at.seat("inger", "institution"), at.seat("frode", "social")]
    assert await at.refused(f"{visit}/participants", {"participants": both}) == "the-family-agrees-to-a-joint-visit"
    await at.does(f"{visit}/participants", {"participants": both, "family_agrees": True})
    assert (await at.sees(visit, "frode"))["joint_with"] == ["institution", "social"]
    held = {"on": await at.day(), "participants": both, "family_agrees": True}
    assert await at.refused(f"{visit}/held", held | {"participants": []}) == "a-joint-visit-is-held-by-more-than-one"
    await at.does(f"{visit}/held", held)

    # "ved besøg af sundhedsplejen i dagtilbud, både i forhold til den generelle … rådgivning … og i forhold til specifikke børn".
    advice = await at.gathers("besoeg-i-dagtilbud", "dagpleje", people=["johanne"])
    about = await at.gathers("besoeg-i-dagtilbud", "institution", [thea.child], ["inger"])
    assert (advice["families"], about["families"], about["held_in"]) == (0, 1, at.unit("institution"))

    # "specifik ekstra tværfagligt møde med forældre i daginstitutionerne", "kompetenceforum", "Oplæg i daginstitutioner".
    talk = await at.gathers("tvaerfagligt-foraeldremoede", "institution", [thea.child], ["inger"])
    assert talk["families"] == 1
    forum = await at.gathers("kompetenceforum", people=["dorthea", "frode", "helle"])
    lecture = await at.gathers("oplaeg-i-dagtilbud", "dagpleje", people=["johanne"])
    assert (at.person("dorthea") in forum["professionals"], lecture["held_in"]) == (True, at.unit("dagpleje"))

    # "Overlevering fra sundhedsplejen til dagpleje og daginstitution": what the parents let pass, and nothing where they do not.
    start = await at.starts(tora.child, "dagpleje", days=30)
    assert (await at.hands_over(tora.child, "dagpleje", start, development="Går."))["withheld"] == ["development"]
    await at.consents(tora, "daycare", "transition", "development")
    given = await at.hands_over(tora.child, "dagpleje", start, development="Går.", family_situation="Alene.")
    assert (given["categories"], given["withheld"]) == (["development"], ["family-situation"])
    received = await at.sees(f"/sundhedspleje/overleveringer/{given['id']}", "johanne")
    assert received["text"] == {"development": "Går."}

    # Past the first year: the visits at 1½ and 3 years are paid; one family has them no more.
    await at.pass_days(150)
    for family in vulnerable[:3]:
        await at.held(family.child, "eighteen-months-visit")
    await at.pass_days(540)
    await at.held(thea.child, "three-years-visit")
    visit = (await at.visits(tora.child))["three-years-visit"]["id"]
    await at.does(f"/sundhedspleje/visits/{visit}/declined", {"reason": "has-other-help"})

    # "at familierne oplever en mere sammenhængende indsats": also where everything goes otherwise.
    await it_goes_otherwise(at, Those(social="grethe", pedagogue="inger", dagpleje="johanne", placement="paula"))

    figures = await at.figures(quarter)
    assert figures["children_registered"] == {(None, None): 5}
    assert figures["unbroken_chain"] == {(None, None): 1.0}
    assert await towns.dead_letters() == []


async def test_two_more_visits_parent_courses_at_three_places_and_training_for_everyone(towns: World) -> None:
    """Seed 003, "Bedre sundhedsindsats for de mindste"."""
    at = AtWork(towns, "mindsteby", nurse="dina", intake="anita", leader="connie")
    quarter = await at.quarter()

    # "Ekstrauddannelse til alle sundhedsplejersker og tværfaglige samarbejdspartnere": who lacks it shows until nobody does.
    method = "/sundhedspleje/methods/ekstrauddannelse/trained"
    training = {"method": "ekstrauddannelse", "held_on": await at.day()}
    first, second = ("anita", "bettina", "connie"), ("ester", "finn", "gunvor")
    await at.does("/sundhedspleje/trainings", training | {"professionals": [at.person(each) for each in first]}, "connie")
    assert {at.person(each) for each in second} <= set((await at.sees(method))["lacking"])
    await at.does("/sundhedspleje/trainings", training | {"professionals": [at.person(each) for each in second]}, "connie")
    assert (await at.sees(method))["lacking"] == []

    # "to yderligere besøg … når barnet er halvandet og tre år", where parents "har haft det svært psykisk – måske på grund af en
    # belastet barndom eller har lidt alvorlige tab".
    families = await at.moved_in(11, 11, 11, 11, 11, 11)
    grounds = ("psychological-distress", "burdened-childhood", "serious-loss", "serious-loss", "burdened-childhood")
    for family, ground in zip(families, grounds, strict=False):
        await at.does(f"/sundhedspleje/cases/{family.child}/criteria", {"criterion": ground})
        enrolment = await at.takes_part(family.child, "to-besoeg-mere")
        assert f"vulnerability:{ground}" in (await at.sees(enrolment))["because"]
        await at.does(f"{enrolment}/start")
    unburdened = families[5]
    assert not {"eighteen-months-visit", "three-years-visit"} & set(await at.visits(unburdened.child))
    offer = {"child": unburdened.child, "programme": "to-besoeg-mere", "grounds": []}
    assert await at.refused("/sundhedspleje/enrolments", offer) == "the-family-is-not-among-those-it-is-for"

    # "Forældrekurser til udvalgte forældre i [tre byer]": a course in each of the three, nowhere else; one is full, one says no.
    courses = [
        await at.course("foraeldrekursus", ["dina"], place=place, capacity=1)
        for place in ("mindsteby", "skovhusene", "moelleaasen")
    ]
    body = {
        "programme": "foraeldrekursus",
        "unit": at.unit("sundhedspleje"),
        "begins_on": await at.day(),
        "ends_on": await at.day(60),
    }
    assert await at.refused("/sundhedspleje/courses", body | {"place": "havby"}) == "the-programme-is-not-held-there"
    taught = [
        await at.takes_part(family.child, "foraeldrekursus", course=course)
        for family, course in zip(families, (*courses, courses[0]), strict=False)
    ]
    assert [await at.state(each) for each in taught] == ["accepted", "accepted", "accepted", "waiting"]
    declined = await at.offers(families[4].child, "foraeldrekursus")
    await at.does(f"{declined}/refusal", {"reason": "too-far-away"})
    await at.does(f"{taught[0]}/stop", {"reason": "family-wishes"})
    assert await at.state(taught[3]) == "accepted"
    placed = {courses[0]: taught[3], courses[1]: taught[1], courses[2]: taught[2]}
    planned = {}
    for course in courses:
        await at.does(f"{course}/start")
        planned[course] = await at.plans_sessions(course, 4)
    await at.pass_days(28)
    for course, sessions in planned.items():
        await at.holds_sessions(sessions, [placed[course]])
        await at.does(f"{course}/end", {})

    # "Videre udvikling og systematisering af samarbejdet med dagtilbud", "metode for det gode tværfaglige samarbejde".
    training = {"method": "tvaerfagligt-samarbejde", "held_on": await at.day()}
    lacking = (await at.sees("/sundhedspleje/methods/tvaerfagligt-samarbejde/trained"))["lacking"]
    assert {at.person("dina"), at.person("irma")} <= set(lacking)
    await at.does("/sundhedspleje/trainings", training | {"professionals": lacking}, "connie")
    agreement = {"with_unit": at.unit("sundhedspleje"), "agreed_on": await at.day(), "every_months": 6}
    agreed = (await at.does(f"/daycare/units/{at.unit('institution')}/agreements", agreement, "hedvig"))["id"]
    meeting = await at.gathers("samarbejdsmoede-med-dagtilbud", "institution", people=["dina", "hedvig", "irma"])
    assert meeting["programme"]["handleguide"]["step"] == "samarbejde"
    await at.does(f"/daycare/agreements/{agreed}/meetings", {"held_on": await at.day(), "participants": [at.person("dina")]})
    await at.pass_days(190)
    assert [each["overdue"] for each in (await at.sees(f"/daycare/agreements?unit={at.unit('institution')}"))["agreements"]] == [
        True
    ]

    # The visits themselves: paid at one and a half years and at three; the family's wish moves one, another family says no.
    for family in families[:3]:
        await at.held(family.child, "eighteen-months-visit")
    await at.pass_days(520)
    wish = {"from_on": await at.day(10), "until_on": await at.day(20)}
    visits = [(await at.visits(family.child))["three-years-visit"]["id"] for family in families[:3]]
    await at.does(f"/sundhedspleje/visits/{visits[1]}/window", wish)
    await at.does(f"/sundhedspleje/visits/{visits[2]}/declined", {"reason": "does-not-wish"})
    await at.held(families[0].child, "three-years-visit")
    assert [(await at.sees(f"/sundhedspleje/visits/{each}"))["state"] for each in visits] == ["held", "planned", "declined"]

    # "systematisering af samarbejdet med dagtilbud": the same steps for twins before their time and a start that is moved.
    await it_goes_otherwise(at, Those(social="gunvor", pedagogue="irma", dagpleje="josefine", placement="pernille"))

    # "løbende evalueret og overvåget": figures with their definitions, in which no family and no single no is to be found.
    figures = await at.figures(quarter)
    assert figures["staff_trained"][("ekstrauddannelse", None)] == 6
    assert figures["programmes_offered"][("to-besoeg-mere", None)] == 5
    assert figures["programmes_declined"].get(("foraeldrekursus", "too-far-away")) is None
    assert figures["unbroken_chain"] == {(None, None): 1.0}
    told = await towns.as_professional("connie").get(f"/indicators/export.csv?period={quarter}")
    assert told.status == 200
    text = told.body.decode()
    assert "Programmes offered" in text
    assert not [word for family in families for word in (family.name, family.number, family.child) if word in text]
    assert await towns.dead_letters() == []


async def test_every_effort_is_linked_to_its_step_in_the_handleguide(towns: World) -> None:
    """Seed 004, "Småbørnsindsatsen 0-2 år"."""
    at = AtWork(towns, "smaaby", nurse="dagmar", intake="amalie", leader="camilla")
    quarter = await at.quarter()
    sanne, selma, silje, *more = await at.moved_in(6, 6, 6, 6, 6)
    seen: list[dict[str, Any]] = []

    # "tidlig opsporing og forebyggende indsatser": everyone is looked at with the same tool; a worry leads to one more visit.
    for family in (sanne, selma, silje, *more):
        await at.screens(family.child, "topi", "yellow" if family is sanne else "green")
    (follow_up,) = (await at.sees("/sundhedspleje/follow-ups?holder=me"))["follow_ups"]
    granted = {"reason": "child-well-being", "from_on": await at.day(), "until_on": await at.day(14)}
    await at.does(f"/sundhedspleje/cases/{sanne.child}/need-visits", granted)
    await at.does(f"/sundhedspleje/follow-ups/{follow_up['id']}/end", {"outcome": "programme-offered"})
    because = [each["code"] for each in (await at.why(sanne.child, "opsporingsbesoeg"))["because"]]
    assert {"screening-topi-child", "need-visit-granted"} <= set(because)
    detection = await at.takes_part(sanne.child, "opsporingsbesoeg")
    await at.does(f"{detection}/start")
    await at.held(sanne.child, "early-detection-visit")
    assert "early-detection-visit" not in await at.visits(selma.child)
    seen.append((await at.sees(detection))["programme"])

    # "støtte og styrke forældre i at mestre de udfordringer de møder": a group; full, waited for, declined.
    group = await at.course("familiegruppe", ["dagmar"], capacity=2)
    there = [
        await at.takes_part(family.child, "familiegruppe", "wants-a-network", course=group) for family in (sanne, selma, silje)
    ]
    assert [await at.state(each) for each in there] == ["accepted", "accepted", "waiting"]
    declined = await at.offers(more[0].child, "familiegruppe", "wants-a-network")
    await at.does(f"{declined}/refusal", {"reason": "does-not-want-a-group"})
    await at.does(f"{group}/start")
    await at.does(f"{there[1]}/stop", {"reason": "family-wishes"})
    assert await at.state(there[2]) == "running"
    await at.sessions(group, 4, [there[0], there[2]], absent={1: there[2]})
    going_on = {number(each): {"unit": at.unit("dagpleje")} for each in (there[0], there[2])}
    await at.does(f"{group}/end", {"continues": going_on})
    seen += [(await at.sees(group))["programme"], (await at.sees(there[0]))["programme"]]

    # "styrke det tværfaglige samarbejde … samt dagplejen og vuggestuerne", "kompetenceudvikling af personalet".
    for programme, held_in, people in (
        ("tvaerfagligt-forum", "dagpleje", ["dagmar", "frederik", "jorunn"]),
        ("oplaeg-om-tidlig-opsporing", "institution", ["holger", "ilse"]),
    ):
        seen.append((await at.gathers(programme, held_in, people=people))["programme"])
    open_house = await at.gathers("aaben-konsultation", children=[family.child for family in (sanne, *more)])
    assert open_house["families"] == 3
    seen.append(open_house["programme"])
    lacking = (await at.sees("/sundhedspleje/methods/tidlig-opsporing/trained"))["lacking"]
    training = {"method": "tidlig-opsporing", "held_on": await at.day(), "professionals": lacking}
    await at.does("/sundhedspleje/trainings", training, "camilla")
    trained = await at.sees("/sundhedspleje/methods/tidlig-opsporing/trained")
    assert (at.person("jorunn") in lacking, trained["lacking"]) == (True, [])

    # A start in dagplejen that the placement office moves: sundhedsplejen's overlevering is for the start, whenever it is.
    start = await at.starts(sanne.child, "dagpleje", days=20, by="preben")
    await at.consents(sanne, "daycare", "transition", "development")
    await at.hands_over(sanne.child, "dagpleje", start, development="Kravler.")
    await at.does(f"{start}/date", {"starts_on": await at.day(40)}, "preben")
    await at.pass_days(20)
    assert (await at.sees(start))["state"] == "prepared"
    await at.pass_days(20)
    assert (await at.sees(start, "jorunn"))["state"] == "started"

    # "specialistfunktioner … samt dagplejen og vuggestuerne": one after the other, for twins of whom nobody was ready yet.
    await it_goes_otherwise(at, Those(social="gitta", pedagogue="ilse", dagpleje="jorunn", placement="preben"))

    # "Indsatser linkes til den tværgående Handleguide": every effort, wherever it is shown, at a step of the town's own guide.
    listed = (await at.sees("/sundhedspleje/programmes"))["programmes"]
    whys = [each["programme"] for each in (await at.sees(f"/sundhedspleje/cases/{sanne.child}/programmes"))["programmes"]]
    shown = [*seen, *listed, *whys, trained["method"], *(each["method"] for each in listed if each["method"])]
    assert all(each["handleguide"]["address"].startswith("https://handleguide.smaaby.example/trin-") for each in shown)
    assert {each["key"]: each["handleguide"]["step"] for each in listed} == {
        "aaben-konsultation": "faellesskab", "opsporingsbesoeg": "opmaerksomhed", "familiegruppe": "indsats",
        "tvaerfagligt-forum": "undren", "oplaeg-om-tidlig-opsporing": "opmaerksomhed",
    }  # fmt: skip
    assert {each["key"] for each in seen} == {each["key"] for each in listed}

    # That all were looked at is told; the one family with a worry is not to be found in the figures.
    figures = await at.figures(quarter)
    assert figures["screenings"][("topi", None)] == 5
    assert set(figures["topi_green"].values()) == {None}
    assert figures["unbroken_chain"] == {(None, None): 1.0}
    assert await towns.dead_letters() == []
