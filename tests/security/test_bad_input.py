"""What must not come in: others' ids, tokens that prove nothing, bodies against the contract. Each no says whose fault it is."""

import time
import uuid
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from joserfc.jwk import ECKey

from services import catalogue
from services.app import create_app
from services.chassis.settings import Settings
from tests.security.standing import Child
from tests.support.issuer import Issuer
from tests.support.world import Answer

CONTRACT = create_app(catalogue.SERVICES, Settings(), work=False).openapi()
FOREIGNER, STRANGER = "skovby-lead", "karen"

# The id of the child's that belongs where a path takes one; the first that fits.
IDS = (
    ("/registry/handovers", "handover"), ("/registry/bulk-handovers", "bulk"),
    ("/midwife/notifications", "notification"), ("/directory/absences", "absence"),
    ("/sundhedspleje/visits", "visit"), ("/sundhedspleje/screenings", "screening"), ("/sundhedspleje/follow-ups", "follow_up"),
    ("/sundhedspleje/criteria", "criterion"), ("/sundhedspleje/underretninger", "underretning"),
    ("/daycare/starts", "start"), ("/daycare/plusplads", "place"), ("/daycare/asked-pluspladser", "asked"),
    ("/daycare/meetings", "meeting"),
    ("/daycare/agreements", "agreement"), ("/daycare/units", "maelkevejen"),
    ("/sundhedspleje/overleveringer", "overlevering"), ("/persons/consents", "consent"),
    ("/sundhedspleje/courses", "course"), ("/sundhedspleje/sessions", "session"), ("/sundhedspleje/gatherings", "gathering"),
    ("/sundhedspleje/enrolments", "enrolment"), ("/sundhedspleje/methods", "method"),
    ("/notifications/subscriptions", "subscription"), ("/notifications/letters", "letter"),
    ("/notifications/municipalities", "municipality"), ("/directory/municipalities", "municipality"),
    ("/notifications/deliveries", "delivery"), ("/directory/professionals", "dorte"), ("/directory/units", "syd"),
    ("/", "child"),
)  # fmt: skip
# A body that the contract lets through, for every change at an address with an id in it. None: it takes no body.
_SEAT = {"professional": str(uuid.UUID(int=1)), "unit": str(uuid.UUID(int=2))}
CHANGES: dict[str, Any] = {
    "/midwife/notifications/{id}/placement": {"placement": "not-ours"},
    "/midwife/notifications/{id}/withdrawal": {"reason": "sent-in-error"},
    "/persons/children/{ref}/identifiers": {"identifiers": [{"system": "urn:oid:1.2.208.176.1.2", "value": "0101269999"}]},
    "/persons/children/{ref}/custody": {"holders": [{"person": str(uuid.UUID(int=3))}], "from_on": "2026-01-01"},
    "/persons/{ref}/contact": {"email": "somebody@familie.example"},
    "/persons/{ref}/consents": {
        "given_by": str(uuid.UUID(int=3)), "recipient_kind": "daycare", "purpose": "transition", "categories": ["feeding"],
        "from_on": "2026-01-01",
    },
    "/persons/consents/{number}/withdrawal": None,
    "/persons/children/{ref}/death": {},
    "/persons/children/{ref}/death/undoing": None,
    "/persons/children/{ref}/pregnancy-end": {},
    "/persons/children/{ref}/pregnancy-end/undoing": None,
    "/persons/children/{ref}/merge": {"with": str(uuid.UUID(int=4)), "reason": "other"},
    "/persons/{ref}/protection": {"protected": True},
    "/persons/{ref}/separation": None,
    "/persons/proposals/{number}/decision": {"decision": "noted"},
    "/directory/absences/{absence}/end": None,
    "/directory/professionals/{professional}/departure": {},
    "/directory/municipalities/{municipality}": {"closing_age": 6},
    "/sundhedspleje/programme-file/{number}/withdrawal": None,
    "/sundhedspleje/visit-plan-file/{number}/withdrawal": None,
    "/directory/professionals/{professional}": {"seats": []},
    "/directory/professionals/{professional}/competences": {"competences": []},
    "/directory/professionals/{professional}/return": {"seats": [{"unit": str(uuid.UUID(int=2))}]},
    "/directory/units/{unit}": {"active": False},
    "/registry/children/{child_ref}/handovers": {"to": _SEAT, "reason": "district"},
    "/registry/children/{child_ref}/override": {"to": _SEAT, "reason": "conflict-of-interest"},
    "/registry/children/{child_ref}/move": {"to_municipality": "0991"},
    "/registry/children/{child_ref}/closing": {"reason": "settled"},
    "/registry/children/{child_ref}/reopening": {"to": _SEAT},
    "/registry/children/{child_ref}/separation": {},
    "/registry/matters/{matter}/decision": {"outcome": "kept"},
    "/registry/handovers/{handover_id}/acceptance": {},
    "/registry/handovers/{handover_id}/refusal": {"reason": "at-capacity"},
    "/registry/handovers/{handover_id}/withdrawal": {},
    "/registry/handovers/{handover_id}/rescheduling": {"effective_on": "2031-01-01"},
    "/registry/children/{child_ref}/seen": {},
    "/registry/bulk-handovers/{bulk_id}/answer": {"accept": True},
    "/registry/handovers/{handover_id}/question": {"text": "Who is it?"},
    "/registry/handovers/{handover_id}/answer": {"text": "Nobody."},
    "/daycare/starts/{number}/date": {"starts_on": "2031-01-01"},
    "/daycare/starts/{number}/cancellation": {"cause": "family"},
    "/sundhedspleje/visits/{number}/held": {"on": "2026-01-01", "where": "home"},
    "/sundhedspleje/visits/{number}/missed": None,
    "/sundhedspleje/visits/{number}/declined": {"reason": "no-time"},
    "/sundhedspleje/visits/{number}/window": {"from_on": "2031-01-01", "until_on": "2031-01-02"},
    "/sundhedspleje/visits/{number}/participants": {"participants": [_SEAT], "family_agrees": True},
    "/sundhedspleje/cases/{child_ref}/need-visits": {"reason": "sleep", "from_on": "2031-01-01", "until_on": "2031-01-02"},
    "/sundhedspleje/cases/{child_ref}/criteria": {"criterion": "serious-loss"},
    "/sundhedspleje/criteria/{number}/end": None,
    "/sundhedspleje/cases/{child_ref}/screenings": {"instrument": "adbb", "whose": "child", "score": 3, "on": "2026-01-01"},
    "/sundhedspleje/screenings/{number}/withdrawal": {"reason": "wrong-score"},
    "/sundhedspleje/follow-ups/{number}/end": {"outcome": "support"},
    "/sundhedspleje/cases/{child_ref}/underretninger": {"to_unit": str(uuid.UUID(int=2))},
    "/sundhedspleje/underretninger/{number}/assessment": {"assessment": "acute"},
    "/sundhedspleje/underretninger/{number}/receipt": None,
    "/daycare/starts/{number}/settled": None,
    "/daycare/starts/{number}/leaving": {"left_on": "2031-01-01"},
    "/daycare/starts/{number}/pedagogue": {"professional": str(uuid.UUID(int=1))},
    "/daycare/starts/{number}/overlevering-declined": {"declined_by": "family"},
    "/daycare/starts/{number}/method": {"method": "icdp"},
    "/daycare/starts/{number}/continuation": {"continues": False},
    "/daycare/starts/{number}/baton": {"moves": True},
    "/daycare/starts/{number}/meetings": {"held_on": "2031-01-01"},
    "/daycare/meetings/{number}/outcome": {"outcome": "cancelled"},
    "/daycare/plusplads/{number}/release": {"reason": "other"},
    "/daycare/asked-pluspladser/{number}/reservation": {},
    "/daycare/asked-pluspladser/{number}/refusal": {"reason": "other"},
    "/daycare/units/{unit}/capacity": {"from_on": "2031-01-01", "places": 1},
    "/daycare/units/{unit}/agreements": {"with_unit": str(uuid.UUID(int=2)), "agreed_on": "2026-01-01", "every_months": 6},
    "/daycare/agreements/{number}/meetings": {"held_on": "2026-01-01"},
    "/daycare/units/{unit}/talks": {"topic": "attachment", "held_on": "2026-01-01"},
    "/notifications/deliveries/{delivery}/seen": None,
    "/notifications/deliveries/{delivery}/told": None,
    "/notifications/deliveries/{delivery}/again": None,
    "/notifications/deliveries/{delivery}/other-channel": {"channel": "letter"},
    "/notifications/subscriptions/{subscription}/test": None,
    "/notifications/subscriptions/{subscription}/secret": None,
    "/notifications/subscriptions/{subscription}/pause": None,
    "/notifications/subscriptions/{subscription}/resume": None,
    "/notifications/subscriptions/{subscription}/replay": {"from_sequence": 1},
    "/notifications/subscriptions/{subscription}/rules": {"name": "more"},
    "/sundhedspleje/courses/{number}/change": {"capacity": 5},
    "/sundhedspleje/courses/{number}/team": {"team": []},
    "/sundhedspleje/courses/{number}/sessions": {"on_date": "2031-01-01"},
    "/sundhedspleje/courses/{number}/start": None,
    "/sundhedspleje/courses/{number}/end": {},
    "/sundhedspleje/courses/{number}/cancellation": None,
    "/sundhedspleje/sessions/{number}/held": {},
    "/sundhedspleje/sessions/{number}/attendance": {},
    "/sundhedspleje/sessions/{number}/cancellation": None,
    "/sundhedspleje/enrolments/{number}/acceptance": {},
    "/sundhedspleje/enrolments/{number}/refusal": {"reason": "no-time"},
    "/sundhedspleje/enrolments/{number}/place": {"course": str(uuid.UUID(int=5))},
    "/sundhedspleje/enrolments/{number}/start": None,
    "/sundhedspleje/enrolments/{number}/completion": {},
    "/sundhedspleje/enrolments/{number}/stop": {"reason": "family-wishes"},
    "/sundhedspleje/gatherings/{number}/held": {},
    "/sundhedspleje/gatherings/{number}/cancellation": None,
}  # fmt: skip
# The same for what is put or deleted.
PUT_OR_DELETED: dict[tuple[str, str], Any] = {
    ("put", "/notifications/municipalities/{municipality}/letters"): {"first_after_working_days": 1},
    ("delete", "/notifications/subscriptions/{subscription}"): None,
    ("delete", "/notifications/subscriptions/{subscription}/rules/{name}"): None,
}
# Bodies that name a child, at addresses without an id in them.
NAMING_A_CHILD: dict[str, Any] = {
    "/sundhedspleje/overleveringer": {
        "child": "{child}", "to": {"unit": str(uuid.UUID(int=2))}, "categories": ["feeding"], "text": "Eats well.",
    },
    "/sundhedspleje/overleveringer/preview": {
        "child": "{child}", "to": {"unit": str(uuid.UUID(int=2))}, "categories": ["feeding"], "text": "Eats well.",
    },
    "/daycare/starts": {"child": "{child}", "unit": str(uuid.UUID(int=2)), "starts_on": "2031-01-01"},
    "/daycare/plusplads": {"child": "{child}", "unit": str(uuid.UUID(int=2)), "method": "cos-p"},
    "/sundhedspleje/enrolments": {"child": "{child}", "programme": "familiegruppe", "grounds": ["wants-a-network"]},
    "/persons/decisions": {"child": "{child}", "recipient_kind": "daycare", "purpose": "transition", "categories": ["feeding"]},
}  # fmt: skip
NAMING_A_CHILD_IN_THE_QUERY = (
    "/daycare/starts?child={child}", "/daycare/starts?unit={maelkevejen}", "/daycare/arrivals?unit={maelkevejen}",
    "/daycare/asked-pluspladser?unit={maelkevejen}", "/daycare/asked-pluspladser?of=me", "/registry/caseloads?unit={syd}",
    "/daycare/asked-pluspladser?of=municipality", "/sundhedspleje/configuration",
    "/daycare/plusplads?unit={maelkevejen}", "/daycare/agreements?unit={maelkevejen}", "/notifications/deliveries?child={child}",
    "/notifications/deliveries?recipient={dorte}", "/notifications/deliveries?recipient=me",
    "/notifications/deliveries?state=failed",
    "/registry/handovers?to={anna}", "/registry/handovers?state=open", "/registry/matters", "/registry/children",
    "/registry/children?holder={dorte}", "/midwife/notifications?state=registered",
    "/sundhedspleje/visits?holder=me", "/sundhedspleje/visits?participant=me", "/sundhedspleje/visits?unit={syd}",
    "/sundhedspleje/follow-ups?holder=me", "/sundhedspleje/systematic-screenings?unit={syd}",
    "/sundhedspleje/underretninger?given_by=me", "/sundhedspleje/underretninger?unit={social}",
    "/sundhedspleje/cases?holder=me", "/directory/professionals?municipality=0990", "/directory/professionals?unit={syd}",
    "/directory/units?municipality=0990", "/sundhedspleje/courses", "/sundhedspleje/gatherings",
    "/sundhedspleje/courses?programme=familiegruppe", "/notifications/untold?minutes=0", "/notifications/subscriptions",
    "/directory/absences?deputy={dorte}", "/registry/bulk-handovers",
    "/sundhedspleje/week", "/daycare/week", "/registry/desk",
)  # fmt: skip

