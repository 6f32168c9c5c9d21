"""All SQL of persons: the index of identifiers, sealed particulars, custody, consents, and who stands how to whom."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.chassis.calendar import date_of
from services.chassis.errors import NotYetKnown
from services.chassis.ids import new_id
from services.chassis.party import Caller
from services.chassis.sealed import blind_index, seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.persons.domain import disclosure, matching
from services.persons.domain.identifiers import Identifier
from services.persons.domain.matching import Claims, Fact, Identification, Known, KnownChild, Outcome, Owner, Told

_PARTICULARS = "person.particulars"
_CONTACT = "person.contact"
_IDENTIFIER = "identifier.sealed"
_DATED = {"due_on": date.fromisoformat, "born_at": datetime.fromisoformat}


@dataclass(frozen=True)
class Person:
    """A person as stored, particulars opened. `facts`: name, sex, born_at, due_on."""

    id: UUID
    municipality: str
    kind: str
    status: str | None
    mother: UUID | None
    pregnancy: UUID | None
    order: int | None
    notified_at: datetime
    custody_registered: bool
    protected: bool
    do_not_contact: bool
    died_at: datetime | None
    merged_into: UUID | None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)

    def value(self, name: str) -> Any:
        fact = self.facts.get(name)
        return fact.value if fact else None


@dataclass(frozen=True)
class Heard:
    """The outcome for whoever registers: the children it is about, or that people decide."""

    children: tuple[Outcome, ...]
    known_elsewhere: bool


# Who a message is about ------------------------------------------------------------------------------------------------


async def identify(tx: Tx, secrets: Secrets, told: Told, details: Mapping[str, str | bool] | None = None) -> Heard:
    """Matches or makes mother and children, stores them and says so, all in this transaction.

    A message heard before, and a correction older than one already applied, changes nothing. NotYetKnown for a
    correction of what has not been heard.
    `details`: of the mother, as far as told: name, email, phone, address, is_protected.
    """
    if not await _note(tx, told):
        return Heard((), False)
    owners = await _owners(tx, secrets, told.identifiers)
    foreign = matching.elsewhere(told, owners)
    if foreign:
        await _propose(tx, told, foreign)
        return Heard((), True)
    known = await _known(tx, secrets, told, owners)
    identification = matching.decide(told, known, owners, new_id)
    await _save(tx, secrets, told, known, identification, details or {})
    for one in matching.same_person_twice(told, owners) - {identification.mother}:
        await _write_proposal(tx, "merge", one, identification.mother, told.municipality, told)
    for subject, event in matching.said(told, identification):
        tx.publish(subject, event)
    _now_known(tx, told)
    return Heard(tuple(it for it in identification.children if it.after.id in identification.about), False)


async def root_of(tx: Tx, corrects: UUID) -> UUID:
    """The first notification of a chain of corrections. NotYetKnown where the corrected one has not been heard."""
    root: UUID | None = await tx.fetchval("select root from notification where id = $1", corrects)
    if root is None:
        raise NotYetKnown(corrects)
    return root


async def _note(tx: Tx, told: Told) -> bool:
    if told.notification is None:
        return True
    new = await tx.fetchval(
        "insert into notification (id, municipality, root, told_at) values ($1, $2, $3, $4) on conflict do"
        " nothing returning true",
        told.notification, told.municipality, told.source, told.told_at,
    )  # fmt: skip
    if new and told.is_correction:
        newest = await tx.fetchval(
            "update notification set corrected_at = $2 where id = $1 and coalesce(corrected_at, '-infinity') <="
            " $2 returning true",
            told.source,
            told.told_at,
        )
        if not newest:
            _now_known(tx, told)
        return bool(newest)
    return bool(new)


def _now_known(tx: Tx, told: Told) -> None:
    if told.notification:
        tx.now_known(told.notification)


async def _owners(tx: Tx, secrets: Secrets, identifiers: Sequence[Identifier]) -> dict[Identifier, Owner]:
    by_blind = {blind(secrets, it): it for it in identifiers}
    await tx.execute("select take_turns($1)", list(by_blind))
    return {
        by_blind[row["blind"]]: Owner(row["person"], row["municipality"])
        for row in await tx.fetch("select * from match($1)", list(by_blind))
    }


async def _propose(tx: Tx, told: Told, foreign: Sequence[Owner]) -> None:
    for owner in foreign:
        await _write_proposal(tx, "move", owner.person, None, owner.municipality, told)
    for subject, event in matching.said_of_a_move(told, foreign, told.notification or new_id()):
        tx.publish(subject, event)
    _now_known(tx, told)


async def _write_proposal(tx: Tx, kind: str, person: UUID, other: UUID | None, from_municipality: str, told: Told) -> None:
    await tx.execute(
        "insert into proposal (id, kind, person, other, from_municipality, municipality, notification, proposed_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        new_id(), kind, person, other, from_municipality, told.municipality, told.notification, await tx.now(),
    )  # fmt: skip


async def _known(tx: Tx, secrets: Secrets, told: Told, owners: Mapping[Identifier, Owner]) -> Known:
    corrected = await _corrected(tx, told)
    mother = matching.owner_of(told.mother, owners)
    if mother is None and corrected:
        mother = await tx.fetchval(
            "select mother from person where id = any ($1) and mother is not null limit 1", list(corrected)
        )
    if mother:
        # Whoever else has a message about her waits here, also one that names her by a number not yet known.
        await tx.execute("select 1 from person where id = $1 for update", mother)
    carried = [owner.person for owner in owners.values()]
    rows = await tx.fetch(
        "select * from person where kind = 'child' and merged_into is null and (mother = $1 or id = any ($2)"
        " or pregnancy in (select pregnancy from person where id = any ($2))) order by id",
        mother, [*carried, *corrected],
    )  # fmt: skip
    people = [await _opened(tx, secrets, row) for row in rows]
    mothers_claims = await claims_of(tx, secrets, mother, told.municipality) if mother else {}
    return Known(mother, mothers_claims, tuple(map(_as_child, people)), frozenset(corrected))


async def _corrected(tx: Tx, told: Told) -> list[UUID]:
    if not told.is_correction:
        return []
    rows = await tx.fetch(
        "select distinct l.person from notification n join notification_person l on l.notification = n.id"
        " join person p on p.id = l.person"
        " where n.root = $1 and p.kind = 'child'",
        told.source,
    )  # fmt: skip
    return [row["person"] for row in rows]


def _as_child(person: Person) -> KnownChild:
    assert person.pregnancy is not None
    assert person.order is not None
    status: matching.Status = "born" if person.status == "born" else "expected"
    return KnownChild(
        person.id, person.pregnancy, person.order, status, person.notified_at, person.mother, person.claims, person.facts
    )


async def _save(
    tx: Tx, secrets: Secrets, told: Told, known: Known, identification: Identification, details: Mapping[str, str | bool]
) -> None:
    mother = identification.mother
    if mother and identification.new_mother:
        await tx.execute(
            "insert into person (id, municipality, kind, notified_at) values ($1, $2, 'adult', $3)",
            mother,
            told.municipality,
            told.told_at,
        )
    if mother:
        before = {} if identification.new_mother else known.mother_claims
        await write_claims(tx, secrets, mother, told.municipality, before, identification.mother_claims)
        await _write_details(tx, secrets, mother, told, details)
    taken_back = [(it.after, it.before) for it in identification.children if it.before]
    for after, was in taken_back:
        # All that is taken back goes first: a number may move from one twin to the other.
        await write_claims(
            tx,
            secrets,
            after.id,
            told.municipality,
            was.claims,
            {it: sources for it, sources in was.claims.items() if it in after.claims},
        )
    await _update_children(tx, [after for after, _ in taken_back])
    for it in sorted(identification.children, key=lambda it: (it.after.pregnancy != it.after.id, it.after.order)):
        if it.before is None:
            await _insert_child(tx, it.after, told.municipality)
        still = (
            {number: sources for number, sources in it.before.claims.items() if number in it.after.claims} if it.before else {}
        )
        await write_claims(tx, secrets, it.after.id, told.municipality, still, it.after.claims)
        if it.before is None or it.before.facts != it.after.facts:
            await write_facts(tx, secrets, it.after.id, told.municipality, it.after.facts)
    if told.notification:
        for person in (*identification.about, *((mother,) if mother else ())):
            await link(tx, told.notification, person, told.municipality)


async def _update_children(tx: Tx, children: Sequence[KnownChild]) -> None:
    """In one statement: two siblings may change places."""
    await tx.execute(
        "update person p set status = n.status, mother = n.mother, birth_order = n.birth_order, notified_at = n.notified_at"
        " from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::timestamptz[]) n(id, status,"
        " mother, birth_order, notified_at) where p.id = n.id",
        [it.id for it in children], [it.status for it in children], [it.mother for it in children],
        [it.order for it in children], [it.notified_at for it in children],
    )  # fmt: skip


async def _insert_child(tx: Tx, child: KnownChild, municipality: str) -> None:
    await tx.execute(
        "insert into person (id, municipality, kind, status, mother, pregnancy, birth_order, notified_at)"
        " values ($1, $2, 'child', $3, $4, $5, $6, $7)",
        child.id, municipality, child.status, child.mother, child.pregnancy, child.order, child.notified_at,
    )  # fmt: skip


async def link(tx: Tx, notification: UUID, person: UUID, municipality: str) -> None:
    """The notification is about this person."""
    await tx.execute(
        "insert into notification_person (notification, person, municipality) values ($1, $2, $3) on conflict do nothing",
        notification,
        person,
        municipality,
    )


async def note_placed(tx: Tx, notification: UUID, municipality: str, at: datetime) -> None:
    """A message that a person placed on a child already known."""
    await tx.execute(
        "insert into notification (id, municipality, root, told_at) values ($1, $2, $1, $3) on conflict do nothing",
        notification,
        municipality,
        at,
    )
    tx.now_known(notification)


# Sealed particulars and identifiers ------------------------------------------------------------------------------------


def blind(secrets: Secrets, identifier: Identifier) -> bytes:
    """The key under which an identifier is found."""
    return blind_index(secrets.blind_index_key(), "identifier", f"{identifier.system}|{identifier.value}")


async def claims_of(tx: Tx, secrets: Secrets, person: UUID, municipality: str) -> dict[Identifier, frozenset[UUID]]:
    """A person's identifiers and which messages say so."""
    rows = await tx.fetch("select sealed, brought_by from identifier where person = $1 and removed_at is null", person)
    if not rows:
        return {}
    seal = await seal_of(tx, secrets, municipality, person)
    return {Identifier(*orjson.loads(seal.open(row["sealed"], _IDENTIFIER))): frozenset(row["brought_by"]) for row in rows}


