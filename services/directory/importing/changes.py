"""From what a file wants to what stands: merged, guarded, written, told, and shown as differences of people and units."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg

from services.chassis.calendar import date_of
from services.chassis.errors import TheChildHasMovedOn
from services.chassis.store import Store, Tx, broken_rule
from services.directory import domain, repository
from services.directory.domain import Absence, Author, Intake, Professional, Snapshot
from services.directory.importing.files import Given, read
from services.directory.importing.following import Following, named_by
from services.directory.importing.shape import Place, TheFileCannotBeImported, refused, sieved

_SUBJECTS_AT_ONCE = 500
_KINDS = {
    "municipalities": "municipality",
    "units": "unit",
    "professionals": "professional",
    "intakes": "intake",
    "systems": "client",
    "absences": "absence",
}
# Said by name only: what they say is about a person, or stands under another.
_NOT_QUOTED = ("name", "email", "login", "issuer")


@dataclass(frozen=True)
class Difference:
    """One person, unit … and what differs: `+` new, `~` changed, `-` goes. Ids, codes and days; of people no name or address."""

    sign: str
    kind: str
    key: str
    says: tuple[str, ...] = ()
    municipality: str | None = None

    def __str__(self) -> str:
        return f"{self.sign} {self.kind} {self.key}" + (f": {', '.join(self.says)}" if self.says else "")


@dataclass
class Changes:
    """What an import wrote and told, person by person and unit by unit; `notes`: what the file says in vain, and why."""

    differences: list[Difference] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    dry_run: bool = False

    def __bool__(self) -> bool:
        return bool(self.differences or self.events)

    @property
    def lines(self) -> list[str]:
        return [str(difference) for difference in self.differences]

    def __str__(self) -> str:
        if not self:
            return "\n".join([*self.notes, "Nothing differs."])
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(self.events.items())) or "nobody"
        return "\n".join([*self.lines, *self.notes, f"{'Would tell' if self.dry_run else 'Told'}: {told}."])


class _OnlyLooking(Exception):
    """Undoes a dry run."""


async def import_file(
    store: Store, path: Path, *, issuer: str | None = None, dry_run: bool = False, yes_many_leave: bool = False
) -> Changes:
    """`import_files` of one YAML or JSON file, or a folder of CSV."""
    return await import_files(store, [path], issuer=issuer, dry_run=dry_run, yes_many_leave=yes_many_leave)


async def import_files(
    store: Store, paths: Sequence[Path], *, issuer: str | None = None, dry_run: bool = False, yes_many_leave: bool = False
) -> Changes:
    """`import_municipality` of what the files say. TheFileCannotBeImported where they cannot be read; places by file and line."""
    given = await asyncio.to_thread(read, paths)
    return await _import(store, given, issuer, dry_run, yes_many_leave)


async def import_municipality(
    store: Store,
    content: Mapping[str, Any],
    *,
    issuer: str | None = None,
    dry_run: bool = False,
    yes_many_leave: bool = False,
) -> Changes:
    """Makes the directory say what the content says. The same again changes nothing. One transaction, all or nothing.

    `content`: a File as YAML or JSON gives it, or a part of one. `issuer`: the log-in provider where it names none.
    `yes_many_leave`: more than a third of a municipality may go. A departure is never undone: who is leaving or has left stays
    so. TheFileCannotBeImported names each place; where something unique is taken elsewhere, a rule says so.
    """
    return await _import(store, Given(content), issuer, dry_run, yes_many_leave)


async def _import(store: Store, given: Given, issuer: str | None, dry_run: bool, yes_many_leave: bool) -> Changes:
    async with store.transaction() as tx:
        return await take_in(tx, given, issuer=issuer, dry_run=dry_run, yes_many_leave=yes_many_leave)


async def take_in(
    tx: Tx,
    given: Given,
    *,
    issuer: str | None = None,
    dry_run: bool = False,
    yes_many_leave: bool = False,
    within: str | None = None,
    expected: tuple[UUID, int] | None = None,
    again: UUID | None = None,
    leaving: Mapping[UUID, str] | None = None,
    by: Author = domain.OPERATOR,
) -> Changes:
    """The same inside the caller's transaction. `within`: the only municipality the caller may speak for; None: of all.

    `expected`: a subject and the version it was decided on. `again`: someone who has left and is taken on anew by this.
    `leaving`: professionals (and their municipality) who are gone from the system that speaks; of strangers nothing is said.
    `by`: whose name stands in the history.
    """
    changes = Changes(dry_run=dry_run)
    try:
        async with tx.savepoint():
            before, after = await _pictures(tx, given, issuer, within, yes_many_leave, again, leaving or {}, changes)
            # Also where only what is in no event differs, as a name: nobody overwrites what they have not seen.
            if expected is not None and (stands := await repository.version_of(tx, expected[0])) != expected[1]:
                raise TheChildHasMovedOn(version=stands)
            await repository.write(tx, before, after)
            await _tell(tx, before, after, changes, expected)
            changes.differences = list(differences(before, after))
            await remember(tx, before, changes.differences, by)
            if dry_run:
                raise _OnlyLooking
    except _OnlyLooking:
        pass
    except asyncpg.InsufficientPrivilegeError as error:
        raise TheFileCannotBeImported("Something in it has an id that is another municipality's; nothing was written.") from error
    except asyncpg.IntegrityConstraintViolationError as error:
        by_rule = TheFileCannotBeImported(f"The database refuses it by its rule {error.constraint_name}.")
        raise broken_rule(error, dict(domain.CONSTRAINTS)) or by_rule from error
    return changes


async def remember(tx: Tx, before: Snapshot, differences: Iterable[Difference], by: Author) -> None:
    """Writes the history of a change, in its own transaction. A municipality's begins after it has come in for the first time."""
    known = [each for each in differences if each.municipality in before.municipalities]
    await repository.remember(tx, [(each.municipality, each.sign, each.kind, each.key, each.says) for each in known], by)