# Colleagues and units of one's own municipality are no secret, nor what it plans for families, as long as none is named.
OPEN_WITHIN_A_MUNICIPALITY = {
    (STRANGER, "/directory/professionals/{professional}"),
    (STRANGER, "/directory/units/{unit}"),
    (STRANGER, "/daycare/units/{unit}/capacity"),
    (STRANGER, "/daycare/units/{unit}/talks"),
    (STRANGER, "/sundhedspleje/courses/{number}"),
    (STRANGER, "/sundhedspleje/gatherings/{number}"),
    (STRANGER, "/sundhedspleje/methods/{method}/trained"),
    (STRANGER, "/notifications/municipalities/{municipality}/letters"),
    (STRANGER, "/directory/municipalities/{municipality}"),
}
# What is named otherwise than by an id that we draw: one that nobody has.
OTHERWISE_NAMED = {"municipality": "9999", "method": "no-such-method"}


def _operations(method: str, with_id: bool = False) -> list[str]:
    return [path for path, does in CONTRACT["paths"].items() if method in does and (not with_id or "{" in path)]


def _filled(path: str, names: dict[str, str]) -> str:
    kind = next(name for start, name in IDS if path.startswith(start))
    start, _, rest = path.partition("{")
    # The name of the rule that the subscription has.
    return f"{start}{names[kind]}{rest.partition('}')[2]}".replace("{name}", "all") if rest else path