async def write_claims(tx: Tx, secrets: Secrets, person: UUID, municipality: str, before: Claims, after: Claims) -> None:
    """Only what differs. UniqueViolationError (an_identifier_stands_on_one_person) where somebody else was faster."""
    changed = [it for it in after if after[it] != before.get(it)]
    for gone in before.keys() - after.keys():
        await tx.execute("select disclaim($1, $2)", blind(secrets, gone), person)
    if changed:
        seal = await seal_of(tx, secrets, municipality, person)
        for it in changed:
            sealed = seal.close(orjson.dumps([it.system, it.value]).decode(), _IDENTIFIER)
            await tx.execute(
                "select claim($1, $2, $3, $4, $5, $6)",
                blind(secrets, it),
                person,
                municipality,
                it.kind,
                sealed,
                sorted(after[it]),
            )


async def write_facts(tx: Tx, secrets: Secrets, person: UUID, municipality: str, facts: Mapping[str, Fact]) -> None:
    seal = await seal_of(tx, secrets, municipality, person)
    text = orjson.dumps({name: [fact.value, fact.at] for name, fact in facts.items()}).decode()
    await tx.execute("update person set particulars = $2 where id = $1", person, seal.close(text, _PARTICULARS))


async def _write_details(tx: Tx, secrets: Secrets, mother: UUID, told: Told, details: Mapping[str, str | bool]) -> None:
    if not details:
        return
    person = await person_of(tx, secrets, mother)
    assert person is not None
    name, contact = details.get("name"), {key: str(details[key]) for key in ("email", "phone", "address") if details.get(key)}
    known = person.facts.get("name")
    if name and (known is None or known.at <= told.told_at):
        await write_facts(tx, secrets, mother, told.municipality, {**person.facts, "name": Fact(str(name), told.told_at)})
    if contact:
        await write_contact(
            tx,
            secrets,
            person,
            {**contact, **person.contact} if known and known.at > told.told_at else {**person.contact, **contact},
        )
    if details.get("is_protected"):
        await tx.execute("update person set protected = true where id = $1", mother)


