"""What the services really publish has the parts that the golden examples show, and the subject that the contract names."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema
import pytest

from services import catalogue, contracts
from services.demo import town
from services.events import event_types
from tests.support.world import World

EXAMPLES = Path(__file__).resolve().parents[2] / "contracts" / "examples"
CPR = "urn:oid:1.2.208.176.1.2"
NOT_ALWAYS = {"causationid", "traceparent", "dataref"}


def difference(published: Any, golden: Any, at: str = "") -> list[str]:
    """Where two events have other parts; what is null or empty in one may be anything in the other."""
    if isinstance(published, dict) and isinstance(golden, dict):
        own = [f"{at}.{name}" for name in set(published) ^ set(golden)]
        return own + [
            found for name in set(published) & set(golden) for found in difference(published[name], golden[name], f"{at}.{name}")
        ]
    if isinstance(published, list) and isinstance(golden, list):
        return [found for one in published[:1] for other in golden[:1] for found in difference(one, other, f"{at}[]")]
    return [] if published is None or golden is None or type(published) is type(golden) else [at]


async def play(world: World) -> None:
    """A pregnancy that is notified, offered, declined, offered again, asked about, accepted; and an absence."""
    notification = {
        "kind": "pregnancy",
        "message_id": str(uuid4()),
        "receiver": {"sor": town.sor_of("intake")},
        "mother": {"identifiers": [{"system": CPR, "value": "0101900000"}], "name": "Søs Attrap Prøve"},
        "due_on": "2027-06-01",
    }
    await world.as_client("maternity-havby").post("/midwife/notifications", notification)
    await world.settle()
    [row] = await world.sql("registry", "select id from child")
    handovers = f"/registry/children/{row['id']}/handovers"

    for name, answers in (("anna", [("refusal", "anna", {"reason": "at-capacity"})]), ("birgit", ASKED_AND_ACCEPTED)):
        to = {"professional": world.names[name], "unit": world.names["nord"]}
        proposed = await world.as_professional("inge").post(handovers, {"to": to, "reason": "new-family"})
        assert proposed.status == 201, proposed.body
        [open_one] = await world.sql(
            "registry", "select subject, envelope from ledger where type like '%handover_proposed%' order by at desc limit 1"
        )
        handover = open_one["envelope"]["data"]["handover"]
        for act, by, body in answers:
            answered = await world.as_professional(by).post(f"/registry/handovers/{handover}/{act}", body)
            assert answered.status == 200, answered.body
    away = {"professional": world.names["anna"], "from_on": "2030-01-07", "until_on": "2030-01-11"}
    assert (await world.as_professional("anna").post("/directory/absences", away)).status == 201
    await world.settle()


ASKED_AND_ACCEPTED: list[tuple[str, str, dict[str, str]]] = [
    ("question", "birgit", {"text": "Er der søskende?"}),
    ("answer", "inge", {"text": "Nej."}),
    ("acceptance", "birgit", {}),
]


@pytest.mark.journey
async def test_what_a_journey_publishes_is_what_the_contracts_say(world: World) -> None:
    await play(world)

    published = [row["envelope"] for name in catalogue.names() for row in await world.sql(name, "select envelope from ledger")]

    assert {
        "tovholder_changed",
        "handover_accepted",
        "information_provided",
        "absence_registered",
        "delivered",
        "visit_planned",
    } <= {one["type"].split(".")[3] for one in published}
    for one in published:
        event = event_types()[one["type"]]
        golden = json.loads((EXAMPLES / f"{one['type']}.json").read_text())
        assert difference({name: value for name, value in one.items() if name not in NOT_ALWAYS}, golden) == [], one["type"]
        jsonschema.Draft202012Validator(contracts.schema(event)).validate(one)
        assert one["subject"] == contracts.subject_of(event, one["data"]), one["type"]


def test_an_event_with_a_part_too_many_or_too_few_is_found_out() -> None:
    golden = json.loads((EXAMPLES / "dk.tovholder.registry.tovholder_changed.v1.json").read_text())
    more, fewer = json.loads(json.dumps(golden)), json.loads(json.dumps(golden))
    more["data"]["tovholder"]["name"] = "x"
    del fewer["data"]["since"]

    assert difference(more, golden) == [".data.tovholder.name"]
    assert difference(fewer, golden) == [".data.since"]
    assert difference(golden, golden) == []