def _refusals(path: str) -> tuple[int, ...]:
    """A family's addresses take its pass, and no token of the log-in provider whoever holds it."""
    return (401,) if path.startswith("/persons/family/") else (403, 404)


def _nobodys() -> dict[str, str]:
    """Ids that nobody has, for every place in a path."""
    return dict.fromkeys([name for _, name in IDS], str(uuid.uuid4())) | OTHERWISE_NAMED


def _is_a_problem(answer: Answer) -> None:
    """RFC 9457, with whose fault it is and whether to try again."""
    assert 400 <= answer.status < 500, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.body["type"].startswith("https://")
    assert answer.body["status"] == answer.status
    assert answer.body["title"]
    assert answer.body["detail"]
    assert (answer.body["fault"], answer.body["retry"]) == ("caller", False)


@pytest.fixture(scope="module")
async def names(child: Child) -> dict[str, str]:
    """Everything of the child's and the town's by name, with a consent and an absence too."""
    shown = (await child.as_("dorte").get(f"/directory/professionals/{child.world.names['dorte']}")).body
    consent = {
        "given_by": child.names["mother"], "recipient_kind": "daycare", "purpose": "transition", "categories": ["feeding"],
        "from_on": "2026-01-01",
    }  # fmt: skip
    given = await child.as_("dorte").post(f"/persons/{child.names['child']}/consents", consent)
    assert given.status == 201, given.body
    offered = (await child.as_("dorte").get(f"/registry/handovers/{child.names['handover']}")).body
    many = {"to": offered["receiver"], "reason": "leaves-the-team", "children": [child.names["child"]]}
    bulk = await child.as_("dorte").post("/registry/bulk-handovers", many)
    assert bulk.status == 202, bulk.body
    agreement = {"with_unit": child.world.names["syd"], "agreed_on": "2026-01-01", "every_months": 6}
    agreed = await child.as_("placement-havby").post(f"/daycare/units/{child.world.names['maelkevejen']}/agreements", agreement)
    planned = await child.as_("dorte").post(f"/daycare/starts/{child.names['start']}/meetings", {"held_on": "2030-01-01"})
    met = {"agreement": agreed.body["id"], "meeting": planned.body["meeting"]}
    hears = {"url": "https://record.havby.example/hook", "rules": [{"name": "all"}]}
    heard = await child.as_("placement-havby").post("/notifications/subscriptions", hears)
    assert heard.status == 201, heard.body
    met |= {"subscription": heard.body["id"], "municipality": "0990", "method": "tidlig-opsporing"}
    more = met | {"absence": shown["absences"][0]["id"], "consent": given.body["consent"], "bulk": bulk.body["id"]}
    return {**child.world.names, **child.names, **more}


