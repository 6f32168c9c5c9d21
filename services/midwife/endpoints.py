"""MedCom messages and structured notifications in, acknowledgements out; and what the sender and the intake see of them."""

import asyncio
import hmac
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from services.chassis.calendar import after_working_days
from services.chassis.errors import CallerIsUnknown, NotAllowed, NotFound, Problem, require
from services.chassis.ids import new_id
from services.chassis.log import logger
from services.chassis.party import Caller
from services.chassis.request import Change, OpenReading, Reading, answer, change, reading
from services.chassis.route import UsualRoute
from services.chassis.sealed import blind_index
from services.chassis.service import runtime_of
from services.chassis.store import Tx
from services.events.access import may
from services.events.midwife import NotificationReceived, NotifiedChild
from services.midwife import domain, repository, schemas
from services.midwife.fhir import Arrival, Message, UnreadableMessage, admission_code, duplicate_of, read_message
from services.midwife.fhir.acknowledgement import AcknowledgementIds, acknowledgement
from services.midwife.fhir.acknowledgement import Response as Response_
from services.midwife.fhir.bundle import Organisation
from services.midwife.fhir.codes import BUNDLE_ID_REUSED, RECEIVER_UNKNOWN, Issue, MedComCode
from services.midwife.fhir.xml import to_xml

router = APIRouter(tags=["midwife"], route_class=UsualRoute)
runtime = runtime_of("midwife")
Changing = Annotated[Change, Depends(change(runtime))]
Looking = Annotated[Reading, Depends(reading(runtime))]

MUNICIPALITY_INACTIVE = Issue(
    code="not-supported",
    diagnostics="The receiver's municipality receives nothing here at present. Reach it another way; do not send again.",
    expression="Bundle.entry[0].resource.destination[0].receiver",
    medcom=MedComCode.UNABLE_TO_RECEIVE_TYPE,
)
_ISSUES = {"receiver-unknown": RECEIVER_UNKNOWN, "municipality-inactive": MUNICIPALITY_INACTIVE}
_OF_THE_MOTHER = ("identifiers", "name", "email", "phone", "address", "is_protected")
_OF_A_CHILD = ("order", "identifiers", "sex", "born_at")
_FHIR_TYPES = ("application/fhir+json", "application/fhir+xml", "application/json", "application/xml")


class TheContentTypeIsNotFhir(Problem):
    """A message is FHIR in JSON or XML and says so."""

    status = 415


class TheMessageCannotBeRead(Problem):
    """Too little came to answer by an acknowledgement."""


def organisation_of(caller: Caller) -> str:
    """Under which name the caller sends: its organisation, its municipality's system, or its ward or midwife centre."""
    if caller.professional:
        ward = next((seat.unit for seat in caller.seats if seat.unit_kind in ("maternity", "midwife-centre")), None)
        if ward:
            return f"unit:{ward}"
    elif caller.party.kind == "organisation" and caller.party.organisation:
        return caller.party.organisation
    elif caller.party.kind == "municipality" and caller.sends_for:
        return f"municipality:{caller.party.municipality}"
    raise domain.OnlyAMaternityUnitMayNotify(
        "Notifications come from an organisation's system or a professional of a maternity unit."
    )


# -- MedCom messages ---------------------------------------------------------------------------------------------------------


@router.post(
    "/fhir/$process-message",
    summary="Receive a MedCom message and answer with its acknowledgement",
    openapi_extra={"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string"}} for kind in _FHIR_TYPES}}},
    responses={
        200: {"description": "A MedCom Acknowledgement: ok or fatal-error"},
        202: {"description": "An acknowledgement was recorded; it is not acknowledged"},
    },
)
async def process_message(request: Request, asking: Looking) -> Response:
    """Stored before it is answered. The same message again has the same answer and is shown once (MedCom reliable messaging)."""
    content_type = request.headers.get("content-type", "")
    body = await request.body()
    message = await asyncio.to_thread(read_message, body, content_type)
    if isinstance(message, UnreadableMessage):
        kind = TheContentTypeIsNotFhir if message.reason == "unsupported-content-type" else TheMessageCannotBeRead
        raise kind(message.diagnostics, reason=message.reason)
    async with asking.runtime.store.request(asking.who, None, None) as (tx, opened):
        if opened is None:
            raise CallerIsUnknown
        caller = Caller.of(asking.bearer, opened["caller"])
        if not domain.may_send_for(caller.sends_for, message.sender.sor or ""):
            raise domain.OnlyTheSendersOwnSystemMaySend("This system does not send for the SOR number in MessageHeader.sender.")
        answered = await _receive(asking, caller, tx, message, body)
    if answered is None:
        return Response(status_code=202)
    media_type = content_type.partition(";")[0].strip().lower()
    content = to_xml(orjson.loads(answered)) if media_type.endswith("xml") else answered.encode()
    return Response(content, 200, media_type=media_type)


