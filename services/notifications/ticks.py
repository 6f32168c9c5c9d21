"""The clock's work: makes each delivery whose time has come; address and permission are asked at the moment of sending."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from services.chassis import metrics
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.log import logger
from services.chassis.sealed import seal_of
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.events.notifications import Failed
from services.notifications import domain, mail, repository
from services.notifications.letters import sending
from services.notifications.letters.writing import written
from services.notifications.outward.proving import proof
from services.notifications.repository import letters, outward, people

# The clock comes back each second; a slow mail server must not keep it longer than its lease.
_ROUND_SECONDS = 2.0
_AT_ONCE = 10
_RECEIPTS_AT_ONCE = 200
_FORGETS_IN_MINUTES = 1
# The print service's words as outcomes of a try.
_SAID = {"delivered": "accepted", "returned": "returned", "refused": "refused-by-print"}
# A sending organisation belongs to no municipality; a test event of its subscription is about nobody.
_NOBODY_S = "0000"


class CouldNotBeDelivered(Exception):
    """This try failed; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def send_due(runtime: Runtime) -> bool:
    """Mails last, so that a slow mail server keeps nothing else waiting; the family's apart. Whether there is more."""
    more = False
    for by_mail in (False, True):
        for to_family in (False, True):
            more = await _send(runtime, by_mail, to_family) or more
    async with runtime.store.transaction() as tx:
        metrics.UNTOLD.set(await repository.oldest_untold_seconds(tx))
    return more


async def _send(runtime: Runtime, by_mail: bool, to_family: bool) -> bool:
    """A few deliveries at a time, each tried and recorded by itself; one that fails does not stop the others.

    The same peer is asked about all of a kind: where it is away for all of a few, the rest is not tried before the next round.
    Whether there was more to do than time.
    """
    until = time.monotonic() + _ROUND_SECONDS
    while time.monotonic() < until:
        async with runtime.store.transaction() as tx:
            deliveries = await repository.take_due(tx, _AT_ONCE, by_mail, to_family)
        if not deliveries:
            return False
        outcomes = await asyncio.gather(*(_try(runtime, delivery) for delivery in deliveries), return_exceptions=True)
        waiting = [one for one, outcome in zip(deliveries, outcomes, strict=True) if outcome is False]
        await _wait(runtime, waiting)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        if len(waiting) == len(deliveries):
            return False
    return True


async def send_digests(runtime: Runtime) -> None:
    """One e-mail for all that waits for the same hour of the same person."""
    async with runtime.store.transaction() as tx:
        digests = await people.take_digests(tx, domain.IN_HAND, _AT_ONCE)
    for together in digests.values():
        if not await _try(runtime, together[0], together[1:]):
            await _wait(runtime, together)


async def _try(runtime: Runtime, delivery: Any, together: Sequence[Any] = ()) -> bool:
    """`together`: further deliveries of the same person that the same e-mail makes. False where they must wait."""
    try:
        if delivery["to_whom"] == "family" and delivery["recipient"] is None:
            await _pass_on_to_family(runtime, delivery)
        elif delivery["channel"] == "letter":
            await _write(runtime, delivery)
        elif delivery["channel"] == "email":
            await _mail(runtime, delivery, together)
        else:
            raise CouldNotBeDelivered("no-adapter")
    except TryAgainSoon as away:
        # Persons or directory away: waiting is right; sending to an address of yesterday, or after a death, is not.
        logger().warning("delivery.waits", delivery=str(delivery["id"]), why=away.detail)
        return False
    except (CouldNotBeDelivered, sending.CannotBeWrittenTo) as failed:
        await _failed(runtime, (delivery, *together), failed.reason)
    except Exception as error:
        # A fault of ours with this one: it ends on a person's list as any other failure does, and keeps no other waiting.
        logger().error("delivery.went_wrong", delivery=str(delivery["id"]), error=type(error).__name__)
        await _failed(runtime, (delivery, *together), "went-wrong")
    return True


async def _wait(runtime: Runtime, deliveries: Sequence[Any]) -> None:
    """At once for all, since while a peer is away this is most of what there is to do."""
    if deliveries:
        async with runtime.store.transaction() as tx:
            await repository.wait(tx, [one["id"] for one in deliveries], await tx.now() + domain.WAITS)


async def _failed(runtime: Runtime, deliveries: Sequence[Any], reason: str) -> None:
    for one in deliveries:
        await _again_or_to_a_person(runtime, one, reason)


async def _pass_on_to_family(runtime: Runtime, delivery: Any) -> None:
    """The family's delivery becomes one per person whom persons names now; by e-mail where they have an address."""
    found = await _family(runtime, delivery)
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        if found["do_not_contact"]:
            await repository.tried(tx, delivery, "stopped", "do-not-contact", at)
        elif found["recipients"] and await repository.tried(tx, delivery, "passed-on", "passed-on", at):
            for one in found["recipients"]:
                if delivery["channel"] != "email" or one["address"].get("email"):
                    await repository.pass_on(tx, delivery, UUID(one["person"]), at)
    if not found["do_not_contact"] and not found["recipients"]:
        raise CouldNotBeDelivered("family-unknown")


async def _write(runtime: Runtime, delivery: Any) -> None:
    """A letter, laid for the print service; laid again after a crash it is the same letter."""
    found = await _family(runtime, delivery, letter=True)
    if why := domain.is_not_to_be_told(found, delivery["recipient"]):
        await _stop(runtime, delivery, why)
        return
    to, name = sending.addressed(found, delivery["recipient"])
    tovholder, about = await sending.content(runtime, delivery)
    letter = written(about, name)
    await sending.hand_over(runtime, delivery, to, letter, await runtime.store.now())
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        if await repository.tried(tx, delivery, "sent", "laid-for-print", at):
            seal = await seal_of(tx, runtime.settings.secrets, delivery["municipality"], delivery["about"])
            await letters.keep(tx, delivery, tovholder, sending.sealed(seal, written(about.to_be_kept, name)), at)


