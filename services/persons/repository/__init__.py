"""SQL of who people are: the index of identifiers, sealed particulars, custody, and who stands how to whom."""

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
from services.chassis.sealed import Seal, blind_index, seal_of
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.persons import ProtectionChanged
from services.persons.domain import life, matching
from services.persons.domain.identifiers import Identifier
from services.persons.domain.matching import Claims, Fact, Identification, Known, KnownChild, Outcome, Owner, Told
from services.persons.repository import names

_PARTICULARS = "person.particulars"
_CONTACT = "person.contact"
_IDENTIFIER = "identifier.sealed"
# Where one works decides whether one takes children in; the baton then goes to the intake lead by the registry's rule.
TAKES_IN = frozenset({"sundhedspleje", "intake"})
_DATED = {"due_on": date.fromisoformat, "born_at": datetime.fromisoformat}


@dataclass(frozen=True)
class Person:
    """A person as they stand, particulars opened, read together with all that were merged into them.

    `facts`: name, sex, born_at, due_on. `own_contact` is what stands in this record alone.
    """

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
    died_on: date | None
    pregnancy_ended_at: datetime | None
    pregnancy_ended_on: date | None
    life_said_at: datetime | None
    life_said_by: life.Speaker | None
    merged_into: UUID | None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    own_contact: Mapping[str, str] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)

    def value(self, name: str) -> Any:
        fact = self.facts.get(name)
        return fact.value if fact else None

    @property
    def life(self) -> life.Life:
        """As far as rules about life and death ask."""
        kind: Any = self.kind
        status: Any = self.status
        born_at = self.value("born_at")
        return life.Life(
            self.id,
            kind,
            status,
            date_of(born_at) if born_at else None,
            self.died_at is not None,
            self.pregnancy_ended_at is not None,
            self.life_said_at,
            self.life_said_by,
        )


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
    gone = await _moved_away(tx, told, identification)
    if gone:
        await _propose(tx, told, gone)
        return Heard((), True)
    await _save(tx, secrets, told, known, identification, details or {})
    for one, other in await _one_person_twice(tx, told, owners):
        await write_proposal(tx, "merge", one, other, told.municipality, told.municipality, told.notification)
    for it in identification.children:
        if it.before and it.before.status == "expected" and it.after.status == "born" and it.before.has_ended:
            await write_proposal(tx, "lives", it.after.id, None, told.municipality, told.municipality, told.notification)
    for subject, event in matching.said(told, identification):
        tx.publish(subject, event)
    _now_known(tx, told)
    return Heard(tuple(it for it in identification.children if it.after.id in identification.about), False)


async def _moved_away(tx: Tx, told: Told, identification: Identification) -> list[Owner]:
    """Children found through a mother who is still here, themselves known in another municipality by now."""
    rows = await tx.fetch(
        "select id, municipality from person where id = any ($1) and municipality <> $2 order by id",
        list(identification.about),
        told.municipality,
    )
    return [Owner(row["id"], row["municipality"]) for row in rows]


async def _one_person_twice(tx: Tx, told: Told, owners: Mapping[Identifier, Owner]) -> list[tuple[UUID, UUID]]:
    """Pairs of records of one kind that the message says are one person: the older first."""
    pairs = matching.same_person_twice(told, owners)
    kinds = await tx.fetch("select id, kind from person where id = any ($1)", list({one for pair in pairs for one in pair}))
    kind = {row["id"]: row["kind"] for row in kinds}
    return [pair for pair in pairs if kind[pair[0]] == kind[pair[1]]]


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


async def take_turns(tx: Tx, secrets: Secrets, identifiers: Iterable[Identifier]) -> None:
    """Until this transaction ends nobody else hears or changes anything about these numbers. Before any row is locked."""
    await tx.execute("select take_turns($1)", [blind(secrets, it) for it in identifiers])


async def _owners(tx: Tx, secrets: Secrets, identifiers: Sequence[Identifier]) -> dict[Identifier, Owner]:
    by_blind = {blind(secrets, it): it for it in identifiers}
    await take_turns(tx, secrets, identifiers)
    return {
        by_blind[row["blind"]]: Owner(row["person"], row["municipality"])
        for row in await tx.fetch("select * from match($1)", list(by_blind))
    }