async def _receive(asking: Reading, caller: Caller, tx: Tx, message: Message, body: bytes) -> str | None:
    """The acknowledgement, as it was given first; None for a message that has none."""
    sender, at = message.sender.sor or "", await tx.now()
    before = await repository.earlier(tx, sender, message.header_id, message.bundle_id, message.answers)
    is_known = before.message is not None
    arrival = duplicate_of(message.header_id, header_is_known=is_known, known_header_of_bundle=before.header_of_bundle)
    if before.message:
        # Also where the envelope was used by another letter: an answer once given is never turned into its opposite.
        await repository.log_sending(tx, before.message, sender, message.bundle_id, arrival, at)
        logger().info("message.came_again", message=str(before.message), arrival=arrival)
        return before.acknowledgement
    place = await repository.receiver(tx, message.receiver.sor)
    issues = _issues(message, place, arrival)
    response: Response_ = "fatal-error" if any(each.severity in ("fatal", "error") for each in issues) else "ok"
    expected = message.expects_an_acknowledgement
    state = domain.state_of_message(message.kind, message.category, place.receiver) if response == "ok" and place else None
    answered = _acknowledgement(asking, message, response, issues, at) if expected else None
    new = repository.NewMessage(
        id=new_id(),
        sender=sender,
        header_id=message.header_id,
        receiver=message.receiver.sor,
        organisation=organisation_of(caller),
        place=place,
        kind=message.kind,
        outcome=response if expected else "recorded",
        answers=message.answers,
        body=body.decode("utf-8-sig", "replace") if state and message.category else None,
        acknowledgement=answered,
        at=at,
    )
    await repository.save_message(tx, asking.runtime.settings.secrets, new)
    await repository.log_sending(tx, new.id, sender, message.bundle_id, arrival, at)
    if state and place:
        await _list(asking, tx, message, new, place, state)
    return answered


def _issues(message: Message, place: repository.Place | None, arrival: Arrival) -> tuple[Issue, ...]:
    if arrival is Arrival.BUNDLE_ID_REUSED:
        return (BUNDLE_ID_REUSED,)
    refusal = domain.refusal_of(place.receiver if place else None) if message.receiver.sor else None
    return (*message.issues, *([_ISSUES[refusal]] if refusal else []))


def _acknowledgement(asking: Reading, message: Message, response: Response_, issues: tuple[Issue, ...], at: datetime) -> str:
    settings = asking.runtime.settings
    own = Organisation(settings.own_sor, settings.own_gln)
    return orjson.dumps(acknowledgement(message, response, issues, AcknowledgementIds.fresh(), at, own=own)).decode()


async def _list(
    asking: Reading,
    tx: Tx,
    message: Message,
    new: repository.NewMessage,
    place: repository.Place,
    state: Literal["to-place", "listed"],
) -> None:
    found = place.receiver
    place_by = after_working_days(new.at, place.answer_working_days, place.closing_days) if state == "to-place" else None
    await repository.save_notification(
        tx,
        asking.runtime.settings.secrets,
        repository.NewNotification(
            id=new.id,
            receiver=found,
            organisation=new.organisation,
            sent_by=None,
            message_id=message.header_id,
            kind=message.kind,
            category=message.category,
            state=state,
            content=_content(message),
            at=new.at,
            place_by=place_by,
        ),
    )
    tx.publish(
        new.id,
        NotificationReceived(
            notification_id=new.id,
            municipality=found.municipality,
            unit=found.unit,
            organisation=new.organisation,
            received_at=new.at,
            state=state,
            place_by=place_by,
        ),
        dataref=_href(new.id),
    )
    letter_code = admission_code(message)
    if letter_code:
        tx.publish(new.id, domain.admission(new.id, found, letter_code, message.told_at, new.at), dataref=_href(new.id))


def _content(message: Message) -> repository.Content:
    """What a person needs to place it; of a HospitalNotification no more than the law lets through: number, status, time."""
    numbers = [{"system": each.system, "value": each.value} for each in message.patient_identifiers]
    said: repository.Content = {"identifiers": numbers}
    if message.admission:
        return said | {"activity": message.activity, "started": message.admission.started, "ended": message.admission.ended}
    texts = list(message.texts)
    return said | {"category": message.category, "topic": message.topic, "texts": texts, "attachments": message.attachments}


# -- structured notifications ------------------------------------------------------------------------------------------------


