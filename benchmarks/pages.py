"""The pages people work in: server time with 20 at them, what they weigh in a browser, and how soon My page shows a new handover."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median as middle
from urllib.parse import urljoin

import httpx2
import psutil

from benchmarks import caseload
from benchmarks.figures import Figure, part_of
from benchmarks.installation import Installation
from services import catalogue

_USERS, _THINKS_SECONDS = 20, 4.0
_SECONDS = 40
_LIVE = 30
_KB = 1024


def pages(installation: Installation) -> list[Figure]:
    """20 sessions of one health visitor with 500 children; the services each in a process of its own."""
    installation.run(catalogue.names())
    here = caseload.live(installation)
    figures = asyncio.run(_measured(installation, here))
    installation.end()
    return figures


async def _measured(installation: Installation, here: caseload.Caseload) -> list[Figure]:
    browsers = [await _logged_in(installation) for _ in range(_USERS)]
    children = iter(here.children * 1000)
    among = f"caseload {len(here.children)}, {here.others:,} other children"
    figures, seconds = [], part_of(_SECONDS)
    for name, path in (("my_page", lambda: "/portal/"), ("child", lambda: f"/portal/barn/{next(children)}")):
        await _visited(browsers, path, _THINKS_SECONDS, _THINKS_SECONDS)
        before = _spent(installation)
        looked = await _visited(browsers, path, max(seconds, 2 * _THINKS_SECONDS), _THINKS_SECONDS)
        spent = [1000 * (after - start) / len(looked.times) for after, start in zip(_spent(installation), before, strict=True)]
        pressed = await _visited(browsers, path, seconds / 2, 0.0)
        figures += [
            Figure(f"page_{name}_p95_ms", looked.times[int(len(looked.times) * 0.95)], "ms", None, f"≤ 100 ({among})"),
            Figure(f"page_{name}_p50_ms", middle(looked.times), "ms", None, ""),
            Figure(f"page_{name}_refused", looked.refused, "pages", None, "0"),
            Figure(f"page_{name}_portal_cpu_ms", spent[0], "ms", None, ""),
            Figure(f"page_{name}_services_cpu_ms", spent[1], "ms", None, ""),
            Figure(f"page_{name}_per_s", len(pressed.times) / pressed.seconds, "pages/s", None, ""),
        ]
    first, after = await _weighed(browsers[0], f"/portal/barn/{here.children[0]}")
    waits = await _live(installation, browsers[0], here)
    return [
        *figures,
        Figure("page_first_kb", first, "KB", None, "≤ 300"),
        Figure("page_after_kb", after, "KB", None, "≤ 40"),
        Figure("my_page_live_s", waits[-1], "s", None, "≤ 1 (the slowest)"),
        Figure("my_page_live_p50_s", middle(waits), "s", None, ""),
    ]


def _spent(installation: Installation) -> tuple[float, float]:
    """Seconds of processor time so far: the portal, and all other services, whose clocks go on meanwhile."""
    times = {name: psutil.Process(installation.pid(name)).cpu_times() for name in catalogue.names()}
    seconds = {name: float(it.user + it.system) for name, it in times.items()}
    return seconds.pop("portal"), sum(seconds.values())


async def _logged_in(installation: Installation) -> httpx2.AsyncClient:
    """A browser of the health visitor's after a log-in through the provider."""
    browser = httpx2.AsyncClient(
        base_url=installation.portal_url, follow_redirects=True, timeout=60, headers={"accept-encoding": "gzip"}
    )
    page = await browser.post("/portal/log-ind", data={"til": "/portal/"})
    action = re.search(r'action="([^"]+)"', page.text)
    if action is None:
        raise RuntimeError(f"the provider showed no log-in page ({page.status_code})")
    page = await browser.post(urljoin(str(page.url), action[1]), data={"login": "birgit", "password": "birgit-demo"})
    if page.url.path != "/portal/":
        raise RuntimeError(f"nobody is logged in: {page.status_code} at {page.url.path}")
    await _came(browser, "/portal/")
    return browser


@dataclass
class Visits:
    """Milliseconds of each page that came, sorted; how many did not."""

    times: list[float]
    refused: int
    seconds: float