class TestAnotherPartysIds:
    """Whoever has no relation to a child cannot tell its ids from ones that nobody has."""

    def test_every_change_with_an_id_is_in_the_table(self) -> None:
        of_operators = {path for path in _operations("post", with_id=True) if "/dead-letters/" in path}

        assert set(_operations("post", with_id=True)) - of_operators == set(CHANGES)
        other = {(way, path) for way in ("put", "delete", "patch") for path in _operations(way, with_id=True)}
        assert other == set(PUT_OR_DELETED)

    @pytest.mark.parametrize(
        ("who", "path"), list(product([FOREIGNER, STRANGER, "vans-gateway"], _operations("get", with_id=True)))
    )
    async def test_nothing_of_it_is_read(self, child: Child, names: dict[str, str], who: str, path: str) -> None:
        if (who, path) in OPEN_WITHIN_A_MUNICIPALITY:
            assert (await child.as_(who).get(_filled(path, names))).status == 200
            return

        answer = await child.as_(who).get(_filled(path, names))

        assert answer.status in _refusals(path)
        _is_a_problem(answer)

    @pytest.mark.parametrize(("who", "path"), list(product([FOREIGNER, STRANGER, "vans-gateway"], CHANGES)))
    async def test_nothing_of_it_is_changed(self, child: Child, names: dict[str, str], who: str, path: str) -> None:
        answer = await child.as_(who).post(_filled(path, names), CHANGES[path])

        assert answer.status in (403, 404), answer.body
        _is_a_problem(answer)

    @pytest.mark.parametrize(("who", "change"), list(product([FOREIGNER, STRANGER, "vans-gateway"], PUT_OR_DELETED)))
    async def test_nothing_of_it_is_put_or_deleted(
        self, child: Child, names: dict[str, str], who: str, change: tuple[str, str]
    ) -> None:
        (way, path), caller = change, child.as_(who)

        filled = _filled(path, names)
        answer = await (caller.put(filled, PUT_OR_DELETED[change]) if way == "put" else caller.delete(filled))

        assert answer.status in (403, 404), answer.body
        _is_a_problem(answer)

    @pytest.mark.parametrize(("who", "path"), list(product([FOREIGNER, STRANGER], NAMING_A_CHILD)))
    async def test_naming_it_in_a_body_tells_nothing(self, child: Child, names: dict[str, str], who: str, path: str) -> None:
        body = {**NAMING_A_CHILD[path], "child": names["child"]}

        answer = await child.as_(who).post(path, body)

        assert answer.status in (403, 404), answer.body
        _is_a_problem(answer)

    @pytest.mark.parametrize("query", NAMING_A_CHILD_IN_THE_QUERY)
    async def test_asking_for_it_in_a_list_gives_an_empty_one(self, child: Child, names: dict[str, str], query: str) -> None:
        answer = await child.as_(FOREIGNER).get(query.format(**names))

        assert answer.status in (200, 403, 404)
        if answer.status == 200:
            shown = [line for lines in answer.body.values() if isinstance(lines, list) for line in lines]
            assert [line for line in shown if line.get("municipality") == "0990"] == []
            ours = {names[it] for it in ("child", "handover", "start", "dorte", "course", "gathering", "subscription")}
            assert not ours & {str(it) for line in shown for it in line.values()}

    @pytest.mark.parametrize("path", _operations("get", with_id=True))
    async def test_an_id_that_nobody_has_is_not_found(self, child: Child, path: str) -> None:
        answer = await child.as_("service-daycare").get(_filled(path, _nobodys()))

        if "/subjects/" in path:
            assert (answer.status, answer.body["events"]) == (200, [])
        else:
            assert answer.status in _refusals(path)
            _is_a_problem(answer)

    async def test_who_belongs_elsewhere_cannot_say_that_they_act_here(self, child: Child) -> None:
        answer = await child.as_(FOREIGNER).get(
            f"/registry/children/{child.names['child']}", headers={"x-acting-municipality": "0990"}
        )

        assert answer.status == 403
        _is_a_problem(answer)