@router.post("/midwife/notifications", status_code=201, response_model=schemas.ReceivedOut)
async def notify(body: schemas.NotificationIn, request: Changing) -> Response:
    """Stored sealed; `registering` until everyone it is about is known and has a tovholder."""
    secrets = request.runtime.settings.secrets
    content = body.model_dump(mode="json")
    # Keyed: an unkeyed hash of little but a CPR number is open in seconds.
    in_one_order = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    fingerprint = blind_index(secrets.blind_index_key(), "notification", in_one_order)
    async with request.begin() as change:
        organisation = organisation_of(change.caller)
        before = await repository.sent_before(change.tx, organisation, body.message_id)
        if before:
            if not hmac.compare_digest(before["fingerprint"], fingerprint):
                raise domain.TheMessageIdStandsForAnotherNotification(
                    "This message_id came before with other content. What has changed is a new message with `corrects`."
                )
            return await change.answer(201, _received(before["id"], before["received_state"]))
        place = await repository.receiver(change.tx, body.receiver.sor)
        id = new_id()
        decision = domain.notify(
            notification=id,
            kind=body.kind,
            receiver=place.receiver if place else None,
            organisation=organisation,
            children=[NotifiedChild(order=child.order, born_at=child.born_at) for child in body.children],
            due_on=body.due_on,
            corrects=body.corrects,
            corrected=await repository.corrected(change.tx, organisation, body.corrects),
            is_corrected_already=await repository.is_corrected_already(change.tx, organisation, body.message_id),
            at=change.at,
        )
        assert place is not None  # or the decision would have been a refusal
        await repository.save_notification(
            change.tx,
            secrets,
            repository.NewNotification(
                id=id,
                receiver=place.receiver,
                organisation=organisation,
                sent_by=change.caller.professional,
                message_id=str(body.message_id),
                kind=body.kind,
                state=decision.state,
                content=content,
                at=change.at,
                fingerprint=fingerprint,
                corrects=body.corrects,
            ),
        )
        change.tx.publish(id, *decision.events, dataref=_href(id))
        return await change.answer(201, _received(id, decision.state))


def _href(id: UUID) -> str:
    return f"/midwife/notifications/{id}"


def _received(id: UUID, state: str) -> dict[str, str]:
    return {"id": str(id), "state": state, "href": _href(id)}


