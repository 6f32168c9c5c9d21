"""Pages over HTTP: sessions, forged forms, foreign ids, hostile text, and a session that nobody reads in the database."""

import html
import re
import time
import uuid
from dataclasses import dataclass

import asyncpg
import httpx2
import pytest

from services.chassis.migrate import owner_dsn
from services.demo import town
from services.portal import repository
from services.portal.repository import Key, Tokens
from tests.support.world import World

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}"


@dataclass
class Browser:
    """What a browser does with forms and cookies, without drawing."""

    http: httpx2.AsyncClient
    key: Key
    page: httpx2.Response | None = None

    async def get(self, path: str) -> httpx2.Response:
        self.page = await self.http.get(path)
        return self.page

    def form(self, action: str) -> dict[str, str]:
        assert self.page is not None
        found = re.search(rf'<form method="post" action="{re.escape(action)}".*?</form>', self.page.text, re.DOTALL)
        assert found, f"no form for {action}"
        pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0])
        return {name: html.unescape(value) for name, value in pairs}

    async def send(self, action: str, **more: str) -> httpx2.Response:
        self.page = await self.http.post(action, data={**self.form(action), **more})
        return self.page


async def logged_in(world: World, name: str) -> Browser:
    """A session as the log-in begins it, with a token of the run's provider."""
    key, login = Key.new(), town.login_of(name)
    tokens = Tokens(world.issuer.token(login), None, "", time.time() + 300, name)
    await repository.begin(world.store("portal"), key, world.issuer.url, login, f"session-of-{name}", tokens)
    more = {"headers": {"sec-fetch-site": "same-origin"}, "cookies": {"portal": key.secret}}
    return Browser(httpx2.AsyncClient(base_url=world.http.base_url, timeout=30, follow_redirects=True, **more), key)  # type: ignore[arg-type]


async def child_of(world: World, mother: str, number: str) -> str:
    body = {
        "kind": "pregnancy", "message_id": str(uuid.uuid4()), "receiver": {"sor": town.sor_of("intake")}, "due_on": "2027-03-01",
        "mother": {"identifiers": [{"system": "urn:oid:1.2.208.176.1.2", "value": number}], "name": mother, "address": mother},
    }  # fmt: skip
    ward = world.as_client("maternity-havby")
    sent = await ward.post("/midwife/notifications", body)
    await world.settle()
    return str((await ward.get(sent.body["href"])).body["children"][0]["child"])


async def test_pages_keep_forged_foreign_and_hostile_things_out(world: World) -> None:
    inge, birgit, skovby = [await logged_in(world, name) for name in ("inge", "birgit", "skovby-lead")]
    child = await child_of(world, HOSTILE, "1503901234")
    seat = {"professional": world.names["birgit"], "unit": world.names["nord"]}
    texts = {"message": HOSTILE, "family_wish": HOSTILE}
    offered = await world.as_professional("inge").post(
        f"/registry/children/{child}/handovers", {"to": seat, "reason": "assigned", **texts}
    )
    await world.settle()
    place = f"/portal/overdragelse/{offered.body['id']}"

    # What people write is shown as they wrote it, and never becomes part of a page.
    for browser, path in ((inge, "/portal/"), (inge, f"/portal/barn/{child}"), (birgit, place)):
        page = await browser.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert ">49<" not in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert "style=" not in page.text

    # A form from elsewhere, of another session, of another address, or of nobody changes nothing.
    form = birgit.form(f"{place}/ja")
    await inge.get(f"/portal/barn/{child}")
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}):
        assert (await birgit.http.post(f"{place}/ja", data=form, headers=headers)).status_code == 403
    ids = ("", inge.form("/portal/log-ud")["form"], birgit.form(f"{place}/nej")["form"])
    for forged in ({**form, "form": given} for given in ids):
        assert (await birgit.http.post(f"{place}/ja", data=forged)).status_code == 403
    files = await birgit.http.post(f"{place}/ja", data=form, files={"note": ("a.txt", b"x" * 100)})
    assert files.status_code in (400, 422)
    assert (await birgit.http.post(f"{place}/ja", data={**form, "note": "x" * 30_000})).status_code == 422
    assert (await world.as_professional("inge").get(f"/registry/children/{child}")).body["handover"]["state"] == "proposed"

    # Somebody else's child, whatever id a form or an address names.
    for path in (f"/portal/barn/{child}", place, f"/portal/flere/job/{child}", f"/portal/barn/{uuid.uuid4()}", "/portal/barn/x"):
        assert (await skovby.get(path)).status_code == 404, path
    await inge.get(f"/portal/barn/{child}/overdrag?til={seat['professional']}.{world.names['maelkevejen']}")
    wrong = await inge.send(f"/portal/barn/{child}/overdrag/se", to="not-an-id.at-all", reason="assigned")
    assert wrong.status_code == 200
    assert "Hvem skal være tovholder?" in wrong.text

    # The same form twice is one answer; a form of before the answer is told what happened.
    again = {"form": form["form"], "page": place}
    assert "Du er nu tovholder" in (await birgit.http.post(f"{place}/ja", data=again)).text
    assert "Du er nu tovholder" in (await birgit.http.post(f"{place}/ja", data=again)).text
    await world.settle()
    late = await inge.get(f"/portal/barn/{child}")
    assert "Birgit Strandgaard" in late.text

    for browser in (inge, birgit, skovby):
        await browser.http.aclose()