async def write_contact(tx: Tx, secrets: Secrets, person: Person, contact: Mapping[str, str]) -> None:
    seal = await seal_of(tx, secrets, person.municipality, person.id)
    await tx.execute(
        "update person set contact = $2 where id = $1", person.id, seal.close(orjson.dumps(dict(contact)).decode(), _CONTACT)
    )


async def person_of(tx: Tx, secrets: Secrets, person: UUID) -> Person | None:
    """A person as the asking party may see them, opened."""
    row = await tx.fetchrow("select * from person where id = $1", person)
    return await _opened(tx, secrets, row) if row else None


async def _opened(tx: Tx, secrets: Secrets, row: asyncpg.Record) -> Person:
    facts: dict[str, Fact] = {}
    contact: dict[str, str] = {}
    if row["particulars"] or row["contact"]:
        seal = await seal_of(tx, secrets, row["municipality"], row["id"])
        if row["particulars"]:
            stored = orjson.loads(seal.open(row["particulars"], _PARTICULARS))
            facts = {
                name: Fact(_DATED[name](value) if name in _DATED else value, datetime.fromisoformat(at).astimezone(UTC))
                for name, (value, at) in stored.items()
            }
        if row["contact"]:
            contact = orjson.loads(seal.open(row["contact"], _CONTACT))
    return Person(
        row["id"], row["municipality"], row["kind"], row["status"], row["mother"], row["pregnancy"], row["birth_order"],
        row["notified_at"], row["custody_registered"],
        row["protected"], row["do_not_contact"], row["died_at"], row["merged_into"], facts, contact, await claims_of(tx,
        secrets, row["id"], row["municipality"]),
    )  # fmt: skip