async def _propose(tx: Tx, told: Told, foreign: Sequence[Owner]) -> None:
    for owner in foreign:
        await write_proposal(tx, "move", owner.person, None, owner.municipality, told.municipality, told.notification)
    concerned = {owner.person: await _running(tx, owner.person) for owner in foreign}
    for subject, event in matching.said_of_a_move(told, foreign, concerned, told.notification or new_id()):
        tx.publish(subject, event)
    _now_known(tx, told)


async def _running(tx: Tx, person: UUID) -> list[UUID]:
    """The child itself, or an adult's children whose case is open: whom a move is about. In order of reference."""
    found: list[UUID] = await tx.fetchval("select concerned($1)", person)
    return found


async def write_proposal(
    tx: Tx, kind: str, person: UUID, other: UUID | None, from_municipality: str, municipality: str, notification: UUID | None
) -> None:
    """Put before people once; what they have decided is not asked again by the same message."""
    await tx.execute(
        "insert into proposal (id, kind, person, other, from_municipality, municipality, notification, proposed_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        new_id(), kind, person, other, from_municipality, municipality, notification, await tx.now(),
    )  # fmt: skip


async def _known(tx: Tx, secrets: Secrets, told: Told, owners: Mapping[Identifier, Owner]) -> Known:
    corrected = await _corrected(tx, told)
    mother = matching.owner_of(told.mother, owners)
    if mother is None and corrected:
        mother = await tx.fetchval(
            "select lives_on_as(mother) from person where id in (select stands_for(c) from unnest($1::uuid[]) c)"
            " and mother is not null limit 1",
            list(corrected),
        )
    if mother:
        # Whoever else has a message about her waits here, also one that names her by a number not yet known.
        await tx.execute("select 1 from person where id = $1 for update", mother)
    carried = [owner.person for owner in owners.values()]
    rows = await tx.fetch(
        "select distinct lives_on_as(id) as id from person where kind = 'child' and (mother in (select stands_for($1))"
        " or id = any ($2) or pregnancy in (select pregnancy from person where id = any ($2))) order by 1",
        mother, [*carried, *corrected],
    )  # fmt: skip
    people = [person for row in rows if (person := await person_of(tx, secrets, row["id"]))]
    mothers_claims = await claims_of(tx, secrets, mother) if mother else {}
    return Known(mother, mothers_claims, tuple(map(_as_child, people)), frozenset(corrected))


async def _corrected(tx: Tx, told: Told) -> list[UUID]:
    if not told.is_correction:
        return []
    rows = await tx.fetch(
        "select distinct lives_on_as(l.person) as person from notification n join notification_person l on l.notification = n.id"
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
        person.id,
        person.pregnancy,
        person.order,
        status,
        person.notified_at,
        person.mother,
        person.claims,
        person.facts,
        ended_at=person.pregnancy_ended_at,
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
    await _update_children(tx, taken_back)
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


async def _update_children(tx: Tx, children: Sequence[tuple[KnownChild, KnownChild]]) -> None:
    """Each as it is after and was before, in one statement: two siblings may change places.

    Only what differs is written: the rest may stand in a record merged into this one, and stays there.
    """
    changed = [(after, was) for after, was in children if _row(after) != _row(was)]
    await tx.execute(
        "update person p set status = coalesce(n.status, p.status), mother = coalesce(n.mother, p.mother),"
        " birth_order = coalesce(n.birth_order, p.birth_order), notified_at = coalesce(n.notified_at, p.notified_at)"
        " from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::timestamptz[]) n(id, status,"
        " mother, birth_order, notified_at) where p.id = n.id",
        [after.id for after, _ in changed],
        *([new if new != old else None for new, old in column] for column in _columns(changed)),
    )


def _row(child: KnownChild) -> tuple[str, UUID | None, int, datetime]:
    return child.status, child.mother, child.order, child.notified_at


def _columns(children: Sequence[tuple[KnownChild, KnownChild]]) -> list[list[tuple[Any, Any]]]:
    return [[(_row(after)[place], _row(was)[place]) for after, was in children] for place in range(4)]


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


async def claims_of(tx: Tx, secrets: Secrets, person: UUID) -> dict[Identifier, frozenset[UUID]]:
    """A person's identifiers, the newest first, and which messages say so; also those of all that were merged into them."""
    rows = await tx.fetch(
        "select person, municipality, sealed, brought_by from identifier where person in (select stands_for($1))"
        " and removed_at is null order by added_at desc",
        person,
    )
    found: dict[Identifier, frozenset[UUID]] = {}
    seals: dict[UUID, Seal] = {}
    for row in rows:
        seal = seals.get(row["person"]) or await seal_of(tx, secrets, row["municipality"], row["person"])
        seals[row["person"]] = seal
        found[Identifier(*orjson.loads(seal.open(row["sealed"], _IDENTIFIER)))] = frozenset(row["brought_by"])
    return found


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
    """What a record merged into this one says stays there alone: a separation must find both as they were told."""
    rows = await tx.fetch("select * from person where id in (select stands_for($1)) and particulars is not null", person)
    stored = {row["id"]: await _facts(tx, secrets, row) for row in rows}
    own = stored.pop(person, {})
    elsewhere = [fact for others in stored.values() for fact in others.items()]
    kept = {**own, **{name: fact for name, fact in facts.items() if (name, fact) not in elsewhere}}
    seal = await seal_of(tx, secrets, municipality, person)
    text = orjson.dumps({name: [fact.value, fact.at] for name, fact in kept.items()}).decode()
    await tx.execute("update person set particulars = $2 where id = $1", person, seal.close(text, _PARTICULARS))
    await names.write(tx, secrets, person, municipality, kept["name"].value if "name" in kept else None)


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
            {**contact, **person.own_contact} if known and known.at > told.told_at else {**person.own_contact, **contact},
        )
    if details.get("is_protected") and not person.protected:
        await set_protected(tx, person, protected=True)