def _tokens(issuer: Issuer) -> Iterator[tuple[str, str | None]]:
    good, now, dorte = issuer.token, int(time.time()), "09900000-0003-4000-8000-000000000006"
    stolen = ECKey.generate_key("P-256")
    signed = good(dorte).split(".")
    yield "none at all", None
    yield "not a token", "Bearer nothing"
    yield "another scheme", f"Basic {good(dorte)}"
    yield "expired", f"Bearer {good(dorte, exp=now - 120, iat=now - 400)}"
    yield "of the future", f"Bearer {good(dorte, nbf=now + 3600)}"
    yield "of another provider", f"Bearer {good(dorte, iss='https://login.elsewhere.example')}"
    yield "for another service", f"Bearer {good(dorte, aud='https://shop.example')}"
    yield "signed by somebody else", f"Bearer {good(dorte, key=stolen)}"
    yield "unsigned", f"Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.{signed[1]}."
    yield "altered", f"Bearer {signed[0]}.{signed[1][:-4]}AAAA.{signed[2]}"
    yield "an id token", f"Bearer {good(dorte, typ='JWT')}"
    yield "bound to a key", f"Bearer {good(dorte, cnf={'jkt': 'x'})}"


TOKENS = [name for name, _ in _tokens(Issuer({}))]