@pytest.mark.parametrize(
    "file", [b"# " + b"x" * 300_000, b"# " + b"x" * 2_000_000, b"\xff\xfe\x00 no text", b"# " + "ø".encode() * 210_000]
)
async def test_a_file_that_is_too_long_or_no_text_is_refused_and_nothing_is_kept(world: World, file: bytes) -> None:
    lone = await logged_in(world, "lone")
    await lone.get("/portal/administration/programmer")
    action = "/portal/administration/programmer/se"

    answered = await lone.http.post(action, data=lone.form(action), files={"file": ("programmes.yaml", file)})

    assert answered.status_code in (400, 413, 422)
    assert (await world.as_professional("lone").get("/sundhedspleje/programme-file")).body["files"] == []


async def test_a_session_opens_with_the_browser_s_secret_alone_and_ends_for_good(world: World) -> None:
    anna = await logged_in(world, "anna")
    [row] = await world_rows(world)
    assert anna.key.secret.encode() not in row["content"]
    assert b"eyJ" not in row["content"]
    with pytest.raises(ValueError, match="not what the session kept"):
        Key.new().open(row["content"])

    # Another's secret, a made-up one, and one that is too long open nothing.
    for cookie in (Key.new().secret, "x" * 5000, ""):
        answer = await world.http.get("/portal/", headers={"cookie": f"portal={cookie}"})
        assert answer.headers["location"] == "/portal/log-ind?til=/portal/"

    # The back channel believes nobody but the provider.
    for token in ("", "x.y.z", world.issuer.token(town.login_of("anna"))):
        assert (await world.http.post("/portal/backchannel-logout", data={"logout_token": token})).status_code == 400
    assert (await anna.get("/portal/")).status_code == 200

    # What is typed as the session ends is kept for the same person, and for nobody else.
    await anna.get("/portal/find")
    form = anna.form("/portal/find")
    await world.store("portal").call("end_session", anna.key.id)
    kept = await anna.http.post("/portal/find", data={**form, "cpr": "1503901234", "purpose": "care"})
    assert "Det, du skrev, er gemt" in kept.text
    ended = await repository.session(world.store("portal"), anna.key.secret)
    assert ended is not None
    assert ended.typed is not None
    assert ended.typed["fields"]["cpr"] == ["1503901234"]
    assert b"1503901234" not in (await world_rows(world))[0]["typed"]
    assert (ended.lives, ended.tokens) == (False, None)

    # An address that leads elsewhere is not followed.
    for place in ("https://evil.example/", "//evil.example/", "/portal//evil.example", "/registry/children"):
        away = await world.http.get("/portal/sprog/en", params={"til": place})
        assert away.headers["location"] == "/portal/"
    await anna.http.aclose()


async def world_rows(world: World) -> list[dict[str, bytes]]:
    connection = await asyncpg.connect(owner_dsn(world.settings))
    try:
        return [dict(row) for row in await connection.fetch("select content, typed from portal.web_session")]
    finally:
        await connection.close()
