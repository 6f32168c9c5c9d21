"""Many children for one receiver: chosen, looked at child by child, sent as one job, followed, and answered in one act."""

import asyncio
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.chassis.errors import NotFound
from services.portal import repository
from services.portal.apis import as_uuid
from services.portal.endpoints.choosing import Chosen, candidates, chosen, units_to_choose
from services.portal.endpoints.visiting import Again, PageRoute, Sending, Sent, Visit, Visiting

router = APIRouter(prefix="/flere", route_class=PageRoute)
KIND = "bulk"
_CHILDREN, _JOBS = 200, 50
_AT_FIELDS = {"the-effect-date-has-passed": "effective_on"}


@router.get("")
async def begun(visit: Visiting) -> Response:
    """Jobs one is asked to answer or has sent, drafts, and whose children may be handed over."""
    async with visit.own() as tx:
        drafts = await repository.drafts(tx, visit.runtime.settings.secrets, visit.apis.municipality, KIND)
    jobs = (await visit.apis.get("registry", "/registry/bulk-handovers", limit=_JOBS))["bulks"]
    people = {person["id"]: person for unit in visit.leads for person in await visit.apis.people_of(unit)}
    names = await visit.apis.names_of([person for job in jobs for person in (job["to"]["professional"], job["by"])])
    asked = [job for job in jobs if job["state"] == "proposed" and job["by"] != str(visit.me)]
    return visit.page(
        "many.html", asked=asked, jobs=[job for job in jobs if job not in asked], names=names,
        drafts=[it for it in drafts if not it.became], people=sorted(people.values(), key=lambda it: it["name"]),
    )  # fmt: skip


@router.get("/boern")
async def choose_children(visit: Visiting, fra: str = "") -> Response:
    """Step 1: whose children, and which of them."""
    return await _children_page(visit, as_uuid(fra) or visit.me)


async def _children_page(visit: Visit, holder: UUID, status: int = 200) -> Response:
    found = await visit.apis.get("registry", "/registry/children", holder=holder, limit=_CHILDREN)
    children, names = await asyncio.gather(
        visit.apis.children([it["reference"] for it in found["children"]]), visit.apis.names_of([holder])
    )
    return visit.page("many_children.html", status, held=found["children"], children=children, holder=holder, names=names,
                      more=found["next"] is not None, typed=visit.typed_in("/portal/flere/boern"))  # fmt: skip


@router.post("/boern")
async def children_chosen(sent: Sending) -> Response:
    """Kept as a draft: it can be left here and taken up again."""
    chosen_ones = [str(it) for text in sent.typed.many("child") if (it := as_uuid(text))]
    holder = as_uuid(sent.typed.one("fra")) or sent.me
    if not chosen_ones:
        sent.typed.wrong["child-1"] = sent.say("Vælg mindst ét barn.")
        return await _children_page(sent, holder, 422)
    id = await _save(sent, {"from": str(holder), "children": chosen_ones}, None)
    return sent.to(f"/portal/flere/{id}/hvem")


async def _save(sent: Sent, content: dict[str, Any], id: UUID | None) -> UUID:
    async with sent.own() as tx:
        number = await repository.save_draft(
            tx, sent.runtime.settings.secrets, sent.apis.municipality, sent.me, KIND, content, id
        )
    await sent.drop_typed()
    return number


async def _draft(visit: Visit, id: UUID) -> repository.Draft:
    async with visit.own() as tx:
        found = await repository.draft(tx, visit.runtime.settings.secrets, visit.apis.municipality, id)
    if found is None or found.kind != KIND:
        raise NotFound
    return found


@router.get("/{id}/hvem")
async def choose_receiver(id: UUID, visit: Visiting, enhed: str = "", navn: str = "", til: str = "") -> Response:
    """Step 2: whom."""
    draft = await _draft(visit, id)
    if to := chosen(til):
        return await _writing(visit, draft, to)
    unit = as_uuid(enhed) or (visit.caller.seats[0].unit if visit.caller.seats and not navn else None)
    units, found = await asyncio.gather(units_to_choose(visit), candidates(visit, unit, navn.strip()))
    found = [it for it in found if it.seat.split(".")[0] != draft.content["from"]]
    return visit.page("many_whom.html", draft=draft, units=units, unit=str(unit or ""), name=navn, found=found)