async def set_protected(tx: Tx, person: Person, protected: bool) -> None:
    """Of every record that lives on as this person; and says so."""
    await tx.execute("update person set protected = $2 where id in (select stands_for($1))", person.id, protected)
    tx.publish(person.id, ProtectionChanged(person=person.id, municipality=person.municipality, protected=protected))


async def write_contact(tx: Tx, secrets: Secrets, person: Person, contact: Mapping[str, str]) -> None:
    seal = await seal_of(tx, secrets, person.municipality, person.id)
    await tx.execute(
        "update person set contact = $2 where id = $1", person.id, seal.close(orjson.dumps(dict(contact)).decode(), _CONTACT)
    )


async def version_of(tx: Tx, person: UUID) -> int:
    """The last version of what persons has said of somebody; 0 where it has said nothing."""
    return int(await tx.fetchval("select version from subject where id = $1", person) or 0)


async def person_of(tx: Tx, secrets: Secrets, person: UUID, to_change: bool = False) -> Person | None:
    """A person as the asking party may see them, opened; locked if they are to be changed."""
    lock = " for no key update" if to_change else ""
    rows = await tx.fetch(
        f"select *, lives_on_as(mother) as mother_now, lives_on_as(merged_into) as survivor from person"  # noqa: S608 - no input
        f" where id in (select stands_for($1)) order by id{lock}",
        person,
    )
    return await _opened(tx, secrets, rows) if rows and rows[0]["id"] == person else None


async def _opened(tx: Tx, secrets: Secrets, rows: Sequence[asyncpg.Record]) -> Person:
    """The first, the oldest, read together with all that live on as it."""
    row = rows[0]
    contact: dict[str, str] = {}
    own_contact: dict[str, str] = {}
    for one in reversed(rows):
        if one["contact"]:
            seal = await seal_of(tx, secrets, one["municipality"], one["id"])
            own_contact = orjson.loads(seal.open(one["contact"], _CONTACT))
            contact |= own_contact
        elif one is row:
            own_contact = {}
    born = any(one["status"] == "born" for one in rows)
    return Person(
        id=row["id"],
        municipality=row["municipality"],
        kind=row["kind"],
        status="born" if born else row["status"],
        mother=next((one["mother_now"] for one in rows if one["mother_now"]), None),
        pregnancy=row["pregnancy"],
        order=row["birth_order"],
        notified_at=min(one["notified_at"] for one in rows),
        custody_registered=any(one["custody_registered"] for one in rows),
        protected=any(one["protected"] for one in rows),
        do_not_contact=any(one["do_not_contact"] for one in rows),
        **{name: row[name] for name in _OF_THIS_RECORD},
        merged_into=row["survivor"] if row["merged_into"] else None,
        facts=newest([await _facts(tx, secrets, one) for one in rows]),
        contact=contact,
        own_contact=own_contact,
        claims=await claims_of(tx, secrets, row["id"]),
    )


