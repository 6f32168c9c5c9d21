"""A midwife without a record system to send from: the notification as a form, with drafts, and what became of it."""

import asyncio
import re
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.calendar import COPENHAGEN
from services.chassis.errors import NotFound
from services.portal import repository
from services.portal.apis import as_uuid
from services.portal.endpoints.visiting import CPR, Again, PageRoute, Sending, Sent, Visit, Visiting
from services.portal.forms import Typed

router = APIRouter(prefix="/anmeldelser", route_class=PageRoute)
KIND = "notification"
# Of each child of a birth; those after the first have their order behind the name.
_OF_A_CHILD, _MOST_CHILDREN = ("born_on", "born_time", "sex", "number"), 4
_ORDERS = range(1, _MOST_CHILDREN + 1)


def _at(name: str, order: int) -> str:
    return name if order == 1 else f"{name}_{order}"


_FIELDS = (
    *("kind", "receiver", "cpr", "name", "phone", "email", "address", "protected", "language", "due_on"),
    *(_at(name, order) for order in _ORDERS for name in _OF_A_CHILD),
    *("care_level", "household", "text"),
)
_AT_FIELDS = {"the-receiver-is-unknown": "receiver", "the-municipality-does-not-receive-here-yet": "receiver"}
_NUMBER = re.compile(r"\d{6}-?\d{4}")


@router.get("")
async def sent_and_begun(visit: Visiting) -> Response:
    page, drafts = await asyncio.gather(visit.apis.get("midwife", "/midwife/notifications", limit=50), _drafts(visit))
    lines = page["notifications"]
    units = await visit.apis.names_of([], [it["unit"] for it in lines])
    return visit.page("notifications.html", lines=lines, drafts=drafts, names=units)


async def _drafts(visit: Visit) -> list[repository.Draft]:
    async with visit.own() as tx:
        found = await repository.drafts(tx, visit.runtime.settings.secrets, visit.apis.municipality, KIND)
    return [it for it in found if not it.became]


@router.get("/ny")
async def begin(visit: Visiting, kladde: str = "") -> Response:
    """An empty form, or a draft taken up again."""
    draft = await _draft(visit, kladde) if kladde else None
    typed = visit.typed_in("/portal/anmeldelser/ny")
    if not typed.action and draft:
        typed = Typed("", "", draft.content["fields"])
    return await _form(visit, typed, draft.id if draft else as_uuid(typed.one("draft")))


async def _draft(visit: Visit, text: str) -> repository.Draft:
    id = as_uuid(text)
    async with visit.own() as tx:
        found = await repository.draft(tx, visit.runtime.settings.secrets, visit.apis.municipality, id) if id else None
    if found is None or found.kind != KIND or found.became:
        raise NotFound
    return found


async def _form(visit: Visit, typed: Typed, draft: UUID | None, status: int = 200) -> Response:
    units = (await visit.apis.get("directory", "/directory/units"))["units"]
    receivers = [(it["sor"][0], it["name"]) for it in units if it["kind"] == "intake" and it["active"] and it["sor"]]
    more = any(typed.one(_at(name, order)) for order in _ORDERS[1:] for name in _OF_A_CHILD)
    return visit.page("notify.html", status, typed=typed, receivers=receivers, draft=draft, more=more, further=_ORDERS[1:])


@router.post("/ny")
async def send(sent: Sending) -> Response:
    """Kept as a draft, or sent; what is wrong stands at its field."""
    typed, draft = sent.typed, as_uuid(sent.typed.one("draft"))
    if typed.one("gem"):
        await _save(sent, draft)
        return sent.to("/portal/anmeldelser", "saved")
    body = _body(sent, typed)
    if typed.wrong:
        return await _form(sent, typed, draft, 422)
    try:
        done = await sent.post("midwife", "/midwife/notifications", body, at_field=_AT_FIELDS)
    except Again:
        return await _form(sent, typed, draft, 422)
    if draft:
        async with sent.own() as tx:
            await repository.drop_draft(tx, draft)
    return sent.to(f"/portal/anmeldelser/{done['id']}", "sent")


async def _save(sent: Sent, id: UUID | None) -> None:
    fields = {name: sent.typed.fields[name] for name in _FIELDS if name in sent.typed.fields}
    async with sent.own() as tx:
        await repository.save_draft(
            tx, sent.runtime.settings.secrets, sent.apis.municipality, sent.me, KIND, {"fields": fields}, id
        )
    await sent.drop_typed()