async def _visited(browsers: Sequence[httpx2.AsyncClient], path: Callable[[], str], seconds: float, thinks: float) -> Visits:
    """Each looks at a page, thinks, and asks for the next; without thinking: as fast as it comes."""
    began = time.perf_counter()
    found = Visits([], 0, 0.0)

    async def visit(browser: httpx2.AsyncClient, number: int) -> None:
        # Not all at the same moment, as no twenty people would.
        due = began + thinks * number / len(browsers)
        while (due := max(due, time.perf_counter())) < began + seconds:
            await asyncio.sleep(due - time.perf_counter())
            asked = time.perf_counter()
            answer = await browser.get(path())
            if answer.status_code == 200 and not answer.url.path.startswith("/portal/log-ind"):
                found.times.append(1000 * (time.perf_counter() - asked))
            else:
                found.refused += 1
            due += thinks

    await asyncio.gather(*(visit(browser, number) for number, browser in enumerate(browsers)))
    if not found.times:
        raise RuntimeError(f"no page came, {found.refused} were refused")
    return Visits(sorted(found.times), found.refused, time.perf_counter() - began)


async def _came(browser: httpx2.AsyncClient, path: str) -> httpx2.Response:
    """A page asked for by itself; again where the services still work on what was asked before."""
    for _ in range(10):
        if (answer := await browser.get(path)).status_code != 503:
            break
        await asyncio.sleep(1)
    return answer.raise_for_status()


async def _weighed(browser: httpx2.AsyncClient, after: str) -> tuple[float, float]:
    """KB over the wire, as packed: My page with everything it asks for by an empty cache, then a page whose parts are there."""
    carried = 0

    async def take(path: str) -> str:
        nonlocal carried
        answer = await _came(browser, path)
        carried += (
            answer.num_bytes_downloaded + len(answer.headers.raw) * 2 + sum(len(n) + len(v) + 4 for n, v in answer.headers.raw)
        )
        return answer.text if "text" in answer.headers["content-type"] else ""

    page = await take("/portal/")
    parts = dict.fromkeys(re.findall(r'(?:href|src)="(/portal/static/[^"]+)"', page))
    for part in parts:
        style = await take(part)
        # A browser fetches a font where text is in it; all weights are in use.
        for font in re.findall(r"url\(([^)]+\.woff2)\)", style) if part.endswith(".css") else ():
            await take(urljoin(part, font))
    first, carried = carried, 0
    await take(after)
    return first / _KB, carried / _KB


async def _live(installation: Installation, browser: httpx2.AsyncClient, here: caseload.Caseload) -> list[float]:
    """Seconds from a handover's commit to the word of it on the stream of an open My page, sorted."""
    token, waits = await asyncio.to_thread(installation.token_of, "inge"), []
    page = await _came(browser, "/portal/")
    stream = re.search(r'data-live="([^"]+)"', page.text)
    if stream is None:
        raise RuntimeError("My page names no stream")
    heard: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
    listening = asyncio.create_task(_listened(browser, stream[1], heard.put))
    for child in here.more[: max(3, part_of(_LIVE))]:
        await asyncio.to_thread(caseload.offer, installation, token, child)
        handover, at = await asyncio.wait_for(heard.get(), 30)
        [[said]] = installation.sql(
            "select (envelope->>'time')::timestamptz at time zone 'UTC' from registry.ledger where subject = %s"
            " and envelope->'data'->>'handover' = %s and type like '%%.handover_proposed.%%'",
            *(child, handover),
        )
        waits.append(at - datetime.fromisoformat(str(said)).replace(tzinfo=UTC).timestamp())
    listening.cancel()
    return sorted(waits)


async def _listened(browser: httpx2.AsyncClient, path: str, say: Callable[[tuple[str, float]], Awaitable[None]]) -> None:
    """Each handover named on the stream and when; a stream that ends is followed by the next, as in a browser."""
    last = ""
    while True:
        async with browser.stream("GET", path, headers={"last-event-id": last} if last else {}, timeout=60) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id:"):
                    last = line.removeprefix("id:").strip()
                    await say((last, time.time()))
