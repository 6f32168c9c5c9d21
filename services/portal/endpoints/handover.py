"""A handover: proposed step by step, answered, asked about, moved to another date, taken back."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.portal import pages
from services.portal.apis import as_uuid
from services.portal.endpoints.choosing import Chosen, candidates, chosen, units_to_choose
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(route_class=PageRoute)
# Refusals that belong to one field of the form.
_AT_FIELDS = {
    "the-effect-date-has-passed": "effective_on",
    "the-proposal-names-another-date": "take_on",
    "another-reason-needs-words": "text",
}


# -- proposing ------------------------------------------------------------------------------------------------------------------


@router.get("/barn/{ref}/overdrag")
async def choose_receiver(ref: UUID, visit: Visiting, enhed: str = "", navn: str = "", til: str = "") -> Response:
    """First whom, then what to say; each step is an address of its own, so that Back works."""
    if receiver := chosen(til):
        return await _writing(visit, ref, receiver)
    return await _choosing(visit, "propose_whom.html", ref, as_uuid(enhed), navn.strip())


async def _choosing(visit: Visit, template: str, ref: UUID, unit: UUID | None, name: str) -> Response:
    child, person, units = await asyncio.gather(
        visit.apis.get("registry", f"/registry/children/{ref}"), visit.apis.child(ref), units_to_choose(visit)
    )  # fmt: skip
    if unit is None and not name and visit.caller.seats:
        unit = visit.caller.seats[0].unit
    found = [it for it in await candidates(visit, unit, name) if it.seat.split(".")[0] != child["tovholder"]["professional"]]
    return visit.page(template, child=child, person=person, units=units, unit=str(unit or ""), name=name, found=found)


async def _writing(visit: Visit, ref: UUID, to: Chosen, status: int = 200) -> Response:
    child, person, names = await asyncio.gather(
        visit.apis.get("registry", f"/registry/children/{ref}"),
        visit.apis.child(ref),
        visit.apis.names_of([to.professional], [to.unit]),
    )
    place = f"/portal/barn/{ref}/overdrag"
    typed = visit.typed_in(f"{place}/se", place)
    return visit.page("propose_what.html", status, child=child, person=person, names=names, to=to, typed=typed)


@router.post("/barn/{ref}/overdrag/se")
async def look_at_proposal(ref: UUID, sent: Sending) -> Response:
    """What will be sent, and who will be told what; or back to what was written."""
    typed, to = sent.typed, chosen(sent.typed.one("to"))
    if to is None:
        return sent.to(f"/portal/barn/{ref}/overdrag")
    typed.must("reason", sent.say("Vælg, hvorfor barnet skal gives videre."))
    on = typed.one("effective_on")
    if on and on < sent.today.isoformat():
        typed.wrong["effective_on"] = sent.say("Datoen er passeret.")
    if typed.wrong or typed.one("ret"):
        return await _writing(sent, ref, to, 422 if typed.wrong else 200)
    child, person, names = await asyncio.gather(
        sent.apis.get("registry", f"/registry/children/{ref}"),
        sent.apis.child(ref),
        sent.apis.names_of([to.professional], [to.unit]),
    )
    return sent.page("propose_look.html", child=child, person=person, names=names, to=to, typed=typed)


@router.post("/barn/{ref}/overdrag")
async def propose(ref: UUID, sent: Sending) -> Response:
    typed, to = sent.typed, chosen(sent.typed.one("to"))
    if to is None:
        return sent.to(f"/portal/barn/{ref}/overdrag")
    try:
        await sent.post("registry", f"/registry/children/{ref}/handovers", _body(to, typed), about=ref, at_field=_AT_FIELDS)
    except Again:
        return await _writing(sent, ref, to, 422)
    return sent.to(f"/portal/barn/{ref}", "proposed")


def _body(to: Chosen, typed: Any) -> dict[str, Any]:
    said = {name: typed.one(name) for name in ("effective_on", "family_wish", "message") if typed.one(name)}
    return {"to": to.as_seat(), "reason": typed.one("reason"), **said}


# -- a leader places ------------------------------------------------------------------------------------------------------------


@router.get("/barn/{ref}/placer")
async def choose_placement(ref: UUID, visit: Visiting, enhed: str = "", navn: str = "", til: str = "") -> Response:
    if receiver := chosen(til):
        return await _placing(visit, ref, receiver)
    return await _choosing(visit, "place_whom.html", ref, as_uuid(enhed), navn.strip())


async def _placing(visit: Visit, ref: UUID, to: Chosen, status: int = 200) -> Response:
    child, person, names = await asyncio.gather(
        visit.apis.get("registry", f"/registry/children/{ref}"),
        visit.apis.child(ref),
        visit.apis.names_of([to.professional], [to.unit]),
    )
    return visit.page("place_what.html", status, child=child, person=person, names=names, to=to,
                      typed=visit.typed_in(f"/portal/barn/{ref}/placer"))  # fmt: skip


@router.post("/barn/{ref}/placer")
async def place(ref: UUID, sent: Sending) -> Response:
    """A leader's decision, with a reason; everybody is told. Where the child has changed meanwhile, that is shown instead."""
    typed, to = sent.typed, chosen(sent.typed.one("to"))
    if to is None:
        return sent.to(f"/portal/barn/{ref}/placer")
    reason = typed.must("reason", sent.say("Vælg en årsag. Alle berørte får den at se."))
    if not typed.wrong:
        body = {"to": to.as_seat(), "reason": reason, **({"text": typed.one("text")} if typed.one("text") else {})}
        try:
            path = f"/registry/children/{ref}/override"
            await sent.post("registry", path, body, about=ref, at_field=_AT_FIELDS, version=typed.whole("version"))
            return sent.to(f"/portal/barn/{ref}", "placed")
        except Again:
            pass
    return await _placing(sent, ref, to, 422)