async def _writing(visit: Visit, draft: repository.Draft, to: Chosen, status: int = 200) -> Response:
    names = await visit.apis.names_of([to.professional], [to.unit])
    typed = visit.typed_in(f"/portal/flere/{draft.id}/se")
    return visit.page("many_what.html", status, draft=draft, to=to, names=names, typed=typed)


@router.post("/{id}/se")
async def preview(id: UUID, sent: Sending) -> Response:
    """Step 3: what would become of each child, as things stand now."""
    draft, typed, to = await _draft(sent, id), sent.typed, chosen(sent.typed.one("to"))
    if to is None:
        return sent.to(f"/portal/flere/{id}/hvem")
    typed.must("reason", sent.say("Vælg, hvorfor børnene skal gives videre."))
    on = typed.one("effective_on")
    if on and on < sent.today.isoformat():
        typed.wrong["effective_on"] = sent.say("Datoen er passeret.")
    if typed.wrong:
        return await _writing(sent, draft, to, 422)
    content = {**draft.content, "to": to.as_seat(), **{name: typed.one(name) for name in ("reason", "effective_on", "message")}}
    await _save(sent, content, id)
    answer = await sent.apis.ask("POST", "registry", "/registry/bulk-handovers/preview", body=_body(content))
    would = answer.body["children"]
    children, names = await asyncio.gather(
        sent.apis.children([it["child"] for it in would]), sent.apis.names_of([to.professional], [to.unit])
    )
    return sent.page("many_look.html", draft=draft, would=would, children=children, names=names, to=to, content=content)


def _body(content: dict[str, Any]) -> dict[str, Any]:
    said = {name: content[name] for name in ("effective_on", "message") if content.get(name)}
    return {"children": content["children"], "to": content["to"], "reason": content["reason"], **said}


@router.post("/{id}/send")
async def send(id: UUID, sent: Sending) -> Response:
    draft = await _draft(sent, id)
    if draft.became:
        return sent.to(f"/portal/flere/job/{draft.became}")
    if "to" not in draft.content:
        return sent.to(f"/portal/flere/{id}/hvem")
    try:
        job = await sent.post("registry", "/registry/bulk-handovers", _body(draft.content), at_field=_AT_FIELDS)
    except Again:
        to = Chosen(UUID(draft.content["to"]["professional"]), UUID(draft.content["to"]["unit"]))
        return await _writing(sent, draft, to, 422)
    async with sent.own() as tx:
        await repository.draft_became(tx, id, job["id"])
    return sent.to(f"/portal/flere/job/{job['id']}")


@router.post("/{id}/slet")
async def drop(id: UUID, sent: Sending) -> Response:
    async with sent.own() as tx:
        await repository.drop_draft(tx, id)
    return sent.to("/portal/flere", "dropped")


@router.get("/job/{job}")
async def follow(job: UUID, visit: Visiting) -> Response:
    """How far it is, and what became of each child."""
    return await _job_page(visit, job)


async def _job_page(visit: Visit, id: UUID, status: int = 200) -> Response:
    job = await visit.apis.get("registry", f"/registry/bulk-handovers/{id}", limit=_CHILDREN)
    children, names = await asyncio.gather(
        visit.apis.children([it["child"] for it in job["children"]]),
        visit.apis.names_of([job["to"]["professional"], job["by"], job["answered_by"]], [job["to"]["unit"]]),
    )
    total = sum(job["counts"].values())
    is_mine = job["to"]["professional"] == str(visit.me)
    return visit.page(
        "many_job.html", status, job=job, children=children, names=names, total=total, is_mine=is_mine,
        handled=total - job["counts"].get("waiting", 0) - job["counts"].get("answering", 0),
        typed=visit.typed_in(f"/portal/flere/job/{id}/svar"),
    )  # fmt: skip


@router.post("/job/{job}/svar")
async def answer(job: UUID, sent: Sending) -> Response:
    """Yes to all but the exceptions, each with a reason."""
    exceptions = [
        {"child": name.removeprefix("no-"), "reason": sent.typed.one(name)}
        for name in sent.typed.fields
        if name.startswith("no-") and as_uuid(name.removeprefix("no-")) and sent.typed.one(name)
    ]
    await sent.post("registry", f"/registry/bulk-handovers/{job}/answer", {"accept": True, "except": exceptions})
    return sent.to(f"/portal/flere/job/{job}", "answered")
