"""People at the portal's pages: each with a browser of their own, and everything wrong with a page noted."""

import asyncio
import re
import subprocess
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from playwright.async_api import Browser, BrowserContext, Page, Request

from services.chassis.migrate import owner_dsn
from services.chassis.settings import Settings
from services.demo import town as inhabitants
from services.demo.actors import LiveScene
from services.midwife.fhir.codes import CPR

AXE_RUN = """
axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(found =>
  found.violations.map(it => `${it.id}: ${it.help}: ${it.nodes.map(node => node.html.slice(0, 160)).slice(0, 3).join(' | ')}`))
"""


def settings_of(folder: Path) -> Settings:
    port = int((folder / "postgres" / "port").read_text())
    return Settings(database_port=port, secrets_folder=folder / "secrets")


async def press(page: Page, selector: str) -> None:
    """What leads to another page, until that page has come.

    A click alone may end before the browser has asked for the page, and what is read next is of the old one, or of none yet.
    """
    async with page.expect_navigation():
        await page.click(selector)


@dataclass
class Checks:
    """axe-core for the page that is open, vnu for all that were seen."""

    modules: Path
    java: Path
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def axe(self) -> str:
        return (self.modules / "axe-core" / "axe.min.js").read_text()

    def invalid(self, folder: Path) -> list[str]:
        """What vnu says of the pages seen so far."""
        for number, text in enumerate(self.pages.values()):
            (folder / f"{number:03d}.html").write_text(text)
        jar = self.modules / "vnu-jar" / "build" / "dist" / "vnu.jar"
        files = sorted(map(str, folder.glob("*.html")))
        command = [str(self.java), "-Xss4m", "-jar", str(jar), "--format", "gnu", "--errors-only", *files]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stderr.splitlines()
        names, found = list(self.pages), re.compile(r'"?(?:file:)?[^"]*?(\d{3})\.html"?:(.*)')
        return [f"{names[int(one[1])]}: {one[2]}" for line in said if (one := found.match(line))]


class Visitor:
    """Somebody's browser. `wrong`: console errors, scripts that broke, requests to other hosts."""

    def __init__(self, town: "Town", context: BrowserContext, page: Page, name: str) -> None:
        self.town, self.context, self.page, self.name = town, context, page, name
        self.wrong: list[str] = []
        self.loaded: dict[str, int] = {}
        page.on("console", lambda message: self._said(message.type, message.text, message.location.get("url", "")))
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("request", self._asked)

    def _said(self, kind: str, text: str, place: str) -> None:
        # A refusal shown as a page has its status; the browser notes that as an error of the network, not of the page.
        if kind == "error" and not ("status of 4" in text and ("/portal/" in place or place.endswith("/favicon.ico"))):
            self.wrong.append(f"console: {text} ({place})")

    def _asked(self, request: Request) -> None:
        allowed = {urlsplit(self.town.url).netloc, urlsplit(self.town.issuer).netloc}
        place = urlsplit(request.url)
        if place.scheme in ("http", "https") and place.netloc not in allowed:
            self.wrong.append(f"another host: {request.url}")

    async def goto(self, path: str) -> None:
        await self.page.goto(self.town.url + path)

    async def log_in(self, path: str = "/portal/") -> None:
        await self.goto(path)
        await press(self.page, "main button[type=submit]")
        await self.enter()

    async def enter(self) -> None:
        """At the provider's page."""
        await self.page.fill("#login", self.name)
        await self.page.fill("#password", f"{self.name}-demo")
        await press(self.page, "button[type=submit]")
        await self.page.wait_for_url(f"{self.town.url}/portal/**")

    async def text(self) -> str:
        return " ".join((await self.page.inner_text("main")).split())

    async def check(self, named: str, axe: bool = True) -> None:
        """The page as it stands: accessible, kept for vnu, and no wider than a small screen."""
        self.town.checks.pages.setdefault(named, await self.page.content())
        if axe:
            await self.page.evaluate(self.town.checks.axe)
            found = await self.page.evaluate(AXE_RUN)
            self.wrong += [f"axe, {named}: {one}" for one in found]

    async def fits(self, named: str) -> None:
        await self.page.set_viewport_size({"width": 320, "height": 800})
        width = await self.page.evaluate("document.documentElement.scrollWidth")
        if width > 320:
            self.wrong.append(f"{named} is {width} wide on a screen of 320")
        await self.page.set_viewport_size({"width": 1280, "height": 900})


@dataclass
class Town:
    """The demo, and those who come to its pages."""

    url: str
    scene: LiveScene
    settings: Settings
    browser: Browser
    checks: Checks
    _numbers: int = 0

    @property
    def issuer(self) -> str:
        return self.scene._running.issuer

    @asynccontextmanager
    async def visitor(self, name: str, logged_in: bool = True, **options: Any) -> AsyncIterator[Visitor]:
        """In a browser of their own; at the end nothing may have been wrong with any page."""
        context = await self.browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", **options)
        context.set_default_timeout(30_000)
        made = Visitor(self, context, await context.new_page(), name)
        try:
            if logged_in:
                await made.log_in()
            yield made
            assert made.wrong == [], "\n".join(made.wrong)
        finally:
            await context.close()

    async def child(self, mother: str, born: str | None = None) -> str:
        """A child notified by the ward; its reference once it has a tovholder."""
        self._numbers += 1
        said: dict[str, Any] = {"children": [{"order": 1, "born_at": born}]} if born else {"due_on": "2027-03-01"}
        number = f"{10 + self._numbers % 18:02d}0390{1000 + self._numbers:04d}"
        body = {
            "kind": "birth" if born else "pregnancy", "message_id": str(uuid.uuid4()), **said,
            "receiver": {"sor": inhabitants.sor_of("intake")},
            "mother": {"identifiers": [{"system": CPR, "value": number}], "name": mother, "address": "Strandvejen 7, Havby"},
        }  # fmt: skip
        ward = self.scene.system("maternity-havby")
        sent = await ward.post("/midwife/notifications", body)
        assert sent.status == 201, sent
        return str(await self.until(lambda: self._registered(ward, sent.body["href"])))

    @staticmethod
    async def _registered(ward: Any, href: str) -> str | None:
        children = (await ward.get(href)).body["children"]
        return children[0]["child"] if children and children[0]["tovholder"] else None

    async def offered(self, child: str, to: str = "birgit", unit: str = "nord", by: str = "inge", **more: Any) -> str:
        """A handover proposed over the API; its id."""
        seat = {"professional": self.scene.names[to], "unit": self.scene.names[unit]}
        asked = {"to": seat, "reason": "assigned", **more}
        answer = await self.scene.professional(by).post(f"/registry/children/{child}/handovers", asked)
        assert answer.status == 201, answer
        return str(answer.body["id"])

    async def facts(self, child: str) -> list[str]:
        answer = await self.scene.professional("lone").get(f"/registry/children/{child}/events")
        return [it["type"].split(".")[3] for it in answer.body["events"]]

    async def until(self, look: Any, seconds: float = 60) -> Any:
        """What `look` finds, as soon as it finds something."""
        async with asyncio.timeout(seconds):
            while not (found := await look()):  # noqa: ASYNC110 - other processes say nothing of themselves
                await asyncio.sleep(0.05)
        return found

    async def as_owner(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(owner_dsn(self.settings))
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()