async def find(tx: Tx, secrets: Secrets, identifiers: Iterable[Identifier], municipality: str) -> asyncpg.Record | None:
    """The person of this municipality that carries any of these; nobody elsewhere, ever."""
    blinds = {blind(secrets, it): it for it in identifiers}
    owners = {
        blinds[row["blind"]]: Owner(row["person"], row["municipality"])
        for row in await tx.fetch("select * from match($1)", list(blinds))
    }
    person = matching.owner_of(owners, {it: owner for it, owner in owners.items() if owner.municipality == municipality})
    return (
        await tx.fetchrow("select id, kind, status from person where id = $1 and municipality = $2", person, municipality)
        if person
        else None
    )


async def owner_of(tx: Tx, secrets: Secrets, identifier: Identifier) -> Owner | None:
    return (await _owners(tx, secrets, [identifier])).get(identifier)


# Custody, consents, decisions ------------------------------------------------------------------------------------------


async def custody_of(tx: Tx, child: UUID, on: date) -> frozenset[UUID]:
    rows = await tx.fetch(
        "select holder from custody where child = $1 and $2 between from_on and coalesce(until_on, 'infinity')", child, on
    )
    return frozenset(row["holder"] for row in rows)


async def consents_of(tx: Tx, child: UUID) -> tuple[disclosure.Consent, ...]:
    """Those that have not been withdrawn."""
    rows = await tx.fetch("select * from consent where child = $1 and withdrawn_at is null", child)
    return tuple(
        disclosure.Consent(
            row["given_by"],
            row["about"],
            row["recipient_kind"],
            row["purpose"],
            frozenset(row["categories"]),
            row["from_on"],
            row["until_on"],
        )
        for row in rows
    )


async def add_consent(tx: Tx, consent: disclosure.Consent, number: UUID, child: Person, by: UUID | None, at: datetime) -> None:
    await tx.execute(
        "insert into consent (id, child, municipality, about, given_by, recipient_kind, purpose, categories,"
        " from_on, until_on, recorded_by, recorded_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        number, child.id, child.municipality, consent.about, consent.given_by, consent.recipient_kind, consent.purpose,
        sorted(consent.categories),
        consent.from_on, consent.until_on, by, at,
    )  # fmt: skip


async def facts_for(
    tx: Tx,
    child: Person,
    recipient_kind: str,
    purpose: str,
    categories: Sequence[str],
    to_unit: UUID | None,
    invoked: str | None,
    at: datetime,
) -> disclosure.Facts:
    """What the rule looks at, as it stands now. What is known of the unit goes before what the asker calls it."""
    unit = await tx.fetchrow("select kind, private, municipality from unit where id = $1", to_unit) if to_unit else None
    kind = _KIND_OF_UNIT.get(unit["kind"], recipient_kind) if unit else recipient_kind
    recipient = disclosure.Recipient(
        kind, unit["private"] if unit else False, unit is None or unit["municipality"] in (None, child.municipality)
    )
    on = date_of(at)
    return disclosure.Facts(
        recipient,
        purpose,
        tuple(categories),
        on,
        child.mother,
        await custody_of(tx, child.id, on),
        child.custody_registered,
        await consents_of(tx, child.id),
        invoked,
    )


