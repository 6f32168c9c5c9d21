"""The clock's work: makes each delivery whose time has come; address and permission are asked at the moment of sending."""

import asyncio
import time
from typing import Any
from uuid import UUID

from services.chassis import metrics
from services.chassis.errors import CannotBeApplied, TryAgainSoon
from services.chassis.log import logger
from services.chassis.service import Runtime
from services.chassis.store import Tx
from services.events.notifications import Failed
from services.notifications import domain, mail, repository

# The clock comes back each second; a slow mail server must not keep it longer than its lease.
_ROUND_SECONDS = 2.0
_AT_ONCE = 10


class CouldNotBeDelivered(Exception):
    """This try failed; `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def send_due(runtime: Runtime) -> None:
    """A few deliveries at a time, each tried and recorded by itself; one that fails does not stop the others."""
    until = time.monotonic() + _ROUND_SECONDS
    while time.monotonic() < until:
        async with runtime.store.transaction() as tx:
            deliveries = await repository.take_due(tx, _AT_ONCE)
        if not deliveries:
            break
        outcomes = await asyncio.gather(*(_try(runtime, delivery) for delivery in deliveries), return_exceptions=True)
        for error in filter(None, outcomes):
            raise error
    async with runtime.store.transaction() as tx:
        metrics.UNTOLD.set(await repository.oldest_untold_seconds(tx))


async def _try(runtime: Runtime, delivery: Any) -> None:
    try:
        if delivery["to_whom"] == "family" and delivery["recipient"] is None:
            await _pass_on_to_family(runtime, delivery)
        else:
            await _mail(runtime, delivery)
    except TryAgainSoon as away:
        # Persons or directory away: waiting is right; sending to an address of yesterday, or after a death, is not.
        logger().warning("delivery.waits", delivery=str(delivery["id"]), why=away.detail)
        async with runtime.store.transaction() as tx:
            await repository.wait(tx, delivery["id"], await tx.now() + domain.WAITS)
    except CouldNotBeDelivered as failed:
        await _again_or_to_a_person(runtime, delivery, failed.reason)


async def _pass_on_to_family(runtime: Runtime, delivery: Any) -> None:
    """The family's delivery becomes one per person whom persons names now; by e-mail where they have an address."""
    found = await _family(runtime, delivery["about"])
    async with runtime.store.transaction() as tx:
        at = await tx.now()
        if found["do_not_contact"]:
            await repository.tried(tx, delivery, "stopped", "do-not-contact", at)
        elif found["recipients"] and await repository.tried(tx, delivery, "passed-on", "passed-on", at):
            for one in found["recipients"]:
                if delivery["channel"] == "inbox" or one["address"].get("email"):
                    await repository.pass_on(tx, delivery, UUID(one["person"]), at)
    if not found["do_not_contact"] and not found["recipients"]:
        raise CouldNotBeDelivered("family-unknown")


async def _mail(runtime: Runtime, delivery: Any) -> None:
    if delivery["to_whom"] == "professional":
        address = await _address_of_professional(runtime, delivery["recipient"])
    else:
        found = await _family(runtime, delivery["about"])
        if found["do_not_contact"]:
            async with runtime.store.transaction() as tx:
                await repository.tried(tx, delivery, "stopped", "do-not-contact", await tx.now())
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
        if await repository.tried(tx, delivery, "delivered", "accepted", await tx.now()):
            tx.publish(delivery["notice"], repository.delivered(delivery, delivery["id"]))


async def _family(runtime: Runtime, child: UUID) -> dict[str, Any]:
    try:
        found: dict[str, Any] = await runtime.peers.get("persons", f"/persons/{child}/recipients")
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
        again = domain.next_try(delivery["tries"] + 1, reason, at)
        if again:
            await repository.tried(tx, delivery, "queued", reason, at, again)
        else:
            person = await repository.person_to_show(tx, delivery["municipality"], delivery["about"], delivery["recipient"])
            if await repository.tried(tx, delivery, "failed", reason, at, shown_to=person):
                _say_failed(tx, delivery, reason, person)


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