def _body(sent: Sent, typed: Typed) -> dict[str, Any]:
    """The notification that the form says; what is missing is noted at its field."""
    kind = typed.must("kind", sent.say("Vælg, hvad anmeldelsen handler om."))
    receiver = typed.must("receiver", sent.say("Vælg, hvem der skal have den."))
    number = typed.must("cpr", sent.say("Skriv morens CPR-nummer."))
    if number and not _NUMBER.fullmatch(number):
        typed.wrong["cpr"] = sent.say("Et CPR-nummer har ti cifre.")
    mother: dict[str, Any] = {"identifiers": [{"system": CPR, "value": number.replace("-", "")}]}
    mother |= {name: typed.one(name) for name in ("name", "phone", "email", "address") if typed.one(name)}
    if typed.one("protected"):
        mother["is_protected"] = True
    if typed.one("language"):
        mother["interpreter"] = {"needed": True, "language": typed.one("language")}
    # The form's own id: sent twice, it is one message.
    body: dict[str, Any] = {
        "kind": kind,
        "message_id": str(_message_id(sent.key)),
        "receiver": {"sor": receiver},
        "mother": mother,
    }
    if kind == "birth":
        body["children"] = _children(sent, typed)
    elif on := typed.must("due_on", sent.say("Skriv terminsdatoen.")):
        body["due_on"] = on
    assessment: dict[str, Any] = {name: typed.one(name) for name in ("household", "text") if typed.one(name)}
    if (level := typed.whole("care_level")) is not None:
        assessment["care_level"] = level
    return body | ({"assessment": assessment} if assessment else {})


def _children(sent: Sent, typed: Typed) -> list[dict[str, Any]]:
    """In the order of their birth, without gap; the first is always there."""
    said = [order for order in _ORDERS if order == 1 or any(typed.one(_at(name, order)) for name in _OF_A_CHILD)]
    for order in said[1:]:
        if order - 1 not in said:
            typed.wrong[_at("born_on", order)] = sent.say("Udfyld barnet før dette først.")
    return [_child(sent, typed, order) for order in said]


def _child(sent: Sent, typed: Typed, order: int) -> dict[str, Any]:
    number = typed.one(_at("number", order))
    if number and not _NUMBER.fullmatch(number):
        typed.wrong[_at("number", order)] = sent.say("Et CPR-nummer har ti cifre.")
    known = {"identifiers": [{"system": CPR, "value": number.replace("-", "")}]} if number else {}
    sex = typed.one(_at("sex", order)) or "unknown"
    return {"order": order, "born_at": _born(sent, typed, order), "sex": sex, **known}


def _born(sent: Sent, typed: Typed, order: int) -> str:
    field = _at("born_on", order)
    on, at = typed.must(field, sent.say("Skriv, hvilken dag barnet er født.")), typed.one(_at("born_time", order)) or "12:00"
    try:
        born = datetime.fromisoformat(f"{on}T{at}").replace(tzinfo=COPENHAGEN)
    except ValueError:
        typed.wrong.setdefault(field, sent.say("Datoen eller klokkeslættet er ikke skrevet rigtigt."))
        return ""
    if born > sent.now:
        typed.wrong[field] = sent.say("Fødslen kan ikke ligge i fremtiden.")
    return born.isoformat()


def _message_id(key: str) -> UUID:
    return UUID(bytes=sha256(key.encode()).digest()[:16], version=4)


@router.get("/{id}")
async def fate(id: UUID, visit: Visiting) -> Response:
    """Its state, and who has each child."""
    found = await visit.apis.get("midwife", f"/midwife/notifications/{id}")
    seats = [it["tovholder"] for it in found["children"] if it["tovholder"]]
    names = await visit.apis.names_of([it["professional"] for it in seats], [found["unit"], *(it["unit"] for it in seats)])
    return visit.page("notification.html", found=found, names=names, mother=(found.get("content") or {}).get("mother"))


@router.post("/{id}/tilbage")
async def take_back(id: UUID, sent: Sending) -> Response:
    reason = sent.typed.one("reason") or "other"
    await sent.post("midwife", f"/midwife/notifications/{id}/withdrawal", {"reason": reason})
    return sent.to(f"/portal/anmeldelser/{id}", "taken-back")