async def _pictures(
    tx: Tx,
    given: Given,
    issuer: str | None,
    within: str | None,
    yes_many_leave: bool,
    again: UUID | None,
    leaving: Mapping[UUID, str],
    changes: Changes,
) -> tuple[Snapshot, Snapshot]:
    found = sieved(given.content)
    codes = named_by(found) | set(leaving.values())
    await repository.lock_municipalities(tx, codes)
    file = found.file
    named = (
        [unit.id for unit in file.units],
        [person.id for person in file.professionals],
        [client.client_id for client in file.clients],
    )
    before = await repository.snapshot(tx, codes, *named)
    following = Following(found, before, issuer)
    if within is not None:
        following.only_of(within)
    if wrong := [*given.wrong, *following.wrong]:
        raise refused(wrong, given.where)
    today = date_of(await tx.now())
    after = _merged(before, following, today, changes, again)
    after = domain.leave(after, [number for number in leaving if number in after.professionals], today) if leaving else after
    if not yes_many_leave:
        people = following.complete["professionals"] | set(leaving.values())
        _not_too_many_go(before, after, {**following.complete, "professionals": people})
    return before, after


def _merged(before: Snapshot, following: Following, today: date, changes: Changes, again: UUID | None) -> Snapshot:
    """What stands after the file: its word on what it names, what stood on the rest; what a complete file leaves out goes."""
    wanted = following.wanted
    gone = {number: person for number, person in before.professionals.items() if person.state != "active"}
    if again is not None:
        gone[again] = domain.take_on_again(before.professionals[again], wanted.professionals[again])
    changes.notes += [
        f"! professional {number}: is {person.state} and stays so; who has left is taken on again by name"
        for number, person in gone.items()
        if number in wanted.professionals and number != again
    ]
    merged = Snapshot(
        municipalities={**before.municipalities, **wanted.municipalities},
        units={**before.units, **wanted.units},
        professionals={**before.professionals, **wanted.professionals, **gone},
        intakes={**_without_moved(before.intakes, wanted.intakes), **wanted.intakes},
        systems={**before.systems, **wanted.systems},
        absences=dict(_absences(before, following, today, changes)),
    )
    return domain.settled(_without_missing(merged, following, today))


def _without_moved(present: Mapping[UUID, Intake], wanted: Mapping[UUID, Intake]) -> dict[UUID, Intake]:
    """An intake that the file gives another unit stands once, at the new one."""
    moved = {(intake.municipality, intake.district) for intake in wanted.values()}
    return {unit: intake for unit, intake in present.items() if (intake.municipality, intake.district) not in moved}


def _absences(before: Snapshot, following: Following, today: date, changes: Changes) -> Iterator[tuple[UUID, Absence]]:
    """What a person registered stands; what a system said is as it says now, ended where it says it no more."""
    spoken_for = {person.id for person in following.file.professionals if "absences" in person.model_fields_set}
    by_people: dict[UUID, list[Absence]] = {}
    for number, known in before.absences.items():
        if known.registered_by is not None:
            by_people.setdefault(known.professional, []).append(known)
        elif known.professional in spoken_for and number not in following.wanted.absences and known.covers_some_of(today, None):
            yield number, replace(known, ended_on=today)
            continue
        yield number, known
    for number, said in following.wanted.absences.items():
        earlier = before.absences.get(number)
        person = before.professionals.get(said.professional)
        if (earlier and earlier.registered_by is not None) or (person and person.state == "left"):
            continue
        if any(other.covers_some_of(said.from_on, said.until_on) for other in by_people.get(said.professional, ())):
            changes.notes.append(f"! absence {number}: a person has registered one on these days already, which stands")
        elif earlier is not None or said.covers_some_of(today, None):
            yield number, said