class TestTokens:
    """A token says who; one that does not prove it is nobody's."""

    @pytest.mark.parametrize("which", TOKENS)
    async def test_what_proves_nothing_opens_no_address(self, child: Child, which: str) -> None:
        token = dict(_tokens(child.world.issuer))[which]
        headers = {"authorization": token} if token else {}

        for path in [*_operations("get"), *(path for path in _operations("post") if not path.startswith("/fhir"))]:
            if path in ("/livez", "/readyz", "/metrics"):
                continue
            method = "GET" if "get" in CONTRACT["paths"][path] else "POST"
            raw = await child.world.http.request(method, _filled(path, _nobodys()), headers=headers)

            assert raw.status_code == 401, (path, raw.text)
            assert raw.headers["www-authenticate"] == "Bearer"
            assert raw.json()["type"].endswith("/log-in-again")
            assert token is None or token.split()[-1] not in raw.text

    async def test_a_good_token_of_somebody_the_directory_does_not_know_opens_nothing(self, child: Child) -> None:
        nobody = child.world.with_token(child.world.issuer.token(str(uuid.uuid4())))

        answer = await nobody.get(f"/registry/children/{child.names['child']}")

        assert (answer.status, answer.problem) == (403, "caller-is-unknown")


JSON = {"content-type": "application/json"}
NESTED = b'{"to":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "malformed": (b'{"to": ', JSON),
    "nothing": (b"", JSON),
    "null": (b"null", JSON),
    "a list": (b"[]", JSON),
    "a number that is too large": (b'{"order": ' + b"9" * 5000 + b"}", JSON),
    "not a number": (b'{"order": NaN}', JSON),
    "not UTF-8": (b'{"text": "\xff\xfe"}', JSON),
    "half a sign": (b'{"text": "\\ud800"}', JSON),
    "nested without end": (NESTED, JSON),
    "unknown fields": (b'{"is_admin": true, "municipality": "0991"}', JSON),
    "XML": (b"<a/>", {"content-type": "application/xml"}),
    "a form": (b"a=b", {"content-type": "application/x-www-form-urlencoded"}),
    "more than 1 MiB": (b'{"text": "' + b"a" * 1_048_577 + b'"}', JSON),
}
WITH_A_BODY = [
    path for path in _operations("post") if "requestBody" in CONTRACT["paths"][path]["post"] and not path.startswith("/fhir")
]  # fmt: skip


