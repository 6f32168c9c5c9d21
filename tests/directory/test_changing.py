"""Single changes and whole imports over HTTP: who may, what is refused, and that it is the same door as the files'."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.chassis.envelope import envelope
from services.chassis.service import Received
from services.directory.handlers import show_as_left
from services.events.registry import ProfessionalReleased
from tests.support.world import Answer, World

NEW = "09900000-0002-4000-8000-0000000000aa"


def new_person(world: World, unit: str = "nord", **more: Any) -> dict[str, Any]:
    return {"id": NEW, "municipality": "0990", "name": "Ny Ansat", "seats": [{"unit": world.names[unit]}], **more}


async def shown(world: World, professional: str) -> dict[str, Any]:
    answer: Answer = await world.as_professional("inge").get(f"/directory/professionals/{professional}")
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.body
    return found


class TestImports:
    async def test_the_administrator_imports_and_the_same_key_does_it_once(self, world: World) -> None:
        body = {"professionals": [new_person(world)]}
        lone = world.as_professional("lone")

        first = await lone.post("/directory/imports", body, key="monday")
        again = await lone.post("/directory/imports", body, key="monday")
        other_key = await lone.post("/directory/imports", body)

        assert (first.status, first.body["events"]) == (200, {"ProfessionalJoined": 1})
        assert first.body["differences"] == [{"sign": "+", "kind": "professional", "key": NEW, "says": []}]
        assert again.body == first.body
        assert (other_key.body["differences"], other_key.body["events"]) == ([], {})

    async def test_a_dry_run_says_the_same_and_changes_nothing(self, world: World) -> None:
        body = {"professionals": [new_person(world)]}

        looked = await world.as_professional("lone").post("/directory/imports?dry_run=true", body)

        assert looked.body == {
            "dry_run": True,
            "differences": [{"sign": "+", "kind": "professional", "key": NEW, "says": []}],
            "more": 0,
            "events": {"ProfessionalJoined": 1},
            "notes": [],
        }
        assert await world.sql("directory", "select 1 from employee where id = $1", UUID(NEW)) == []
        assert await world.events("directory", NEW) == []

    async def test_a_municipalitys_system_imports_once_the_operator_lets_it(self, world: World) -> None:
        body = {"professionals": [new_person(world)]}
        system = world.as_client("placement-havby")
        before = await system.post("/directory/imports", body)

        client = {"id": "09900000-0004-4000-8000-000000000001", "client_id": "placement-havby", "kind": "municipality",
                  "municipality": "0990", "roles": ["directory-administration"]}  # fmt: skip
        by_operator = await world.as_client("service-registry").post("/directory/imports", {"clients": [client]})
        await world.settle()
        after = await system.post("/directory/imports", body)

        assert (before.status, before.problem) == (403, "only-an-administrator-changes-the-structure")
        assert (by_operator.status, after.status) == (200, 200), (by_operator.body, after.body)

    @pytest.mark.parametrize("who", ["anna", "elin", "poul"], ids=["an employee", "a leader", "a leader of another area"])
    async def test_nobody_else_imports(self, town_as_it_is: World, who: str) -> None:
        answer = await town_as_it_is.as_professional(who).post("/directory/imports", {})

        assert (answer.status, answer.problem) == (403, "only-an-administrator-changes-the-structure")

    @pytest.mark.parametrize("client", ["maternity-havby", "vans-gateway"])
    async def test_no_system_of_others_imports(self, town_as_it_is: World, client: str) -> None:
        answer = await town_as_it_is.as_client(client).post("/directory/imports", {})

        assert answer.status == 403

    async def test_an_administrator_speaks_for_their_own_municipality_only(self, town_as_it_is: World) -> None:
        stranger = town_as_it_is.as_professional("skovby-leader")
        bodies: list[dict[str, Any]] = [
            {"municipalities": [{"code": "0990", "name": "Havby", "enabled": False}]},
            {"professionals": [new_person(town_as_it_is)]},
            {"professionals": [{"id": town_as_it_is.names["anna"], "municipality": "0991", "name": "Mine", "seats": []}]},
            {"units": [{"id": town_as_it_is.names["syd"], "municipality": "0991", "kind": "social", "name": "Mine"}]},
            {"units": [{"id": town_as_it_is.names["maternity"], "organisation": "region-hav", "kind": "social", "name": "Mine"}]},
            {"units": [{"id": str(uuid4()), "organisation": "skovby", "kind": "maternity", "name": "Mine"}]},
            {"clients": [{"id": str(uuid4()), "client_id": "mine", "kind": "service"}]},
            {"clients": [{"id": str(uuid4()), "client_id": "mine", "kind": "municipality", "municipality": "0991"}]},
            {"municipalities": [{"code": "0991", "name": "Skovby", "enabled": False}]},
        ]

        answers = [await stranger.post("/directory/imports", body) for body in bodies]

        assert [answer.status for answer in answers] == [422] * len(bodies), [answer.body for answer in answers]
        assert {answer.problem for answer in answers} == {"the-file-cannot-be-imported"}
        kept = await town_as_it_is.sql(
            "directory", "select name from unit where name = 'Mine' union select name from employee where name = 'Mine'"
        )
        assert kept == []

    async def test_every_place_is_told_and_no_name_that_only_the_caller_gave(self, town_as_it_is: World) -> None:
        body = {
            "professionals": [{**new_person(town_as_it_is), "0101900000": "x", "seats": [{"unit": "vest"}]}],
            "units": [{"id": "none", "municipality": "0990", "kind": "social", "name": "Ny"}],
        }

        answer = await town_as_it_is.as_professional("lone").post("/directory/imports", body)

        places = {place["at"] for place in answer.body["places"]}
        assert places == {"professionals[0].?", "professionals[0].seats[0].unit", "units[0].id"}
        assert "0101900000" not in str(answer.body)

    async def test_many_leaving_needs_a_yes(self, world: World) -> None:
        body = {"municipalities": [{"code": "0990", "name": "Havby", "complete": True}], "professionals": []}
        lone = world.as_professional("lone")

        no = await lone.post("/directory/imports", body)
        yes = await lone.post("/directory/imports?yes_many_leave=true&dry_run=true", body)

        assert (no.status, no.problem, no.body["going"]) == (422, "not-more-than-a-third-goes-at-once", 17)
        assert yes.body["events"]["ProfessionalLeaving"] == 17

    @pytest.mark.parametrize("body", [[], "x", {"units": "x"}, {"units": [[]]}, {"units": [None]}, {"issuer": 1}, {"x": 1}])
    async def test_what_is_no_directory_at_all_is_refused_politely(self, town_as_it_is: World, body: Any) -> None:
        answer = await town_as_it_is.as_professional("lone").post("/directory/imports", body)

        assert answer.status == 422, answer.body


class TestPeople:
    async def test_a_leader_takes_someone_on_in_the_unit_they_lead(self, world: World) -> None:
        answer = await world.as_professional("elin").post("/directory/professionals", new_person(world, "syd"))

        assert (answer.status, answer.body, answer.headers["etag"]) == (201, {"id": NEW}, '"1"')
        assert await world.events("directory", NEW) == ["professional_joined"]

    async def test_an_id_from_outside_is_kept_and_without_one_it_is_made(self, world: World) -> None:
        body = {key: value for key, value in new_person(world).items() if key != "id"}

        made = await world.as_professional("lone").post("/directory/professionals", body)
        again = await world.as_professional("lone").post("/directory/professionals", {**body, "id": made.body["id"]})

        assert (made.status, again.status, again.problem) == (201, 422, "not-understood")

    @pytest.mark.parametrize(
        ("who", "more"),
        [("anna", {}), ("elin", {}), ("elin", {"unit": "syd", "login": "x"}), ("elin", {"unit": "syd", "administers": True})],
        ids=["a colleague", "a leader beside", "a log-in", "the right to administer"],
    )
    async def test_nobody_takes_someone_on_elsewhere_or_says_who_logs_in(
        self, town_as_it_is: World, who: str, more: dict[str, Any]
    ) -> None:
        answer = await town_as_it_is.as_professional(who).post("/directory/professionals", new_person(town_as_it_is, **more))

        assert answer.status == 403, answer.body

    async def test_a_leader_above_moves_someone_between_units_and_both_are_touched(self, world: World) -> None:
        path = f"/directory/professionals/{world.names['anna']}"
        to_syd = {"seats": [{"unit": world.names["syd"]}]}

        beside = await world.as_professional("elin").post(path, to_syd)
        above = await world.as_professional("lone").post(path, to_syd)
        await world.settle()

        assert (beside.status, above.status) == (403, 200)
        assert [seat["unit"] for seat in (await shown(world, world.names["anna"]))["seats"]] == [world.names["syd"]]
        open_seats = await world.sql(
            "registry", "select unit from seat where professional = $1 and taking", UUID(world.names["anna"])
        )
        assert [str(row["unit"]) for row in open_seats] == [world.names["syd"]]

    async def test_what_was_decided_on_an_old_version_is_refused(self, world: World) -> None:
        lone, path = world.as_professional("lone"), f"/directory/professionals/{world.names['anna']}"
        await lone.post(path, {"seats": [{"unit": world.names["syd"]}]})

        late = await lone.post(path, {"seats": [{"unit": world.names["nord"]}]}, if_match=1)
        late_and_the_same = await lone.post(path, {"seats": [{"unit": world.names["syd"]}]}, if_match=1)

        assert (late.status, late_and_the_same.status) == (409, 409)
        assert [seat["unit"] for seat in (await shown(world, world.names["anna"]))["seats"]] == [world.names["syd"]]

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({"seats": [{"unit": str(UUID(int=9))}]}, "seats[0].unit"),
            ({"email": "nowhere"}, "email"),
            ({"seats": [{"unit": "09910000-0001-4000-8000-000000000001"}]}, "seats[0].unit"),
        ],
    )
    async def test_what_does_not_fit_is_told_with_its_place(self, town_as_it_is: World, body: Any, place: str) -> None:
        path = f"/directory/professionals/{town_as_it_is.names['anna']}"

        answer = await town_as_it_is.as_professional("lone").post(path, body)

        assert (answer.status, answer.problem) == (422, "not-understood")
        assert [found["at"] for found in answer.body["places"]] == [place]

    async def test_a_leader_above_names_competences_and_a_leader_beside_does_not(self, world: World) -> None:
        path = f"/directory/professionals/{world.names['birgit']}/competences"
        body = {"competences": [{"competence": "cos-p", "from_on": "2026-01-01"}]}

        beside = await world.as_professional("elin").post(path, body)
        above = await world.as_professional("lone").post(path, body)

        assert (beside.status, above.status) == (403, 200)
        assert (await shown(world, world.names["birgit"]))["competences"] == [
            {"competence": "cos-p", "from_on": "2026-01-01", "until_on": None}
        ]
        trained = await world.as_professional("inge").get("/directory/professionals", params={"competence": "cos-p"})
        assert [person["name"] for person in trained.body["professionals"]] == ["Anna Fuldby", "Birgit Strandgaard"]


class TestReturning:
    async def leave(self, world: World, released: bool = True) -> str:
        elin = world.names["elin"]
        await world.as_professional("lone").post(f"/directory/professionals/{elin}/departure", {})
        await world.settle()
        if released:
            async with world.store("directory").transaction() as tx:
                event = ProfessionalReleased(professional=UUID(elin), municipality="0990")
                number = envelope(event, UUID(elin))["id"]
                await show_as_left(Received(event, number, UUID(elin), 1, await world.store("directory").now()), tx)
            await world.settle()
        return elin

    async def test_who_has_left_is_taken_on_again_on_new_seats_and_logs_in_again(self, world: World) -> None:
        elin = await self.leave(world)
        gone = await world.as_professional("elin").get("/directory/units")

        answer = await world.as_professional("lone").post(
            f"/directory/professionals/{elin}/return", {"seats": [{"unit": world.names["nord"]}]}
        )
        await world.settle()

        assert (gone.status, answer.status) == (403, 200), answer.body
        person = await shown(world, elin)
        assert (person["state"], [seat["unit"] for seat in person["seats"]]) == ("active", [world.names["nord"]])
        assert (await world.events("directory", elin))[-2:] == ["professional_left", "professional_joined"]
        assert (await world.as_professional("elin").get("/directory/units")).status == 200

    async def test_whoever_is_still_leaving_or_never_left_is_not_taken_on_again(self, world: World) -> None:
        elin = await self.leave(world, released=False)
        body = {"seats": [{"unit": world.names["nord"]}]}

        answers = [
            await world.as_professional("lone").post(f"/directory/professionals/{number}/return", body)
            for number in (elin, world.names["anna"])
        ]

        assert {(answer.status, answer.problem) for answer in answers} == {(409, "only-who-has-left-is-taken-on-again")}


class TestUnits:
    async def test_the_administrator_makes_changes_and_closes_a_unit(self, world: World) -> None:
        lone = world.as_professional("lone")
        body = {"municipality": "0990", "kind": "dagpleje", "name": "Gruppe 4", "parent": world.names["placement"],
                "district": world.names["nord"], "sor": ["990000000016044"]}  # fmt: skip

        made = await lone.post("/directory/units", body)
        path = f"/directory/units/{made.body['id']}"
        by_sor = await lone.get("/directory/units", params={"sor": "990000000016044"})
        of_district = await lone.get("/directory/units", params={"district": world.names["nord"]})
        changed = await lone.post(path, {"name": "Gruppe 5", "sor": []})
        closed = await lone.post(path, {"active": False})

        assert (made.status, changed.status, closed.status) == (201, 200, 200), (made.body, changed.body, closed.body)
        assert [unit["id"] for unit in by_sor.body["units"]] == [made.body["id"]]
        assert {unit["name"] for unit in of_district.body["units"]} == {"Gruppe 4", "Børnehuset Mælkevejen", "Sundhedspleje Nord"}
        unit = (await lone.get(path)).body
        assert (unit["name"], unit["sor"], unit["active"], unit["district"]) == ("Gruppe 5", [], False, world.names["nord"])

    async def test_a_sor_number_of_another_municipality_is_refused_by_name(self, town_as_it_is: World) -> None:
        body = {"municipality": "0990", "kind": "social", "name": "Ny", "sor": ["991000000016001"]}

        answer = await town_as_it_is.as_professional("lone").post("/directory/units", body)

        assert (answer.status, answer.problem) == (409, "a-sor-number-stands-for-one-unit")

    async def test_a_midwife_centre_is_registered_by_the_operator_and_seen_by_all(self, world: World) -> None:
        body = {
            "organisation": "region-hav",
            "kind": "midwife-centre",
            "name": "Jordemodercenter Havby",
            "sor": ["999000000016044"],
        }

        by_administrator = await world.as_professional("lone").post("/directory/units", body)
        by_operator = await world.as_client("service-midwife").post("/directory/units", body)

        assert (by_administrator.status, by_operator.status) == (422, 201), (by_administrator.body, by_operator.body)
        seen = await world.as_professional("skovby-lead").get(f"/directory/units/{by_operator.body['id']}")
        assert seen.body["sor"] == ["999000000016044"]

    @pytest.mark.parametrize("who", ["anna", "elin"])
    async def test_nobody_else_changes_the_structure(self, town_as_it_is: World, who: str) -> None:
        answer = await town_as_it_is.as_professional(who).post(
            f"/directory/units/{town_as_it_is.names['syd']}", {"active": False}
        )

        assert (answer.status, answer.problem) == (403, "only-an-administrator-changes-the-structure")


class TestIntakes:
    def of(self, world: World, lead: str = "ditte", deputy: str = "inge") -> dict[str, Any]:
        seat = {name: {"professional": world.names[name], "unit": world.names["intake"]} for name in (lead, deputy, "lone")}
        return {
            "municipality": "0990",
            "unit": world.names["intake"],
            "lead": seat[lead],
            "deputy": seat[deputy],
            "leader": seat["lone"],
        }

    async def test_a_new_intake_lead_is_named_and_told(self, world: World) -> None:
        answer = await world.as_professional("lone").post("/directory/intakes", self.of(world))
        await world.settle()

        assert answer.status == 200, answer.body
        listed = (await world.as_professional("anna").get("/directory/intakes")).body["intakes"]
        assert [intake["lead"]["professional"] for intake in listed] == [world.names["ditte"]]
        [lead] = await world.sql("registry", "select lead from intake where municipality = '0990'")
        assert str(lead["lead"]) == world.names["ditte"]

    async def test_lead_and_deputy_are_two_people(self, town_as_it_is: World) -> None:
        answer = await town_as_it_is.as_professional("lone").post("/directory/intakes", self.of(town_as_it_is, "inge", "inge"))

        assert (answer.status, answer.body["places"]) == (
            422,
            [{"at": "intakes", "says": "lead, deputy and leader are three people"}],
        )

    @pytest.mark.parametrize("who", ["inge", "anna", "skovby-leader"])
    async def test_nobody_else_names_an_intake_lead(self, town_as_it_is: World, who: str) -> None:
        answer = await town_as_it_is.as_professional(who).post("/directory/intakes", self.of(town_as_it_is))

        assert answer.status in (403, 422)
        [lead] = await town_as_it_is.sql("directory", "select lead from intake where municipality = '0990'")
        assert str(lead["lead"]) == town_as_it_is.names["inge"]
