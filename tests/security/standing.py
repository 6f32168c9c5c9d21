"""One child of Havby's, and somebody in every relation to it that access.yaml knows."""

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from services.chassis.calendar import date_of
from services.events.sundhedspleje import PlusPladsAsked
from tests.persons.families import MOTHER, identifier
from tests.portal.test_pages import logged_in
from tests.support.world import Someone, World

INTAKE_SOR = "953741000016009"

# Who stands how to the child of this module. Several relations meet in a person as they do in life; what they may is the union.
PEOPLE: dict[str, frozenset[str]] = {
    "dorte": frozenset({"holder", "health-visitor"}),
    "birgit": frozenset({"deputy", "health-visitor"}),
    "elin": frozenset({"leader", "notifier"}),
    "ditte": frozenset({"intake-lead"}),
    "anna": frozenset({"receiver"}),
    "thomas": frozenset({"supporter", "assessor"}),
    "mona": frozenset({"daycare", "participant", "asked"}),
    "gitte": frozenset({"asked"}),
    "inge": frozenset({"giver", "intake-lead"}),
    "placement-havby": frozenset({"placement"}),
    "maternity-havby": frozenset({"sender"}),
    "service-daycare": frozenset({"service"}),
    "karen": frozenset(),
    "skovby-lead": frozenset(),
    "vans-gateway": frozenset(),
}
SYSTEMS = ("placement-havby", "maternity-havby", "service-daycare", "vans-gateway")


@dataclass
class Child:
    """One child, and what there is of it in each class of data."""

    world: World
    names: dict[str, str] = field(default_factory=dict)

    def as_(self, who: str) -> Someone:
        return self.world.as_client(who) if who in SYSTEMS else self.world.as_professional(who)


async def _asked(child: Child, unit: str) -> str:
    """A programme that is through asks for a plusplads."""
    enrolment, of = uuid.uuid4(), uuid.UUID(child.names["child"])
    async with child.world.store("sundhedspleje").transaction() as tx:
        about = {"enrolment": enrolment, "child": of, "municipality": "0990", "programme": "familietraening"}
        tx.publish(of, PlusPladsAsked(**about, unit=uuid.UUID(unit), method="cos-p"))
    await child.world.settle()
    return str(enrolment)


async def stood_by(world: World) -> Child:
    """Inge takes it in and gives its overlevering; Thomas holds it later later, then Dorte, who offers it to Anna and is away."""
    child = Child(world)
    names = child.names
    born_at = await world.now() - timedelta(days=200)
    notification = {
        "kind": "birth", "message_id": str(uuid.uuid4()), "receiver": {"sor": INTAKE_SOR},
        "mother": {"identifiers": [identifier(MOTHER)], "name": "Signe Prøvedal"},
        "children": [{"order": 1, "identifiers": [], "sex": "female", "born_at": born_at.isoformat()}],
    }  # fmt: skip
    names["notification"] = (await _made(child, "maternity-havby", "/midwife/notifications", notification))["id"]
    await world.settle()
    seen = await child.as_("maternity-havby").get(f"/midwife/notifications/{names['notification']}")
    names["child"] = seen.body["children"][0]["child"]
    names["mother"] = (await child.as_("inge").get(f"/persons/{names['child']}")).body["mother"]
    await _made(child, "inge", f"/persons/{names['mother']}/contact", {"address": "Æblevej 1, 9900 Havby"})

    unit, today = world.names["maelkevejen"], date_of(await world.now())
    offers = {"from_on": today.isoformat(), "places": 40, "plus_places": 2, "high_quality": True, "methods": ["cos-p"]}
    await _made(child, "placement-havby", f"/daycare/units/{unit}/capacity", offers)
    plus = {"child": names["child"], "unit": unit, "method": "cos-p"}
    names["place"] = (await _made(child, "inge", "/daycare/plusplads", plus))["id"]
    names["asked"] = await _asked(child, unit)
    await _asked(child, world.names["dagpleje"])
    start = {"child": names["child"], "unit": unit, "starts_on": (today + timedelta(days=90)).isoformat()}
    names["start"] = (await _made(child, "inge", "/daycare/starts", start))["id"]
    given = {"child": names["child"], "to": {"unit": unit}, "categories": ["development"], "text": {"development": "Smiles."}}
    names["overlevering"] = (await _made(child, "inge", "/sundhedspleje/overleveringer", given))["id"]
    await _passes(child, "inge", "thomas", "social")
    await world.advance(timedelta(days=40))
    await _passes(child, "thomas", "dorte", "syd")
    await _visited(child)
    await _in_a_group(child)
    names["handover"] = await _offered(child, "dorte", "anna", "nord", message="She knows the family.")

    today = date_of(await world.now())
    deputy = {"professional": world.names["birgit"], "unit": world.names["nord"]}
    away = {
        "professional": world.names["dorte"],
        "from_on": today.isoformat(),
        "until_on": (today + timedelta(days=7)).isoformat(),
    }
    await _made(child, "dorte", "/directory/absences", {**away, "deputy": deputy})
    await world.settle()
    await world.tick()
    told = await child.as_("dorte").get(f"/notifications/deliveries?child={names['child']}&state=delivered")
    names["delivery"] = next(it["id"] for it in told.body["deliveries"] if it["to_whom"] == "professional")
    written = await child.as_("dorte").get(f"/notifications/children/{names['child']}/letters")
    names["letter"] = written.body["letters"][0]["delivery"]
    await _begun_in_the_portal(child)
    return child