class TestBodies:
    """What breaks the contract is refused before anything is done, and never an error of ours."""

    @pytest.mark.parametrize("which", BODIES)
    async def test_what_is_not_what_the_contract_says(self, child: Child, names: dict[str, str], which: str) -> None:
        content, headers = BODIES[which]
        for path in WITH_A_BODY:
            if which in ("nothing", "null") and not CONTRACT["paths"][path]["post"]["requestBody"].get("required", False):
                continue
            answer = await child.as_("dorte").ask(
                "POST", _filled(path, names), {**headers, "idempotency-key": str(uuid.uuid4())}, content=content
            )
            _is_a_problem(answer)
            # A whole municipality is larger; there it is refused for who sends it.
            too_large = 403 if path == "/directory/imports" else 413
            assert answer.status == {"more than 1 MiB": too_large}.get(which, answer.status), path

    @pytest.mark.parametrize("path", [*_operations("get", with_id=True), *CHANGES])
    @pytest.mark.parametrize("given", ["no-id", "%00", "..%2f..%2fetc", "9" * 5000, "%F0%9F%91%B6", "' or 1=1 --"])
    async def test_an_id_that_is_none(self, child: Child, path: str, given: str) -> None:
        filled = _filled(path, dict.fromkeys([name for _, name in IDS], given))

        if path in CHANGES:
            answer = await child.as_("dorte").post(filled, CHANGES[path])
        else:
            answer = await child.as_("dorte").get(filled)

        _is_a_problem(answer)
        assert given not in str(answer.body)

    async def test_a_change_without_a_key_or_with_a_bad_one_or_a_bad_version(self, child: Child, names: dict[str, str]) -> None:
        for path, body in CHANGES.items():
            dorte, filled = child.as_("dorte"), _filled(path, names)
            without = await dorte.ask("POST", filled, json=body)
            too_long = await dorte.post(filled, body, key="k" * 201)
            no_version = await dorte.post(filled, body, headers={"if-match": "yesterday"})

            assert (without.status, without.problem) == (400, "idempotency-key-is-missing"), path
            for answer in (without, too_long, no_version):
                _is_a_problem(answer)

    async def test_a_change_decided_on_another_version_is_never_made(self, child: Child, names: dict[str, str]) -> None:
        """A version that nothing has, from everybody who may change something: it is met nowhere, and passed over nowhere."""
        held = set()
        changes = {("post", path): body for path, body in CHANGES.items()} | PUT_OR_DELETED
        for ((way, path), body), who in product(changes.items(), ("dorte", "anna", "thomas", "lone")):
            answer = await child.as_(who).ask(
                way.upper(), _filled(path, names), {"idempotency-key": str(uuid.uuid4()), "if-match": '"999999"'}, json=body
            )
            _is_a_problem(answer)
            held |= {path} if answer.problem in ("the-child-has-moved-on", "nothing-here-has-that-version") else set()

        assert held >= {
            "/registry/children/{child_ref}/handovers", "/registry/handovers/{handover_id}/acceptance",
            "/registry/handovers/{handover_id}/withdrawal", "/persons/{ref}/contact", "/persons/consents/{number}/withdrawal",
            "/directory/absences/{absence}/end", "/daycare/starts/{number}/continuation", "/sundhedspleje/visits/{number}/missed",
            "/sundhedspleje/sessions/{number}/cancellation",
        }  # fmt: skip