# -- one handover ---------------------------------------------------------------------------------------------------------------


@router.get("/overdragelse/{handover}")
async def see_handover(handover: UUID, visit: Visiting) -> Response:
    return await _page(visit, handover)


async def _page(visit: Visit, id: UUID, status: int = 200) -> Response:
    handover = await visit.apis.get("registry", f"/registry/handovers/{id}")
    giver, receiver = handover["giver"], handover["receiver"]
    child, person, names = await asyncio.gather(
        visit.apis.found("registry", f"/registry/children/{handover['child']}"),
        visit.apis.child(handover["child"]),
        visit.apis.names_of(
            [giver["professional"], receiver["professional"], handover["proposer"], handover["accepted_by"]],
            [giver["unit"], receiver["unit"]],
        ),
    )
    questions = handover.get("questions") or []
    open_question = bool(questions) and not questions[-1]["answer"]
    i_am = _parts(visit, handover, await stands_in_for(visit, receiver["professional"]))
    return visit.page(
        "handover.html", status, handover=handover, child=child, person=person, names=names, questions=questions,
        asked=open_question or (not questions and bool(handover["asked_at"])), i_am=i_am,
        due=pages.due(handover["due_at"], visit.now),
        base=f"/portal/overdragelse/{id}",
    )  # fmt: skip


def _parts(visit: Visit, handover: dict[str, Any], stands_in: bool) -> set[str]:
    me = str(visit.me)
    parts = {"receiver"} if handover["receiver"]["professional"] == me else set()
    if stands_in:
        parts |= {"deputy"}
    if me in (handover["giver"]["professional"], handover["proposer"]):
        parts |= {"giver"}
    return parts


async def stands_in_for(visit: Visit, professional: str) -> bool:
    """Whether this person is the deputy in an absence of the other's that runs today."""
    if professional == str(visit.me):
        return False
    person, today = await visit.apis.found("directory", f"/directory/professionals/{professional}"), visit.today.isoformat()
    return any(
        it["deputy"] and it["deputy"]["professional"] == str(visit.me) and it["from_on"] <= today <= (it["until_on"] or today)
        for it in (person or {}).get("absences", ())
    )


@router.post("/overdragelse/{handover}/ja")
async def accept(handover: UUID, sent: Sending) -> Response:
    said = {"effective_on": sent.typed.one("take_on"), "text": sent.typed.one("note")}
    body = {name: text for name, text in said.items() if text}
    try:
        done = await _post(sent, handover, "acceptance", body)
    except Again:
        return await _page(sent, handover, 422)
    return sent.to(f"/portal/barn/{done['child']}", "agreed" if done["state"] == "scheduled" else "accepted")


@router.post("/overdragelse/{handover}/nej")
async def decline(handover: UUID, sent: Sending) -> Response:
    typed = sent.typed
    reason = typed.must("reason", sent.say("Vælg, hvorfor du siger nej."))
    text = typed.one("text")
    if reason == "other" and not text:
        typed.wrong["text"] = sent.say("Skriv kort hvorfor.")
    if typed.wrong:
        return await _page(sent, handover, 422)
    try:
        await _post(sent, handover, "refusal", {"reason": reason, **({"text": text} if text else {})})
    except Again:
        return await _page(sent, handover, 422)
    return sent.to("/portal/", "declined")


@router.post("/overdragelse/{handover}/spoerg")
async def ask(handover: UUID, sent: Sending) -> Response:
    text = sent.typed.must("question", sent.say("Skriv dit spørgsmål."))
    if sent.typed.wrong:
        return await _page(sent, handover, 422)
    await _post(sent, handover, "question", {"text": text})
    return sent.to(f"/portal/overdragelse/{handover}", "asked")


@router.post("/overdragelse/{handover}/svar")
async def answer(handover: UUID, sent: Sending) -> Response:
    text = sent.typed.must("answer", sent.say("Skriv dit svar."))
    if sent.typed.wrong:
        return await _page(sent, handover, 422)
    await _post(sent, handover, "answer", {"text": text})
    return sent.to(f"/portal/overdragelse/{handover}", "answered")


@router.post("/overdragelse/{handover}/dato")
async def reschedule(handover: UUID, sent: Sending) -> Response:
    on = sent.typed.must("effective_on", sent.say("Skriv den nye dato."))
    if not sent.typed.wrong:
        try:
            await _post(sent, handover, "rescheduling", {"effective_on": on})
            return sent.to(f"/portal/overdragelse/{handover}", "rescheduled")
        except Again:
            pass
    return await _page(sent, handover, 422)


@router.post("/overdragelse/{handover}/tilbage")
async def withdraw(handover: UUID, sent: Sending) -> Response:
    done = await _post(sent, handover, "withdrawal", None)
    return sent.to(f"/portal/barn/{done['child']}", "withdrawn")


async def _post(sent: Sent, handover: UUID, act: str, body: Any) -> Any:
    return await sent.post(
        "registry", f"/registry/handovers/{handover}/{act}", body, about=("handover", handover), at_field=_AT_FIELDS
    )