async def _visited(child: Child) -> None:
    """Dorte visits with Mona, screens mother and child, and records a loss; Elin notifies Thomas' unit, which looks at it."""
    names, today = child.names, date_of(await child.world.now())
    file = f"/sundhedspleje/cases/{names['child']}"
    mona = {"professional": child.world.names["mona"], "unit": child.world.names["maelkevejen"]}
    window = {"from_on": today.isoformat(), "until_on": (today + timedelta(days=7)).isoformat()}
    granted = {"reason": "feeding", **window, "participants": [mona], "family_agrees": True}
    names["visit"] = (await _made(child, "dorte", f"{file}/need-visits", granted))["visit"]
    for instrument, whose, score in (("topi", "child", "red"), ("epds", "mother", 15)):
        result = {"instrument": instrument, "whose": whose, "score": score, "on": today.isoformat()}
        screened = await _made(child, "dorte", f"{file}/screenings", result)
        names["screening"], names["follow_up"] = screened["id"], screened["follow_up"]
    names["criterion"] = (await _made(child, "dorte", f"{file}/criteria", {"criterion": "serious-loss"}))["id"]
    to_social = {"to_unit": child.world.names["social"], "text": "Worried."}
    names["underretning"] = (await _made(child, "elin", f"{file}/underretninger", to_social))["id"]
    await _made(child, "thomas", f"/sundhedspleje/underretninger/{names['underretning']}/assessment", {"assessment": "not-acute"})


async def _in_a_group(child: Child) -> None:
    """Dorte offers the family a group with a first session, and plans an open consultation."""
    names, unit, today = child.names, child.world.names["syd"], date_of(await child.world.now())
    held = {"unit": unit, "begins_on": today.isoformat(), "ends_on": (today + timedelta(days=60)).isoformat()}
    planned = await _made(child, "dorte", "/sundhedspleje/courses", {"programme": "familiegruppe", **held})
    names["course"] = planned["id"]
    first = await _made(child, "dorte", f"/sundhedspleje/courses/{names['course']}/sessions", {"on_date": today.isoformat()})
    names["session"] = first["id"]
    offer = {"child": names["child"], "programme": "familiegruppe", "grounds": ["wants-a-network"]}
    names["enrolment"] = (await _made(child, "dorte", "/sundhedspleje/enrolments", offer))["id"]
    consultation = {"programme": "aaben-konsultation", "unit": unit, "on_date": today.isoformat()}
    names["gathering"] = (await _made(child, "dorte", "/sundhedspleje/gatherings", consultation))["id"]


async def _begun_in_the_portal(child: Child) -> None:
    """Elin begins a notification on a page of the portal, and keeps it as a draft."""
    browser = await logged_in(child.world, "elin")
    await browser.get("/portal/anmeldelser/ny")
    kept = await browser.send("/portal/anmeldelser/ny", kind="pregnancy", name="Signe Prøvedal", gem="1")
    await browser.http.aclose()
    assert kept.status_code == 200, kept.text


async def _passes(child: Child, giver: str, receiver: str, unit: str) -> None:
    handover = await _offered(child, giver, receiver, unit)
    await _made(child, receiver, f"/registry/handovers/{handover}/acceptance", {})
    await child.world.settle()


async def _offered(child: Child, giver: str, receiver: str, unit: str, **more: str) -> str:
    body = {"to": {"professional": child.world.names[receiver], "unit": child.world.names[unit]}, "reason": "district", **more}
    offered = await _made(child, giver, f"/registry/children/{child.names['child']}/handovers", body)
    await child.world.settle()
    return str(offered["id"])


async def _made(child: Child, who: str, path: str, body: Any) -> Any:
    answer = await child.as_(who).post(path, body)
    assert answer.status in (200, 201), (path, answer.body)
    return answer.body
