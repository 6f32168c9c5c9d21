"""The one shape of a change to the baton: load, authorise, decide, commit, answer; decided again where somebody was first."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response

from services.chassis.errors import CallerIsUnknown, NotAllowed, NotFound, RuleViolated, TheChildHasMovedOn, require
from services.chassis.request import Change, Reading, answer, change, checked_against, reading
from services.chassis.service import runtime_of
from services.chassis.store import Connection
from services.events.access import may
from services.events.envelope import Seat
from services.registry.domain import Child, Decision, relations
from services.registry.repository import TRIES, Loaded, Place, SomebodyWasFirst, as_json, commit, load

runtime = runtime_of("registry")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]
Limit = Annotated[int, Query(ge=1, le=500)]
Decide = Callable[[Loaded, UUID], Decision]


def child_of(loaded: Loaded) -> Child:
    """The child that `changed` has found before it lets anybody decide."""
    assert loaded.child is not None
    return loaded.child


def texts(**said: str | None) -> dict[str, str]:
    """What was said, by the column that keeps it sealed."""
    return {column: text for column, text in said.items() if text}


async def changed(request: Change, place: Place, class_: str, decide: Decide, status: int = 200) -> Response:
    """Makes one change for a person. Two round trips: load_child and commit; the answer is stored in the commit."""
    async with request.runtime.store.connection("api") as connection:
        return await _changed(request, place, class_, decide, status, connection)


async def _changed(request: Change, place: Place, class_: str, decide: Decide, status: int, connection: Connection) -> Response:
    store = request.runtime.store
    for tried in range(1, TRIES + 1):
        loaded = await load(store, request.bearer, request.who, request.key, place, connection)
        if loaded is None:
            raise CallerIsUnknown
        checked_against(loaded.answer, request.fingerprint)
        child, person = _for_whom(loaded, class_)
        if request.expected is not None and request.expected != child.version:
            raise TheChildHasMovedOn("The child has changed since you read it.", **_baton(child))
        decision = _decided(decide, loaded, child, person)
        body = _answer(child, decision)
        try:
            written = [_written(request, loaded, decision), *(as_json(it, store.partitions) for it in decision.also)]
            await commit(store, loaded.caller.party, written, _stored(request, status, body, decision), on=connection)
            return answer(status, body, decision.version)
        except SomebodyWasFirst as lost:
            if tried == TRIES:
                lost.rule.more |= _baton(child) if isinstance(lost.rule, RuleViolated | TheChildHasMovedOn) else {}
                raise lost.rule from lost
    raise AssertionError("unreachable")


async def seen(request: Reading, place: Place) -> tuple[Loaded, Child, frozenset[str]]:
    """A child (and handover) as the caller may read it, its access-log line written. NotFound for who has no relation to it."""
    loaded = await load(request.runtime.store, request.bearer, request.who, None, place)
    if loaded is None:
        raise CallerIsUnknown
    if loaded.child is None:
        raise NotFound("There is no such thing, or not for you.")
    related = related_to(loaded)
    require(may(related, "baton", "see"), bool(related))
    return loaded, loaded.child, related


def related_to(loaded: Loaded) -> frozenset[str]:
    """In which relations the caller stands to a child; to a merged reference also in those to its survivor."""
    children = [it for it in (loaded.child, loaded.survivor) if it]
    caller = loaded.caller
    return frozenset().union(*(relations(it, caller.professional, caller.is_service) for it in children))


def _for_whom(loaded: Loaded, class_: str) -> tuple[Child, UUID]:
    if loaded.child is None:
        raise NotFound("There is no such thing, or not for you.")
    related = related_to(loaded)
    require(may(related, class_, "act"), bool(related))
    if loaded.caller.professional is None:
        raise NotAllowed("Only a named professional moves the baton.")
    return loaded.child, loaded.caller.professional


def _decided(decide: Decide, loaded: Loaded, child: Child, person: UUID) -> Decision:
    """Whoever is refused learns who holds the baton now."""
    try:
        return decide(loaded, person)
    except RuleViolated as refused:
        refused.more = {**_baton(child), **refused.more}
        if loaded.survivor and "merged_into" in refused.more:
            # Of a chain of merges the one that stands at its end: there the command belongs.
            refused.more["merged_into"] = loaded.survivor.id
        raise


def _baton(child: Child) -> dict[str, Any]:
    merged = {"merged_into": child.life.merged_into} if child.life.merged_into else {}
    return {"version": child.version, "tovholder": _seat(child.holder), **merged}


def _seat(seat: Seat | None) -> dict[str, UUID] | None:
    return {"professional": seat.professional, "unit": seat.unit} if seat else None


def _answer(child: Child, decision: Decision) -> dict[str, Any]:
    """Ids, codes and dates only: it is stored with the change."""
    holder = decision.holder.seat if decision.holder else None if decision.status == "closed" else child.holder
    body: dict[str, Any] = {"child": child.id, "version": decision.version, "tovholder": _seat(holder)}
    if decision.status:
        body["status"] = decision.status
    if decision.life.get("moving_to"):
        body["waits_to_move_to"] = decision.life["moving_to"]
    if handover := decision.handover:
        body |= {
            "id": handover.id,
            "state": handover.state,
            "receiver": _seat(handover.receiver),
            "due_at": handover.due_at,
            "effective_on": handover.effective_on,
            "question": handover.question,
        }
    return body


def _written(request: Change, loaded: Loaded, decision: Decision) -> dict[str, Any]:
    runtime = request.runtime
    seal, key = loaded.seal(runtime.settings.secrets) if decision.texts else (None, None)
    return as_json(decision, runtime.store.partitions, seal, key)


def _stored(request: Change, status: int, body: dict[str, Any], decision: Decision) -> dict[str, Any]:
    return {
        "client": request.bearer.client,
        "key": request.key,
        "fingerprint": request.fingerprint.hex(),
        "status": status,
        "body": body,
        "version": decision.version,
    }
