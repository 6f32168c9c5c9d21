"""Every form that links and answers lead to, in each role: hostile text, foreign ids, nothing filled in, a lost session."""

import html
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from services.chassis.calendar import date_of
from services.demo import town
from services.portal import forms, repository
from tests.portal.test_family_pages import at_home
from tests.portal.test_pages import HOSTILE, Browser, child_of, logged_in
from tests.portal.test_waiting_pages import ABOUT, asked_for, in_a_group, outward, returned_letter  # noqa: F401 - a fixture
from tests.support.world import World

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What ends the session, changes the language, or is no page.
_NOT_FOLLOWED = re.compile(r"/portal/(static|sprog|log-u|log-ind|live|tal/)|\.(csv|json|pdf|yaml)|/pdf\b")
_RAW = ("<script>alert", "<img src=x", ">49<")
_PAGES = 70
_TEXT = ("text", "search", "email", "tel", "url", "textarea")
# What a page was made from: nobody's choice.
_READ_FROM_THE_PAGE = ("version", "was")
# Acts that leave nothing to do on their page come last.
_FINAL = re.compile(r"/(afslut|aflys|afslag|ikke-holdt|holdt|fratraed|slet|slut|stop|tilbage|frigiv|faldet-til|ja|nej)$")
_WRITTEN = "Skrevet i tillid"
_MOTHERS_NUMBER = "1503901235"
_KNOWING = ("directory", "persons", "registry", "sundhedspleje", "daycare", "midwife")
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

    @property
    def path(self) -> str:
        return self.action.partition("?")[0]

    def filled(self, fill: Fill) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        for one in self.fields:
            said.setdefault(one.name, []).extend(fill(one))
        return said

    def of(self, *kinds: str) -> list[Field]:
        return [one for one in self.fields if one.kind in kinds]


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


def _nonsense(one: Field) -> list[str]:
    """In fields that nobody writes in, too: what was chosen, hidden, and the version."""
    return [one.value] if one.name in (forms.ID, forms.PAGE) else [HOSTILE if one.kind in _TEXT else "9" * 5000]


def _hostile_where_people_write(one: Field) -> list[str]:
    return [HOSTILE] if one.kind == "textarea" or (one.kind in _TEXT and not one.value) else _chosen(one)


def _nothing(one: Field) -> list[str]:
    return [one.value] if one.kind == "hidden" else [""] if one.kind in (*_TEXT, "select") else []


@dataclass(frozen=True)
class Foreign:
    """What there is in the other municipality, each where one's own stood."""

    child: str
    handover: str
    visit: str
    unit: str
    professional: str

    def instead(self, text: str) -> str:
        return _ID.sub(lambda found: self._of(found[0]), text)

    def address(self, action: str) -> str:
        """The same act on something of theirs."""
        there = {"overdragelse": self.handover, "besoeg": self.visit}
        parts = action.split("/")
        return "/".join(
            (there.get(before) or self._of(part)) if _ID.fullmatch(part) else part
            for before, part in zip(["", *parts], parts, strict=False)
        )

    def _of(self, id: str) -> str:
        return {"0001": self.unit, "0002": self.professional}.get(id[9:13] if id.startswith("099") else "", self.child)

    def fill(self, one: Field) -> list[str]:
        if one.name in (forms.ID, forms.PAGE, *_READ_FROM_THE_PAGE) or (one.kind in _TEXT and one.value):
            return [one.value]
        given = ["Et ord"] if one.kind in _TEXT and not one.value else _chosen(one)
        return [self.instead(text) for text in given]


