"""Every form that links lead to: HTML in each text field, foreign ids in each choice, and no page that breaks."""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from tests.portal.test_pages import HOSTILE, Browser, child_of, logged_in
from tests.support.world import World

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What ends the session, changes the language, or is no page.
_NOT_FOLLOWED = re.compile(r"/portal/(static|sprog|log-u|log-ind|live|tal/)|\.(csv|json|pdf|yaml)")
_RAW = ("<script>alert", "<img src=x", ">49<")
_PAGES = 70
_TEXT = ("text", "search", "email", "tel", "url", "textarea")
Fill = Callable[["Field"], list[str]]


@dataclass
class Field:
    """One field of a form. `choices`: what can be chosen, first what is."""

    name: str
    kind: str
    value: str = ""
    choices: list[str] = field(default_factory=list)


@dataclass
class Form:
    action: str
    fields: list[Field] = field(default_factory=list)

    def filled(self, fill: Fill) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        for one in self.fields:
            said.setdefault(one.name, []).extend(fill(one))
        return said


class Page(HTMLParser):
    """The links and the forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        it = {name: value or "" for name, value in attributes}
        if tag == "a" and it.get("href", "").startswith("/portal/"):
            self.links.append(it["href"].partition("#")[0])
        elif tag == "form":
            self._inside = it.get("method") == "post"
            if self._inside:
                self.forms.append(Form(it["action"]))
        elif self._inside and tag in ("input", "textarea", "select") and it.get("name"):
            kind = it.get("type", "text") if tag == "input" else tag
            self.forms[-1].fields.append(Field(it["name"], kind, it.get("value", "")))
        elif self._inside and tag == "option" and self.forms[-1].fields:
            self.forms[-1].fields[-1].choices.append(it.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def _chosen(one: Field) -> list[str]:
    return [next((value for value in one.choices if value), "")] if one.kind == "select" else [one.value]


def _hostile(one: Field) -> list[str]:
    return [HOSTILE] if one.kind in _TEXT else _chosen(one)


def _hostile_where_people_write(one: Field) -> list[str]:
    return [HOSTILE] if one.kind == "textarea" or (one.kind in _TEXT and not one.value) else _chosen(one)


def _foreign(ids: list[str]) -> Fill:
    """Each id that can be chosen becomes one of another municipality's; ids in turn, so that pairs are of different kinds too."""

    def fill(one: Field) -> list[str]:
        if one.name in ("form", "page"):
            return [one.value]
        given = ["Et ord"] if one.kind in _TEXT and not one.value else _chosen(one)
        return [_ID.sub(lambda _: ids[len(one.name) % len(ids)], text) for text in given]

    return fill


async def _walked(browser: Browser, start: list[str]) -> dict[str, Page]:
    """Each page that links lead to, one of each kind, by its address."""
    found: dict[str, Page] = {}
    seen, ahead = set(), list(start)
    while ahead and len(found) < _PAGES:
        path = ahead.pop(0)
        kind = _ID.sub("*", path)
        if kind in seen or _NOT_FOLLOWED.search(path):
            continue
        seen.add(kind)
        answer = await browser.http.get(path)
        assert answer.status_code != 500, path
        _whole(answer.text, path)
        found[path] = Page(answer.text)
        ahead += found[path].links
    return found


def _whole(text: str, path: str) -> None:
    assert [raw for raw in _RAW if raw in text] == [], path


@pytest.mark.parametrize("who", ["inge", "lone"])
async def test_no_text_becomes_part_of_a_page_and_no_foreign_id_is_taken_in_any_form(world: World, who: str) -> None:
    child = await child_of(world, HOSTILE, "1503901235")
    seat = {"professional": world.names["birgit"], "unit": world.names["nord"]}
    offered = {"to": seat, "reason": "assigned", "message": HOSTILE, "family_wish": HOSTILE}
    await world.as_professional("inge").post(f"/registry/children/{child}/handovers", offered)
    await world.settle()
    before = await _of_skovby(world)
    foreign = [world.names["skovby-lead"], world.names["skovby-intake"], str(uuid.uuid4())]
    browser, sent = await logged_in(world, who), set()

    for fill in (_foreign(foreign), _hostile_where_people_write, _hostile):
        pages = await _walked(browser, ["/portal/", f"/portal/barn/{child}", "/portal/administration"])
        for path, page in pages.items():
            for number, form in enumerate(page.forms):
                kind = (fill, _ID.sub("*", form.action), number)
                if kind in sent or _NOT_FOLLOWED.search(form.action):
                    continue
                sent.add(kind)
                # Forms are good once: the page is read again for each.
                fresh = Page((await browser.http.get(path)).text)
                again = next((one for one in fresh.forms if one.action == form.action), None)
                if again is None:
                    continue
                answer = await browser.http.post(form.action, data=again.filled(fill))
                assert answer.status_code not in (500, 502), (form.action, answer.status_code)
                _whole(answer.text, form.action)
        await world.settle()

    # What was taken in shows as it was written, on every page of those who see it; and nothing of the others' has changed.
    await _walked(browser, ["/portal/", f"/portal/barn/{child}", "/portal/administration"])
    other = await logged_in(world, "birgit")
    await _walked(other, ["/portal/", f"/portal/barn/{child}"])
    assert len(sent) > 20
    assert await _of_skovby(world) == before
    for one in (browser, other):
        await one.http.aclose()


async def _of_skovby(world: World) -> dict[str, int]:
    """How many facts each service has said of the other municipality."""
    query = "select count(*)::int as number from ledger where envelope -> 'data' ->> 'municipality' = '0991'"
    return {name: (await world.sql(name, query))[0]["number"] for name in ("directory", "persons", "registry", "sundhedspleje")}
