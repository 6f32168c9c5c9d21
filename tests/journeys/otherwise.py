"""What no plan foresees, walked through in a town: twins before their time, who start in two institutions while things change."""

from dataclasses import dataclass

from tests.journeys.at_work import AtWork, Family


@dataclass(frozen=True)
class Those:
    """Who else works in the town, by user name. `social`: in the specialised area; `dagpleje`: who leads it."""

    social: str
    pedagogue: str
    dagpleje: str
    placement: str


async def it_goes_otherwise(at: AtWork, those: Those) -> Family:
    """A birth before the plan, twins in two institutions, a consent taken back, a start that is moved; nobody is ever without."""
    (family,) = await at.expecting(8)
    before = (await at.visits(family.child))["pregnancy-visit"]["state"]

    # A birth before the plan, and two children: what was to come before it lapses, what comes after is planned for both.
    await at.born(family, children=2)
    one, other = family.children
    assert (before, (await at.visits(one))["pregnancy-visit"]["state"]) == ("planned", "lapsed")
    for child in family.children:
        assert (await at.visits(child))["maternity-visit"]["state"] == "planned"
        assert await at.tovholder(child) == at.person(at.nurse)

    # Two institutions: of the one the parents let something pass, and it stays given; then they take their consent back.
    start = await at.starts(one, "institution", days=16, pedagogue=those.pedagogue)
    later = await at.starts(other, "dagpleje", days=16)
    consent = await at.consents(family, "daycare", "transition", "development")
    given = await at.hands_over(one, "institution", start, development="Rækker ud.")
    await at.does(f"/persons/consents/{consent}/withdrawal")
    await at.world.settle()
    refused = await at.hands_over(other, "dagpleje", later, development="Griber.")
    assert [(it["basis"], it["withheld"]) for it in (given, refused)] == [("consent", []), ("refused", ["development"])]
    # Both sides are told what is missing.
    received = await at.sees(f"/sundhedspleje/overleveringer/{refused['id']}", those.dagpleje)
    assert (received["text"], received["withheld"]) == ({}, ["development"])
    assert (await at.sees(f"/sundhedspleje/overleveringer/{given['id']}", those.pedagogue))["text"] == {
        "development": "Rækker ud."
    }

    # The baton goes by the specialised area to the pedagogue, on the day; the placement office moves the other start.
    await at.passes_on(one, to=those.social, kind="social")
    assert await at.tovholder(one, those.social) == at.person(those.social)
    await at.passes_on(one, to=those.pedagogue, kind="institution", days=16, by=those.social)
    await at.does(f"{later}/date", {"starts_on": await at.day(30)}, those.placement)
    await at.pass_days(16)
    assert [(await at.sees(it))["state"] for it in (start, later)] == ["started", "prepared"]
    assert await at.tovholder(one, those.pedagogue) == at.person(those.pedagogue)
    assert await at.tovholder(other) == at.person(at.nurse)

    # Fourteen days before it something is missing still: that shows at the tovholder and at both leaders, and they are told.
    for who, whose in ((at.nurse, "me"), (at.leader, "led"), (those.dagpleje, "led")):
        arrivals = (await at.sees(f"/daycare/arrivals?of={whose}&incomplete=true&within_days=14", who))["arrivals"]
        assert [(it["start"]["child"], it["missing"]) for it in arrivals] == [(other, ["overlevering", "meeting", "pedagogue"])]
        told = (await at.sees(f"/notifications/deliveries?recipient=me&child={other}", who))["deliveries"]
        assert "transition_incomplete" in {it["kind"] for it in told}, who
    declined = await at.does(f"{later}/overlevering-declined", {"declined_by": "family"})
    assert declined["missing"] == ["meeting", "pedagogue"]
    await at.pass_days(14)
    assert (await at.sees(later))["state"] == "started"
    return family