def _without_missing(merged: Snapshot, following: Following, today: date) -> Snapshot:
    missing = _missing(merged.professionals, following.people_by_id, following.complete["professionals"])
    closed = _missing(merged.units, following.units_by_id, following.complete["units"])
    silent = _missing(merged.systems, following.clients, following.complete["clients"])
    units = {**merged.units, **{number: replace(merged.units[number], active=False) for number in closed}}
    systems = {**merged.systems, **{name: replace(merged.systems[name], active=False) for name in silent}}
    merged = replace(merged, units=units, systems=systems)
    return domain.leave(merged, missing, today) if missing else merged


def _missing(present: Mapping[Any, Any], named: Collection[Any], complete: Collection[str]) -> list[Any]:
    return [key for key, value in present.items() if value.municipality in complete and key not in named]


def _not_too_many_go(before: Snapshot, after: Snapshot, complete: Mapping[str, Collection[str]]) -> None:
    active: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("professionals", lambda person: person.state == "active"),
        ("units", lambda unit: unit.active),
    )
    for name, is_active in active:
        earlier = [(key, each.municipality) for key, each in getattr(before, name).items() if is_active(each)]
        present = Counter(code for _, code in earlier)
        gone = Counter(code for key, code in earlier if code in complete[name] and not is_active(getattr(after, name)[key]))
        for code, going in sorted(gone.items()):
            if domain.more_than_a_third_goes(present[code], going):
                raise domain.NotMoreThanAThirdGoesAtOnce(
                    f"This would end {going:,} of {present[code]:,} {name} of municipality {code}: more than a third, as when a"
                    " file was cut off. Nothing was written. If it is meant, say --yes-many-leave"
                    " (over HTTP: ?yes_many_leave=true).",
                    municipality=code,
                    present=present[code],
                    going=going,
                )


async def _tell(tx: Tx, before: Snapshot, after: Snapshot, changes: Changes, expected: tuple[UUID, int] | None) -> None:
    for number, (subject, event) in enumerate(domain.differences(before, after), start=1):
        tx.publish(subject, event, expected=expected[1] if expected and expected[0] == subject else None)
        changes.events[type(event).__name__] += 1
        if number % _SUBJECTS_AT_ONCE == 0:
            await tx.flush()


def differences(before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    """Person by person and unit by unit, in the order of a file."""
    for name, kind in _KINDS.items():
        present, wanted = getattr(before, name), getattr(after, name)
        for key, now in wanted.items():
            earlier = present.get(key)
            if earlier is None:
                yield Difference("+", kind, str(key), (), _whose(now))
            elif earlier != now:
                sign = "-" if _goes(earlier, now) else "~"
                yield Difference(sign, kind, str(key), tuple(_fields(earlier, now)), _whose(now))
        yield from (Difference("-", kind, str(key), (), _whose(gone)) for key, gone in present.items() if key not in wanted)


def _whose(of: Any) -> str | None:
    return of.code if isinstance(of, domain.Municipality) else cast(str | None, of.municipality)


def _goes(earlier: Any, now: Any) -> bool:
    if isinstance(now, Professional):
        return now.state != "active" and earlier.state == "active"
    return bool(getattr(earlier, "active", False) and not getattr(now, "active", True)) or (
        isinstance(now, Absence) and now.ended_on is not None and earlier.ended_on is None
    )


def _fields(earlier: Any, now: Any) -> Iterator[str]:
    """`parent a → b`, `seats -unit +unit`; of a person's name, address and log-in that it is new, not what it is."""
    for name, value in vars(now).items():
        was = getattr(earlier, name)
        if was == value:
            continue
        if name in _NOT_QUOTED:
            yield name
        elif name == "seats":
            yield " ".join(["seats", *_seats(was, value)])
        elif isinstance(value, tuple):
            lost = [f"-{_short(each)}" for each in was if each not in value]
            yield " ".join([name, *lost, *(f"+{_short(each)}" for each in value if each not in was)])
        else:
            yield f"{name} {_short(was)} → {_short(value)}"


def _seats(was: Sequence[domain.OwnSeat], now: Sequence[domain.OwnSeat]) -> Iterator[str]:
    before, after = {seat.unit: seat for seat in was}, {seat.unit: seat for seat in now}
    yield from (f"-{unit}" for unit in before if unit not in after)
    yield from (f"+{unit}" for unit in after if unit not in before)
    for unit in after:
        if unit in before and before[unit] != after[unit]:
            yield f"~{unit} ({', '.join(_fields(before[unit], after[unit]))})"


def _short(value: object) -> str:
    if value is None:
        return "none"
    if hasattr(value, "professional") and hasattr(value, "unit"):
        return f"{value.professional} in {value.unit}"
    if isinstance(value, domain.Competence):
        return f"{value.competence} from {value.from_on}" + (f" until {value.until_on}" if value.until_on else "")
    return str(value)


def of_one(kind: str, entry: Mapping[str, Any], more: Sequence[Place] = ()) -> Given:
    """A single change said as a file of one entry; its places are told without the list around them."""
    return Given({kind: [dict(entry)]}, lambda path: path.removeprefix(f"{kind}[0]").strip(".") or kind, more)