_OF_THIS_RECORD = ("died_at", "died_on", "pregnancy_ended_at", "pregnancy_ended_on", "life_said_at", "life_said_by")


async def _facts(tx: Tx, secrets: Secrets, row: asyncpg.Record) -> dict[str, Fact]:
    """What one record says by itself."""
    if not row["particulars"]:
        return {}
    return facts_in(await seal_of(tx, secrets, row["municipality"], row["id"]), row["particulars"])


def facts_in(seal: Seal, particulars: bytes) -> dict[str, Fact]:
    stored = orjson.loads(seal.open(particulars, _PARTICULARS))
    return {
        name: Fact(_DATED[name](value) if name in _DATED else value, datetime.fromisoformat(at).astimezone(UTC))
        for name, (value, at) in stored.items()
    }


def newest(said: Sequence[Mapping[str, Fact]]) -> dict[str, Fact]:
    """What records of one person say together, the oldest record first: of facts told twice the newest word stands."""
    facts: dict[str, Fact] = {}
    for one in reversed(said):
        for name, fact in one.items():
            facts[name] = fact if name not in facts or facts[name].at <= fact.at else facts[name]
    return facts


async def find(tx: Tx, secrets: Secrets, identifiers: Iterable[Identifier], municipality: str) -> asyncpg.Record | None:
    """The person of this municipality that carries any of these; nobody elsewhere, ever."""
    blinds = {blind(secrets, it): it for it in identifiers}
    owners = {
        blinds[row["blind"]]: Owner(row["person"], row["municipality"])
        for row in await tx.fetch("select * from match($1)", list(blinds))
    }
    person = matching.owner_of(owners, {it: owner for it, owner in owners.items() if owner.municipality == municipality})
    if person is None:
        return None
    return await tx.fetchrow(
        "select p.id, p.kind, case when exists"
        " (select from person m where m.id in (select stands_for(p.id)) and m.status = 'born')"
        " then 'born' else p.status end as status from person p where p.id = $1 and p.municipality = $2",
        person,
        municipality,
    )


async def owner_of(tx: Tx, secrets: Secrets, identifier: Identifier) -> Owner | None:
    return (await _owners(tx, secrets, [identifier])).get(identifier)


# Custody and protection ------------------------------------------------------------------------------------------------


async def custody_of(tx: Tx, child: UUID, on: date) -> frozenset[UUID]:
    """Holders on a day. What is registered on the child itself goes before what came with a record merged into it."""
    rows = await tx.fetch(
        "select lives_on_as(holder) as holder from custody where $2 between from_on and coalesce(until_on, 'infinity')"
        " and child in (select r.id from stands_for($1) s(id) join person r on r.id = s.id"
        "   where r.id = $1 or not (select custody_registered from person where id = $1))",
        child,
        on,
    )
    return frozenset(row["holder"] for row in rows)


async def address_is_masked(tx: Tx, person: Person, on: date) -> bool:
    """A child's also where its mother or a holder of custody is protected: it lives with them."""
    about = {person.mother, *await custody_of(tx, person.id, on)} - {None} if person.kind == "child" else set()
    rows = await tx.fetch(
        "select protected from person where id in (select stands_for(p) from unnest($1::uuid[]) p)", list(about)
    )
    return life.address_is_masked(person.protected, frozenset(row["protected"] for row in rows))


# How a caller stands to a person ---------------------------------------------------------------------------------------


def of_a_system(caller: Caller, municipality: str) -> frozenset[str]:
    """How one who is no professional stands to the people of a municipality."""
    if caller.is_service:
        return frozenset({"service"})
    return caller.roles & {"placement"} if caller.party.municipality == municipality else frozenset()


async def relations(tx: Tx, caller: Caller, person: Person) -> frozenset[str]:
    """To a child, or to an adult through the children she is mother or guardian of."""
    if caller.professional is None:
        return of_a_system(caller, person.municipality)
    children = [person.id, *([person.merged_into] if person.merged_into else [])]
    if person.kind == "adult":
        rows = await tx.fetch(
            "with own as (select stands_for(lives_on_as($1)) as id) select lives_on_as(id) as id from person"
            " where mother in (select id from own)"
            " union select lives_on_as(child) from custody where holder in (select id from own)",
            person.id,
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