TEXTS: dict[str, str] = {
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "NUL": "before\x00after",
    "another direction": "\u202egnirts\u202c \u200b\ufeff",
    "signs upon signs": "Z" + "\u0351" * 900,
    "families of signs": "👨‍👩‍👧‍👦" * 300,
    "SQL": "'; drop table registry.child; --",
    "a template": "{{7*7}} ${7*7} %s %(name)s",
}


class TestTexts:
    """Text is kept as it is or refused; it is never made to mean anything."""

    @pytest.mark.parametrize("which", TEXTS)
    async def test_comes_back_as_it_was_given_or_is_refused(self, child: Child, which: str) -> None:
        text, dorte, anna = TEXTS[which], child.as_("dorte"), child.as_("anna")
        path = f"/registry/handovers/{child.names['handover']}"

        asked = await anna.post(f"{path}/question", {"text": text})

        if asked.status != 200:
            _is_a_problem(asked)
            assert which == "NUL"
            return
        seen = await dorte.get(path)
        answered = await dorte.post(f"{path}/answer", {"text": text})
        assert seen.headers["content-type"] == "application/json"
        assert seen.body["questions"][-1]["question"] == text.strip()
        assert answered.status == 200

    @pytest.mark.parametrize("text", ["", "   ", "a" * 4001])
    async def test_of_no_length_or_too_much_is_refused(self, child: Child, text: str) -> None:
        answer = await child.as_("anna").post(f"/registry/handovers/{child.names['handover']}/question", {"text": text})

        _is_a_problem(answer)
        assert answer.status == 422

    @pytest.mark.parametrize("which", TEXTS)
    async def test_in_a_name_of_a_mother(self, child: Child, which: str) -> None:
        number = f"010190{uuid.uuid4().int % 10}KL{uuid.uuid4().int % 10}"
        mother = {"identifiers": [{"system": "urn:oid:1.2.208.176.1.6.1.1", "value": number}], "name": TEXTS[which][:150].strip()}
        body = {
            "kind": "pregnancy", "message_id": str(uuid.uuid4()), "receiver": {"sor": "953741000016009"}, "mother": mother,
            "due_on": "2027-06-01",
        }  # fmt: skip

        answer = await child.as_("maternity-havby").post("/midwife/notifications", body)
        await child.world.settle()

        assert answer.status in (201, 422), answer.body
        assert TEXTS[which] not in str(answer.body)
        assert await child.world.dead_letters() == []


async def test_paths_that_nobody_serves_and_methods_that_nobody_takes(child: Child) -> None:
    dorte = child.as_("dorte")

    for method, path, status in (
        ("GET", "/nowhere", 404), ("GET", "/registry/child", 404), ("PUT", f"/registry/children/{child.names['child']}", 405),
        ("DELETE", f"/persons/{child.names['child']}", 405), ("GET", "/registry/handovers?limit=0", 422),
        ("GET", "/registry/handovers?limit=100000", 422), ("GET", "/registry/handovers?after=%00", 422),
        ("GET", "/directory/professionals?q=%00%00", 422), ("GET", "/registry/feed?partition=-1&after=-1", 422),
    ):  # fmt: skip
        answer = await dorte.ask(method, path)
        assert answer.status in (status, 403), (method, path, answer.body)
        _is_a_problem(answer)