@dataclass
class Visitor:
    """Somebody who walks and sends what they find. `sent`: kinds of forms that have been; `wrong`: what they found."""

    who: str
    browser: Browser
    sent: set[str]
    world: World
    wrong: list[str]

    def must(self, holds: bool, *what: object) -> None:
        """All that is wrong is told at once."""
        if not holds:
            self.wrong.append(" ".join(str(it) for it in (self.who, *what)))

    async def walked(self, start: list[str]) -> dict[str, Page]:
        """Each page that links lead to, one of each kind, by its address."""
        found: dict[str, Page] = {}
        seen, ahead = set(), list(start)
        while ahead and len(found) < _PAGES:
            path = ahead.pop(0)
            kind = _ID.sub("*", path)
            if kind in seen or _NOT_FOLLOWED.search(path):
                continue
            seen.add(kind)
            answer = await self.browser.http.get(path)
            self.must(answer.status_code < 500 and _is_whole(answer.text), "sees", path, answer.status_code)
            found[path] = Page(answer.text)
            ahead += found[path].links
        return found

    def not_yet_sent(self, found: list[Form]) -> Iterator[Form]:
        for form in found:
            kind = _ID.sub("*", form.path)
            if kind not in self.sent and not _NOT_FOLLOWED.search(form.action):
                self.sent.add(kind)
                yield form

    async def post(self, form: Form, said: dict[str, list[str]], action: str | None = None) -> tuple[int, str]:
        """With an id as the page of this address makes it: each is good once."""
        path = (action or form.action).partition("?")[0]
        fields = {**said, forms.ID: [forms.new_id(self.browser.key, path)]}
        answer = await self.browser.http.post(action or form.action, data=fields)
        self.must(answer.status_code < 500 and _is_whole(answer.text), "sends", path, answer.status_code, said)
        return answer.status_code, answer.text

    async def foreign(self, form: Form, other: Foreign) -> None:
        """Neither an id within the form nor one in its address is anybody else's: no such form is done."""
        own = form.filled(_chosen)
        if (said := form.filled(other.fill)) != {**own, **{one.name: said[one.name] for one in form.fields if one.kind in _TEXT}}:
            status, text = await self.post(form, said)
            self.must(status >= 400 or "alert-success" not in text, "is let do with foreign ids", form.action, said)
        if (action := other.address(form.action)) != form.action:
            status, text = await self.post(form, own, action)
            self.must(status >= 400, "is let do to a stranger", action)

    async def empty(self, form: Form) -> None:
        """What is missing is said at its field and in the summary, or nothing has to be said."""
        if any(one.kind != "hidden" for one in form.fields):
            status, text = await self.post(form, form.filled(_nothing))
            self.must(_is_told(form, status, text), "is not told what is missing", form.action, status)

    async def hostile(self, form: Form, fill: Fill) -> str:
        status, text = await self.post(form, form.filled(fill))
        self.must(_is_told(form, status, text), "is not told what is wrong", form.action, status, form.filled(fill))
        return text

    async def left_open(self, form: Form) -> None:
        """The session has ended: what was typed is there again on the page of the form after the next log-in."""
        if not (written := form.of(*_TEXT)):
            return
        said = {**form.filled(_chosen), **{one.name: [f"{_WRITTEN}, {one.name}"] for one in written}}
        kept = {"action": form.path, "page": said[forms.PAGE][0], "fields": said}
        await repository.keep_typed(self.world.store("portal"), self.browser.key, kept)
        page = html.unescape((await self.browser.http.get(said[forms.PAGE][0])).text)
        self.must(all(said[one.name][0] in page for one in written), "has lost what was typed into", form.action)
        await repository.keep_typed(self.world.store("portal"), self.browser.key, None)


def _is_whole(text: str) -> bool:
    return not any(raw in text for raw in _RAW)


def _is_told(form: Form, status: int, text: str) -> bool:
    """Done, or overtaken; else each error is in the summary with a way to its field, and at a field, of a form still there."""
    if status in (200, 409) or f'action="{form.action}"' not in text:
        return status in (200, 409, 422)
    summaries = re.findall(r'id="error-summary".*?</ul>', text, re.DOTALL)
    fields = [name for summary in summaries for name in re.findall(r'href="#([^"]+)"', summary)]
    at_fields = text.count('class="form-error-message"')
    return bool(fields) and at_fields >= len(fields) and all(f'id="{name}"' in text for name in fields)


async def test_no_form_of_any_role_takes_in_hostile_text_or_foreign_ids_or_loses_what_was_typed(
    outward: World,  # noqa: F811 - the fixture
) -> None:
    world, sent, wrong = outward, set[str](), list[str]()
    theirs = await _other_town(world)
    roles, of_theirs = await _busy_town(world), await _of_skovby(world)

    for who, (browser, start) in roles.items():
        visitor = Visitor(who, browser, sent, world, wrong)
        before = await _facts(world)
        pages = await visitor.walked(start)
        found = visitor.not_yet_sent([form for page in pages.values() for form in page.forms])
        own = sorted(found, key=lambda form: bool(_FINAL.search(form.path)))
        for form in own:
            await visitor.foreign(form, theirs)
        await world.settle()
        visitor.must(await _facts(world) == before, "has changed something with foreign ids")
        for form in own:
            await visitor.left_open(form)
        for form in own:
            await visitor.empty(form)
            await visitor.post(form, form.filled(_nonsense))
            answer = await visitor.hostile(form, _hostile_where_people_write)
            # What answers a form may be a page with forms of its own: the next step.
            for step in visitor.not_yet_sent(Page(answer).forms):
                await visitor.foreign(step, theirs)
                await visitor.left_open(step)
                await visitor.hostile(step, _hostile_where_people_write)
        await world.settle()

    # What was taken in shows as it was written, on every page of those who see it; and nothing of the others' has changed.
    for who in ("inge", "anna", "mona"):
        await Visitor(who, roles[who][0], sent, world, wrong).walked(roles[who][1])
    # Whoever was named for one absence stands in, also from another unit.
    assert "Du træder i stedet for Birgit Strandgaard" in (await roles["rikke"][0].http.get("/portal/")).text
    assert not wrong, "\n".join(wrong)
    assert len(sent) > 60
    assert await _of_skovby(world) == of_theirs
    for browser, _ in roles.values():
        await browser.http.aclose()