_KIND_OF_UNIT = {
    **dict.fromkeys(("sundhedspleje", "maternity", "intake"), "health"),
    **dict.fromkeys(("institution", "dagpleje", "placement"), "daycare"),
    "social": "social",
}


async def record_decision(
    tx: Tx,
    number: UUID,
    child: Person,
    facts: disclosure.Facts,
    decision: disclosure.Decision,
    to_unit: UUID | None,
    asked_by: str,
    at: datetime,
) -> None:
    await tx.execute(
        "insert into decision (id, child, municipality, recipient_kind, to_unit, purpose, invoked, basis,"
        " allowed, withheld, bases, asked_by, at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        number, child.id, child.municipality, facts.recipient.kind, to_unit, facts.purpose, facts.invoked, decision.basis,
        list(decision.allowed), list(decision.withheld), dict(decision.bases), asked_by, at,
    )  # fmt: skip


# How a caller stands to a person ---------------------------------------------------------------------------------------


async def relations(tx: Tx, caller: Caller, person: Person) -> frozenset[str]:
    """To a child, or to an adult through the children she is mother or guardian of."""
    if caller.is_service:
        return frozenset({"service"})
    if caller.professional is None:
        return caller.roles & {"placement"} if caller.party.municipality == person.municipality else frozenset()
    children = [person.id]
    if person.kind == "adult":
        rows = await tx.fetch(
            "select id from person where mother = $1 union select child from custody where holder = $1", person.id
        )
        children = [row["id"] for row in rows]
    units, led = [seat.unit for seat in caller.seats], [seat.unit for seat in caller.seats if seat.leads]
    found = [
        await tx.fetchval("select relations($1, $2, $3, $4, $5)", child, person.municipality, caller.professional, units, led)
        for child in children
    ]
    return frozenset(role for roles in found for role in roles)


async def leads_intake(tx: Tx, municipality: str, professional: UUID | None) -> bool:
    return bool(
        await tx.fetchval(
            "select exists (select from intake where municipality = $1 and $2 in (lead, deputy))", municipality, professional
        )
    )


async def register_custody(tx: Tx, child: Person, holders: Sequence[UUID], from_on: date) -> None:
    """Replaces what stood from that date on; what was before it stays as history."""
    await tx.execute("update person set custody_registered = true where id = $1", child.id)
    await tx.execute("delete from custody where child = $1 and from_on >= $2", child.id, from_on)
    await tx.execute(
        "update custody set until_on = $2::date - 1 where child = $1 and coalesce(until_on, 'infinity') >= $2", child.id, from_on
    )
    for holder in dict.fromkeys(holders):
        await tx.execute(
            "insert into custody (child, holder, municipality, from_on) values ($1, $2, $3, $4)",
            child.id,
            holder,
            child.municipality,
            from_on,
        )


async def add_adult(
    tx: Tx,
    secrets: Secrets,
    municipality: str,
    identifiers: Sequence[Identifier],
    name: str | None,
    contact: Mapping[str, str],
    at: datetime,
) -> UUID:
    """A guardian registered by hand."""
    number = new_id()
    await tx.execute(
        "insert into person (id, municipality, kind, notified_at) values ($1, $2, 'adult', $3)", number, municipality, at
    )
    await write_claims(tx, secrets, number, municipality, {}, {it: frozenset({matching.BY_HAND}) for it in identifiers})
    if name:
        await write_facts(tx, secrets, number, municipality, {"name": Fact(name, at)})
    person = await person_of(tx, secrets, number)
    if contact and person:
        await write_contact(tx, secrets, person, contact)
    return number


async def consent(tx: Tx, number: UUID) -> asyncpg.Record | None:
    """Locked, so that of two withdrawals one finds it withdrawn."""
    return await tx.fetchrow("select child, withdrawn_at from consent where id = $1 for update", number)


async def withdraw_consent(tx: Tx, number: UUID, by: UUID | None, at: datetime) -> None:
    await tx.execute("update consent set withdrawn_by = $2, withdrawn_at = $3 where id = $1", number, by, at)
