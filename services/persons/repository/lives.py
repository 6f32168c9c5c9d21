"""SQL of a child's life: deaths and ended pregnancies, records that are one, moves, withdrawn messages, what people decide."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.chassis.calendar import date_of
from services.chassis.errors import NotFound
from services.chassis.party import Caller
from services.chassis.sealed import wrap_anew
from services.chassis.settings import Secrets
from services.chassis.store import Tx
from services.events.persons import ChildDied, ChildMoved, DeathUndone, PersonsMerged, PregnancyEnded, PregnancyEndUndone
from services.persons import repository
from services.persons.domain import life, matching
from services.persons.domain.life import Speaker
from services.persons.repository import Person

# -- death and the end of a pregnancy -----------------------------------------------------------------------------------------


async def record_death(tx: Tx, person: Person, died_on: date | None, by: Speaker, said_at: datetime) -> None:
    """Of an adult nothing is said: who works with the family finds it before them (a proposal)."""
    await tx.execute(
        "update person set died_at = $2, died_on = $3, life_said_at = $4, life_said_by = $5 where id = $1",
        person.id, await tx.now(), died_on, said_at, by,
    )  # fmt: skip
    if person.kind == "child":
        tx.publish(person.id, ChildDied(child=person.id, municipality=person.municipality, died_on=died_on))


async def undo_death(tx: Tx, person: Person, by: Speaker, said_at: datetime) -> None:
    await tx.execute(
        "update person set died_at = null, died_on = null, life_said_at = $2, life_said_by = $3 where id = $1",
        person.id, said_at, by,
    )  # fmt: skip
    if person.kind == "child":
        tx.publish(person.id, DeathUndone(child=person.id, municipality=person.municipality))


async def end_pregnancy(tx: Tx, child: Person, ended_on: date | None) -> None:
    await tx.execute(
        "update person set pregnancy_ended_at = $2, pregnancy_ended_on = $3 where id = $1", child.id, await tx.now(), ended_on
    )
    tx.publish(child.id, PregnancyEnded(child=child.id, municipality=child.municipality, ended_on=ended_on))


async def undo_pregnancy_end(tx: Tx, child: Person) -> None:
    await tx.execute("update person set pregnancy_ended_at = null, pregnancy_ended_on = null where id = $1", child.id)
    tx.publish(child.id, PregnancyEndUndone(child=child.id, municipality=child.municipality))


async def hear_hospital(tx: Tx, person: Person, deceased: bool, told_at: datetime, notification: UUID) -> None:
    """What a hospital says of someone's life; where it goes against a person's word, or is about an adult, people see it."""
    word = life.on_hospitals_word(person.life, deceased, told_at, await tx.now())
    if word.consequence == "dies":
        await record_death(tx, person, None, "hospital", told_at)
    elif word.consequence == "lives":
        await undo_death(tx, person, "hospital", told_at)
    elif word.is_newest:
        await tx.execute("update person set life_said_at = $2, life_said_by = 'hospital' where id = $1", person.id, told_at)
    if word.consequence and (word.consequence.startswith("propose") or person.kind == "adult"):
        kind = "died" if deceased else "lives"
        await repository.write_proposal(tx, kind, person.id, None, person.municipality, person.municipality, notification)


# -- two records that are one person ------------------------------------------------------------------------------------------


async def both(tx: Tx, secrets: Secrets, one: UUID, other: UUID) -> tuple[Person, Person]:
    """Two people as they stand, with nobody else changing either or hearing a message about them. NotFound.

    In the order in which a message takes its turns: numbers, mothers, then the two.
    """
    people = [await repository.person_of(tx, secrets, each) for each in sorted({one, other})]
    numbers = [number for person in people if person for number in person.claims]
    await repository.take_turns(tx, secrets, numbers)
    mothers = sorted({person.mother for person in people if person and person.mother})
    await tx.execute("select 1 from person where id = any ($1) order by id for update", mothers)
    found = {
        each: person for each in sorted({one, other}) if (person := await repository.person_of(tx, secrets, each, to_change=True))
    }
    if len({one, other} - found.keys()):
        raise NotFound("One of the two is not known here.")
    return found[one], found[other]


async def merge(tx: Tx, survivor: Person, merged: Person, by: UUID | None, reason: str) -> None:
    """From now on the older is read together with the younger; nothing is copied, so that a separation finds both as they were.

    Two children whose mothers differ bring the mothers before people too.
    """
    await tx.execute("update person set merged_into = $2 where id = $1", merged.id, survivor.id)
    await tx.execute(
        "update proposal set decided_at = $3, decided_by = $4, decision = 'merge', reason = $5"
        " where kind = 'merge' and person = any ($1) and other = any ($2) and decided_at is null",
        [survivor.id, merged.id], [survivor.id, merged.id], await tx.now(), by, reason,
    )  # fmt: skip
    if merged.protected and not survivor.protected:
        await repository.set_protected(tx, survivor, protected=True)
    if survivor.kind != "child":
        return
    tx.publish(survivor.id, PersonsMerged(child=survivor.id, merged=merged.id, municipality=survivor.municipality))
    if survivor.mother and merged.mother and survivor.mother != merged.mother:
        mothers, place = sorted((survivor.mother, merged.mother)), survivor.municipality
        await repository.write_proposal(tx, "merge", mothers[0], mothers[1], place, place, None)


async def separate(tx: Tx, person: UUID) -> None:
    """They are two after all: each has its own numbers, custody, consents and particulars again."""
    await tx.execute("update person set merged_into = null where id = $1", person)


# -- what people decide -------------------------------------------------------------------------------------------------------


async def decides_in(tx: Tx, caller: Caller) -> str | None:
    """The municipality whose proposals the caller decides: as its intake lead or deputy, or leading who takes children in."""
    municipality = caller.party.municipality
    if municipality is None or caller.professional is None:
        return None
    leads = any(seat.leads and seat.unit_kind in repository.TAKES_IN for seat in caller.seats)
    return municipality if leads or await repository.leads_intake(tx, municipality, caller.professional) else None


async def proposals(tx: Tx, municipality: str, after: UUID | None, limit: int) -> list[asyncpg.Record]:
    """What waits for people in a municipality; one more than `limit`. Ids, codes and dates."""
    return await tx.fetch(
        "select id, kind, person, other, notification, proposed_at from proposal where municipality = $1 and kind <> 'move'"
        " and decided_at is null and ($2::uuid is null or id > $2) order by id limit $3 + 1",
        municipality, after, limit,
    )  # fmt: skip


async def proposal(tx: Tx, number: UUID) -> asyncpg.Record | None:
    """Locked, so that of two decisions one finds it decided."""
    return await tx.fetchrow("select * from proposal where id = $1 and kind <> 'move' for no key update", number)


async def decide(tx: Tx, number: UUID, decision: str, reason: str | None, by: UUID | None) -> None:
    """Whatever a merge of the same two has decided already stays."""
    await tx.execute(
        "update proposal set decided_at = $2, decided_by = $3, decision = $4, reason = $5 where id = $1 and decided_at is null",
        number, await tx.now(), by, decision, reason,
    )  # fmt: skip


# -- where a child belongs ----------------------------------------------------------------------------------------------------


async def move(tx: Tx, secrets: Secrets, child: UUID, municipality: str) -> None:
    """The child belongs where its tovholder is; the adults follow with the last of their children."""
    before: str | None = await tx.fetchval("select municipality from person where id = $1 for update", child)
    if before is None or before == municipality:
        return
    adults = await tx.fetch(
        "select lives_on_as(mother) as id from person where id in (select stands_for($1)) and mother is not null"
        " union select lives_on_as(holder) from custody where child in (select stands_for($1)) and until_on is null order by 1",
        child,
    )
    await _belong(tx, secrets, child, municipality)
    tx.publish(child, ChildMoved(child=child, from_municipality=before, municipality=municipality))
    for row in adults:
        await tx.execute("select 1 from person where id = $1 for update", row["id"])
        home = await tx.fetchval("select municipality from person where id = $1", row["id"])
        if home != municipality and not await tx.fetchval("select cardinality(concerned($1))", row["id"]):
            await _belong(tx, secrets, row["id"], municipality)


async def _belong(tx: Tx, secrets: Secrets, person: UUID, municipality: str) -> None:
    for row in await tx.fetch("select stands_for($1) as id", person):
        await wrap_anew(tx, secrets, municipality, row["id"])
    await tx.execute("select belongs_to($1, $2)", person, municipality)


async def close(tx: Tx, child: UUID, closed: bool) -> None:
    """A child whose case is closed keeps nobody in a municipality."""
    await tx.later("update person set closed = $2 where id = $1", child, closed)


# -- a notification taken back ------------------------------------------------------------------------------------------------


async def withdraw(tx: Tx, secrets: Secrets, notification: UUID, municipality: str) -> None:
    """Numbers that it alone brought are taken back; a child that it alone told of is put before people. Nobody is closed by it.

    One not heard of yet (a correction that waits, a message nobody has placed) is noted, and says nothing when it comes.
    """
    at = await tx.now()
    root: UUID = await tx.fetchval(
        "insert into notification (id, municipality, root, told_at, withdrawn_at) values ($1, $2, $1, $3, $3)"
        " on conflict (id) do update set withdrawn_at = excluded.withdrawn_at returning root",
        notification, municipality, at,
    )  # fmt: skip
    tx.now_known(notification)
    if await tx.fetchval(
        "select exists (select from notification n, notification w where w.id = $1 and n.root = $2 and n.id <> $1"
        " and n.withdrawn_at is null and n.told_at > w.told_at)",
        notification,
        root,
    ):
        return
    about = await tx.fetch(
        "select distinct lives_on_as(l.person) as id from notification n join notification_person l on l.notification = n.id"
        " where n.root = $1 order by 1",
        root,
    )
    for row in about:
        person = await repository.person_of(tx, secrets, row["id"], to_change=True)
        if person:
            await _take_back(tx, secrets, person, root, notification)


async def _take_back(tx: Tx, secrets: Secrets, person: Person, root: UUID, notification: UUID) -> None:
    claims = matching.without(person.claims, root)
    await repository.write_claims(tx, secrets, person.id, person.municipality, person.claims, claims)
    others = await tx.fetchval(
        "select exists (select from notification_person l join notification n on n.id = l.notification"
        " where l.person in (select stands_for($1)) and n.root <> $2 and n.withdrawn_at is null)",
        person.id,
        root,
    )
    if person.kind == "child" and not others:
        place = person.municipality
        await repository.write_proposal(tx, "withdrawn", person.id, None, place, place, notification)


def life_of(person: Person) -> dict[str, Any]:
    """What is shown of it: codes and dates."""
    return {
        "died": {"on": person.died_on, "recorded_on": date_of(person.died_at)} if person.died_at else None,
        "pregnancy_ended": {"on": person.pregnancy_ended_on, "recorded_on": date_of(person.pregnancy_ended_at)}
        if person.pregnancy_ended_at
        else None,
    }