async def _of_skovby(world: World) -> dict[str, int]:
    """How many facts each service has said of the other municipality."""
    query = "select count(*)::int as number from ledger where envelope -> 'data' ->> 'municipality' = '0991'"
    return {name: (await world.sql(name, query))[0]["number"] for name in _KNOWING}


async def _facts(world: World) -> dict[str, int]:
    """How many facts each service has said of anybody."""
    return {name: (await world.sql(name, "select count(*)::int as number from ledger"))[0]["number"] for name in _KNOWING}


async def _other_town(world: World) -> Foreign:
    """Skovby, with a child, a visit that is planned, and a handover that waits."""
    ward, names = world.as_client("maternity-havby"), world.names
    mother = {"identifiers": [{"system": "urn:oid:1.2.208.176.1.2", "value": "1503901240"}], "name": "Fremmed Mor"}
    to = {"sor": town.sor_of("skovby-intake")}
    body = {"kind": "pregnancy", "message_id": str(uuid.uuid4()), "receiver": to, "due_on": "2027-03-01", "mother": mother}
    told = await ward.post("/midwife/notifications", body)
    await world.settle()
    child = (await ward.get(told.body["href"])).body["children"][0]["child"]
    lead = world.as_professional("skovby-lead")
    seat = {"professional": names["skovby-deputy"], "unit": names["skovby-intake"]}
    offered = await lead.post(f"/registry/children/{child}/handovers", {"to": seat, "reason": "assigned"})
    visit = (await lead.get(f"/sundhedspleje/cases/{child}")).body["visits"][0]["id"]
    await world.settle()
    return Foreign(child, offered.body["id"], visit, names["skovby-intake"], names["skovby-lead"])


async def _busy_town(world: World) -> dict[str, tuple[Browser, list[str]]]:
    """Somebody of each role with their pages full, and where their walk begins."""
    names = world.names
    kept, offered, led = [await child_of(world, HOSTILE, number) for number in ("1503901236", "1503901237", _MOTHERS_NUMBER)]
    inge, lone, poul = [world.as_professional(name) for name in ("inge", "lone", "poul")]
    seat = {"professional": names["birgit"], "unit": names["nord"]}
    texts = {"message": HOSTILE, "family_wish": HOSTILE}
    handover = await inge.post(f"/registry/children/{offered}/handovers", {"to": seat, "reason": "assigned", **texts})
    await returned_letter(world)
    begins = await in_a_group(world, led)
    anna = world.as_professional("anna")
    today = date_of(await world.now()).isoformat()
    capacity = {"from_on": today, "places": 5, "plus_places": 1, "high_quality": True, "methods": ["cos-p"]}
    done = [
        handover,
        await poul.post(f"/daycare/units/{names['maelkevejen']}/capacity", capacity),
        await anna.post("/daycare/starts", {"child": led, "unit": names["maelkevejen"], "starts_on": begins}),
        await anna.post(f"/sundhedspleje/cases/{led}/underretninger", {"to_unit": names["social"], "text": HOSTILE}),
        await lone.post("/notifications/subscriptions", {
            "client_id": "placement-havby", "url": "https://hook.example.dk/",
            "rules": [{"name": "starts", "kinds": ["start_planned"]}, {"name": "nord", "units": [names["nord"]]}],
        }),
    ]  # fmt: skip
    stand_in = {"professional": names["rikke"], "unit": names["social"]}
    away = {"professional": names["birgit"], "from_on": today, "deputy": stand_in}
    done.append(await lone.post("/directory/absences", away))
    assert [it.status for it in done if it.status >= 300] == [], [it.body for it in done]
    await world.settle()
    start, asked = done[2].body["id"], await asked_for(world, led)
    walks = {
        "inge": ["/portal/", f"/portal/barn/{kept}", f"/portal/barn/{offered}"],
        "birgit": ["/portal/", f"/portal/overdragelse/{handover.body['id']}"],
        "anna": ["/portal/", f"/portal/barn/{led}", f"/portal/starter/{start}"],
        "rikke": ["/portal/", "/portal/underretninger"],
        "mona": ["/portal/", "/portal/starter", f"/portal/starter/{start}", asked],
        "cecilie": ["/portal/", "/portal/starter", f"/portal/starter/{start}"],
        "poul": ["/portal/", "/portal/pluspladser"],
        "jorun": ["/portal/"],
        "lone": ["/portal/", "/portal/administration", ABOUT, f"/portal/barn/{kept}"],
    }
    roles = {who: (await logged_in(world, who), walk) for who, walk in walks.items()}
    return {"mother": (await at_home(world, "mother-of-all", _MOTHERS_NUMBER), ["/portal/familie"]), **roles}