@router.get("/midwife/notifications", response_model=schemas.NotificationPage)
async def notifications(
    request: Looking,
    state: Literal["registering", "registered", "to-place", "placed", "listed", "withdrawn"] | None = None,
    after: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """For intake people and leaders of the receiver, and the sender: ids, codes, dates. `after`: `next` of the last page."""
    async with request.begin() as look:
        caller = look.caller
        rows = await repository.page(
            look.tx,
            state=state,
            after=after,
            professional=caller.professional,
            leads=[seat.unit for seat in caller.seats if seat.leads],
            is_service=caller.is_service,
            limit=limit,
        )
    lines = [dict(row) for row in rows[:limit]]
    return answer(200, {"notifications": lines, "next": lines[-1]["id"] if len(rows) > limit else None})


@router.get("/midwife/notifications/{id}", response_model=schemas.NotificationOut)
async def notification(id: UUID, request: Looking) -> Response:
    """Its state and who has taken each child; what it says, to those who may see it."""
    async with request.begin() as look:
        stored = await repository.notification(look.tx, id)
        if stored is None:
            raise NotFound("There is no such notification, or not for you.")
        children = await repository.children(look.tx, id)
        relations = _relations(look.caller, stored, [child["professional"] for child in children if child["professional"]])
        require(may(relations, "notification", "see") or may(relations, "baton", "see"), bool(relations))
        said = {name: stored.row[name] for name in (*schemas.NotificationLine.model_fields, "corrects")}
        said["answers"] = await repository.answered_by(look.tx, id)
        said["children"] = [_child(child) for child in children]
        if may(relations, "notification", "see"):
            said["content"] = await _visible_content(look, request, stored, relations)
        version = await repository.version(look.tx, id)
    return answer(200, said, version)


def _relations(caller: Caller, stored: repository.Stored, tovholders: list[UUID]) -> frozenset[str]:
    known = stored.notification
    return domain.relations(
        is_service=caller.is_service,
        is_sender=_sent(caller, known.organisation, stored.row["sent_by"]),
        professional=caller.professional,
        intake=stored.intake,
        leads_the_unit=caller.leads(known.unit),
        tovholders=tovholders,
    )


def _sent(caller: Caller, organisation: str, sent_by: UUID | None) -> bool:
    try:
        return organisation_of(caller) == organisation or (sent_by is not None and sent_by == caller.professional)
    except domain.OnlyAMaternityUnitMayNotify:
        return sent_by is not None and sent_by == caller.professional


def _child(row: Any) -> dict[str, Any]:
    tovholder = {"professional": row["professional"], "unit": row["unit"], "since": row["since"]} if row["professional"] else None
    return {"child": row["child"], "order": row["ord"], "status": row["status"], "tovholder": tovholder}


async def _visible_content(
    look: OpenReading, request: Reading, stored: repository.Stored, relations: frozenset[str]
) -> repository.Content | None:
    """What the mother told of herself only for those who may see it; the sender wrote it."""
    found = await repository.contents(look.tx, request.runtime.settings.secrets, stored)
    if found is None:
        return None
    content, _ = found
    await look.saw(stored.notification.id, "notification")
    if stored.is_structured and not (may(relations, "mother", "see") or "sender" in relations):
        return {name: content[name] for name in content if name not in ("mother", "other_parent", "assessment")}
    if stored.is_structured:
        await look.saw(stored.notification.id, "mother")
    return content


@router.post("/midwife/notifications/{id}/placement", response_model=schemas.ReceivedOut)
async def place(id: UUID, body: schemas.PlacementIn, request: Changing) -> Response:
    """A person of the intake says what a message is about: an `existing` child, an `expected` one, or `not-ours`."""
    async with request.begin() as change:
        stored = await _to_change(change.tx, change.caller, id)
        by = change.caller.professional
        if by is None:
            raise NotAllowed("A message is placed by a person of the intake.")
        decision = domain.place(
            stored.notification,
            body.placement,
            child=body.child,
            child_is_known_here=await repository.child_is_known(change.tx, body.child, stored.notification.municipality),
            due_on=body.due_on,
            by=by,
            at=change.at,
        )
        content = body.model_dump(mode="json", include={"mother", "due_on"}) if body.placement == "expected" else None
        new = repository.NewPlacement(body.placement, body.child, content, by, change.at)
        await repository.save_placement(change.tx, request.runtime.settings.secrets, stored.notification, decision.state, new)
        change.tx.publish(id, *decision.events, expected=change.expected, dataref=_href(id))
        versions = await change.tx.flush()
        return await change.answer(200, _received(id, decision.state), versions[str(id)])


@router.post("/midwife/notifications/{id}/withdrawal", response_model=schemas.ReceivedOut)
async def withdraw(id: UUID, body: schemas.WithdrawalIn, request: Changing) -> Response:
    """The sender takes it back. A child it has registered stays with its tovholder, who is told and decides with the family."""
    async with request.begin() as change:
        stored = await _to_change(change.tx, change.caller, id, by_sender=True)
        decision = domain.withdraw(stored.notification, body.reason)
        await repository.save_withdrawal(change.tx, id, body.reason, change.at)
        change.tx.publish(id, *decision.events, expected=change.expected, dataref=_href(id))
        versions = await change.tx.flush()
        return await change.answer(200, _received(id, decision.state), versions[str(id)])


async def _to_change(tx: Tx, caller: Caller, id: UUID, by_sender: bool = False) -> repository.Stored:
    """The notification, locked, for its sender or for its intake; each may do only their own part."""
    stored = await repository.notification(tx, id, to_change=True)
    if stored is None:
        raise NotFound("There is no such notification, or not for you.")
    relations = _relations(caller, stored, [])
    own = relations & {"sender"} if by_sender else relations - {"sender"}
    require(may(own, "notification", "act"), bool(relations))
    return stored


@router.get("/midwife/notifications/{id}/demographics", include_in_schema=False)
async def demographics(id: UUID, request: Looking) -> Response:
    """Who a notification is about, for the product's own services: identifiers and what matches them, nothing else."""
    async with request.begin() as look:
        look.only_services()
        stored = await repository.notification(look.tx, id)
        found = await repository.contents(look.tx, request.runtime.settings.secrets, stored) if stored else None
        of_a_hospital = stored is not None and stored.notification.kind == "hospital-notification"
        if stored is None or found is None or not (stored.is_structured or of_a_hospital or found[1]):
            raise NotFound("There is no such notification, or it says of nobody who they are.")
        await look.saw(id, "identity", "registration")
        said = found[1] or {} if not (stored.is_structured or of_a_hospital) else found[0]
        known = stored.notification
        if of_a_hospital:
            about = {"kind": known.kind, "municipality": known.municipality, "unit": known.unit}
            return answer(200, {"notification_id": id, **about, "patient": {"identifiers": said["identifiers"]}})
        corrected = await repository.corrected(look.tx, known.organisation, stored.row["corrects"])
    return answer(
        200,
        {
            "notification_id": id,
            "kind": known.kind if stored.is_structured else "pregnancy",
            "municipality": known.municipality,
            "unit": known.unit,
            "mother": {name: said["mother"].get(name) for name in _OF_THE_MOTHER},
            "children": [{name: child[name] for name in _OF_A_CHILD} for child in said.get("children", [])],
            "due_on": said["due_on"],
            "corrects": corrected.id if corrected else stored.row["corrects"],
        },
    )