async def _stop(runtime: Runtime, delivery: Any, why: str) -> None:
    async with runtime.store.transaction() as tx:
        await repository.tried(tx, delivery, "stopped", why, await tx.now())


async def _mail(runtime: Runtime, delivery: Any, together: Sequence[Any]) -> None:
    if delivery["to_whom"] == "professional":
        address = await _address_of_professional(runtime, delivery["recipient"])
    else:
        found = await _family(runtime, delivery)
        if why := domain.is_not_to_be_told(found, delivery["recipient"]):
            await _stop(runtime, delivery, why)
            return
        own = [one["address"].get("email") for one in found["recipients"] if UUID(one["person"]) == delivery["recipient"]]
        address = own[0] if own else None
    if not address:
        raise CouldNotBeDelivered("no-address")
    try:
        await mail.send(runtime.settings, address, str(delivery["id"]))
    except mail.MailWasRefused as refused:
        raise CouldNotBeDelivered(refused.code) from refused
    async with runtime.store.transaction() as tx:
        for one in (delivery, *together):
            if await repository.tried(tx, one, "delivered", "accepted", await tx.now()):
                tx.publish(one["notice"], repository.delivered(one, one["id"]))


async def _family(runtime: Runtime, delivery: Any, letter: bool = False) -> dict[str, Any]:
    """`letter`: with what a letter needs, each recipient's own name and address."""
    child = delivery["about"]
    asking = {"letter": "true"} if letter else {}
    asking |= {"about": "mother"} if delivery["kind"] in domain.HERS_ALONE else {}
    try:
        found: dict[str, Any] = await runtime.peers.get("persons", f"/persons/{child}/recipients", **asking)
    except CannotBeApplied as error:
        raise CouldNotBeDelivered("family-unknown") from error
    return found


async def _address_of_professional(runtime: Runtime, professional: UUID) -> str | None:
    try:
        address: str | None = (await runtime.peers.get("directory", f"/directory/professionals/{professional}/contact"))["email"]
    except CannotBeApplied as error:
        raise CouldNotBeDelivered("no-address") from error
    return address


async def _again_or_to_a_person(runtime: Runtime, delivery: Any, reason: str) -> None:
    """After the last try, or where trying again changes nothing, a named person gets it on their list."""
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        again = domain.next_try(delivery["tries"] + 1 - delivery["tried_before"], reason, at)
        if again:
            await repository.tried(tx, delivery, "queued", reason, at, again)
        else:
            person = await repository.person_to_show(tx, delivery["municipality"], delivery["about"], delivery["recipient"])
            if await repository.tried(tx, delivery, "failed", reason, at, shown_to=person):
                _say_failed(tx, delivery, reason, person)


async def read_receipts(runtime: Runtime) -> None:
    """What the print service says of letters, and those of which it says nothing for too long."""
    post = sending.post_of(runtime)
    if post is None:
        return
    for receipt in await asyncio.to_thread(lambda: list(islice(post.receipts(), _RECEIPTS_AT_ONCE))):
        async with runtime.store.transaction() as tx:
            row = await letters.sent_letter(tx, receipt.delivery)
            if row is not None:
                await _answered(tx, row, _SAID[receipt.word])
        await asyncio.to_thread(post.settle, receipt)
    async with runtime.store.transaction() as tx:
        for row in await letters.without_receipt(tx, sending.RECEIPT_WITHIN, _RECEIPTS_AT_ONCE):
            await _answered(tx, row, "no-receipt")


async def _answered(tx: Tx, row: Any, outcome: str) -> None:
    at = await tx.now()
    if outcome == "accepted":
        await letters.answered(tx, row, "delivered", outcome, at)
        tx.publish(row["notice"], repository.delivered(row, row["id"]))
        return
    person = await repository.person_to_show(tx, row["municipality"], row["about"], row["recipient"])
    await letters.answered(tx, row, "failed", outcome, at, person)
    _say_failed(tx, row, outcome, person)


async def prove_lines(runtime: Runtime) -> None:
    """Asks a test event for each subscription that has had none for a quarter of an hour, and measures which have been taken."""
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        for row in await outward.due_for_test(tx):
            await outward.ask_test(tx, row["id"], row["municipality"] or _NOBODY_S, proof(row["id"], at))
        unproven, paused = await outward.lines(tx)
        metrics.LINE_UNPROVEN.set(unproven)
        metrics.LINES_PAUSED.set(paused)


async def forget_old(runtime: Runtime) -> None:
    """What integrators can no longer have replayed; a few minutes of each hour are enough."""
    async with runtime.store.transaction() as tx:
        if (await tx.now()).minute < _FORGETS_IN_MINUTES:
            await outward.forget_old(tx)


def _say_failed(tx: Tx, delivery: Any, reason: str, shown_to: UUID | None) -> None:
    tx.publish(
        delivery["notice"],
        Failed(
            delivery=delivery["id"],
            notice=delivery["notice"],
            municipality=delivery["municipality"],
            channel=delivery["channel"],
            about=delivery["about"],
            reason=reason,
            shown_to=shown_to,
        ),
    )


TICKS: dict[str, Callable[[Runtime], Awaitable[bool | None]]] = {
    "send-due": send_due,
    "send-digests": send_digests,
    "read-receipts": read_receipts,
    "prove-lines": prove_lines,
    "forget-old": forget_old,
}
