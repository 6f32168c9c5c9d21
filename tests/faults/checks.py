"""The thirteen checks over what was recorded and what is left: pure, O(n log n), each a list of what is not as it must be."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.evidence import Evidence, Place, Said, Stands
from tests.faults.folding import Folded, folded
from tests.faults.history import Operation

DUPLICATES_AT_MOST = 0.01
ANSWERED_AT_LEAST = 0.99
_POSTGRES_FORGETS_SECONDS = 1.5
# So late an answer may be noted that was given before the kill.
_ON_ITS_WAY_SECONDS = 0.5
_PROBES = frozenset({"again", "spoiled"})
# Of a job, a matter or a letter, not of a child: what follows for its children is the clock's.
_OF_NO_CHILD = frozenset({"hand_over_many", "answer_many", "decide", "replay_letter", "skip_letter"})


@dataclass(frozen=True)
class Complaint:
    """What is wrong, and when it came to light, where an operation tells."""

    what: str
    at: float | None = None


Check = Callable[["Known"], Iterable[Complaint]]


class Known:
    """The evidence, and what several checks need to have worked out once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.said = evidence.ledger.get("registry", [])
        self.children: dict[str, Folded] = folded(self.said)
        self.changes = [
            one for one in evidence.history.operations
            if not one.is_read and one.f not in _PROBES and one.f not in _OF_NO_CHILD
        ]  # fmt: skip
        self.ours = {one.child for one in evidence.history.operations if one.child}
        self.by_operation: dict[str, list[Said]] = defaultdict(list)
        for row in self.said:
            if not row.caused:
                self.by_operation[row.correlation].append(row)

    def changed_nothing(self, one: Operation) -> bool:
        """To ask for the date that it has, to see it again, a move that must wait: answered well, nothing changes."""
        if self.by_operation.get(one.id):
            return False
        # A move waits in silence for an open handover to end.
        if one.f in ("see", "move"):
            return True
        child = self.children.get(one.child)
        date = child.dates.get(one.version or 0) if child else None
        return one.f == "reschedule" and date == one.args.get("effective_on")


def c1_versions_are_unique_and_dense(known: Known) -> Iterable[Complaint]:
    taken: dict[tuple[str, int | None], Operation] = {}
    for one in known.changes:
        if one.type != "ok" or known.changed_nothing(one):
            continue
        if other := taken.get((one.child, one.version)):
            yield Complaint(f"{one.f} and {other.f} were both answered version {one.version} of {one.child}", one.t_complete)
        taken[(one.child, one.version)] = one
    for source, rows in known.evidence.ledger.items():
        for subject, versions in _versions(rows).items():
            if versions != list(range(1, len(versions) + 1)):
                yield Complaint(f"the versions of {subject} at {source} have a hole or stand twice")


def c2_every_change_was_legal(known: Known) -> Iterable[Complaint]:
    for child in known.children.values():
        yield from (Complaint(what) for what in child.illegal)


def c3_nothing_answered_is_lost(known: Known) -> Iterable[Complaint]:
    for one in known.changes:
        if one.type != "ok" or known.changed_nothing(one):
            continue
        rows = known.by_operation.get(one.id, [])
        if not rows:
            yield Complaint(f"{one.f} of {one.child} was answered version {one.version} and is not in the ledger", one.t_complete)
        elif len({row.at for row in rows}) > 1:
            yield Complaint(f"{one.f} of {one.child} was done more than once", one.t_complete)
        elif max(row.version for row in rows) != one.version or rows[0].subject != one.child:
            yield Complaint(
                f"{one.f} of {one.child} was answered version {one.version}, its last event has another", one.t_complete
            )


def c4_nothing_is_there_that_nobody_asked_for(known: Known) -> Iterable[Complaint]:
    asked = {one.id: one for one in known.evidence.history.operations if one.f not in _PROBES}
    for number, rows in known.by_operation.items():
        one = asked.get(number)
        if one is None:
            yield from (
                Complaint(f"{row.kind}, version {row.version} of {row.subject}: nobody asked for it")
                for row in rows
                if row.subject in known.ours and row.subject not in known.evidence.bulk_children and _is_by_a_person(row)
            )
        elif one.type == "fail" and one.f not in _OF_NO_CHILD:
            yield Complaint(f"{one.f} of {one.child} was refused ({one.status}) and is in the ledger", one.t_complete)
        elif one.type == "info" and len({row.at for row in rows}) > 1 and one.f not in _OF_NO_CHILD:
            yield Complaint(f"{one.f} of {one.child} was done more than once", one.t_complete)


def c5_what_was_answered_first_has_the_lower_version(known: Known) -> Iterable[Complaint]:
    for own in _by_child(one for one in known.changes if one.type == "ok" and not known.changed_nothing(one)).values():
        completed = _HighestBefore(own)
        for one in own:
            before = completed.at(one.t_invoke)
            if one.version is not None and before >= one.version:
                yield Complaint(
                    f"{one.f} of {one.child} got version {one.version}, {before} was answered before it", one.t_complete
                )


def c6_readings_are_of_their_moment(known: Known) -> Iterable[Complaint]:
    """Not older than what was answered before, not newer than what was asked later, and with the lead of that version."""
    changes = _by_child(one for one in known.changes if one.type == "ok")
    reads = _by_child(one for one in known.evidence.history.operations if one.f == "read" and one.type == "ok")
    for child, own in reads.items():
        answered = _HighestBefore([*changes.get(child, []), *own])
        asked = _LowestAfter([one for one in changes.get(child, []) if not known.changed_nothing(one)])
        stands = known.children.get(child)
        for one in own:
            version = one.version or 0
            if version < answered.at(one.t_invoke):
                yield Complaint(
                    f"a reading of {child} gave version {version}, {answered.at(one.t_invoke)} was known", one.t_complete
                )
            if version >= asked.at(one.t_complete):
                yield Complaint(f"a reading of {child} gave version {version}, which was asked for later", one.t_complete)
            if stands is None or version not in stands.leads or stands.leads[version] != one.lead:
                yield Complaint(f"a reading of {child} named another tovholder than version {version} has", one.t_complete)


def c7_exactly_one_tovholder_at_every_moment(known: Known) -> Iterable[Complaint]:
    for sample in known.evidence.samples:
        if sample.wrong:
            yield Complaint(f"{sample.wrong} children without exactly one tovholder on an open seat", sample.at)
    yield from (Complaint(f"{what} does not begin where the one before ended") for what in known.evidence.broken_chains)
    for child, holder in known.evidence.holders.items():
        told = known.children.get(child)
        if told is None or told.lead != holder:
            yield Complaint(f"{child} is held by another than the ledger tells of")


def c8_topics_hold_the_ledger(known: Known) -> Iterable[Complaint]:
    evidence = known.evidence
    in_feed: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for (source, partition), rows in evidence.feed.items():
        in_feed[source].update((row.subject, row.version) for row in rows)
        yield from _feed_in_order((source, partition), rows)
        sent = evidence.sent.get((source, partition), 0)
        topic = evidence.topics.get((source, partition), [])
        yield from _topic_is_feed((source, partition), [row for row in rows if row.position <= sent], topic)
    for source, said in evidence.ledger.items():
        if in_feed[source] + evidence.queued.get(source, Counter()) != Counter((row.subject, row.version) for row in said):
            yield Complaint(f"the feed of {source} is not its ledger")
        more = duplicates(evidence, source)
        if more > max(5, DUPLICATES_AT_MOST * len(said)) and not evidence.history.struck:
            yield Complaint(f"{more} records of {source} stand on its topic more than once")


def duplicates(evidence: Evidence, source: str) -> int:
    """How many records stand on a topic once more, those aside that a fault put there."""
    records = [rows for (name, _), rows in evidence.topics.items() if name == source]
    number = sum(len(rows) for rows in records)
    different = sum(len({row.position for row in rows if row.position}) for rows in records)
    return max(0, number - different - evidence.injected.get(source, 0))


def _feed_in_order(place: Place, rows: Sequence[Stands]) -> Iterable[Complaint]:
    if [row.position for row in rows] != list(range(1, len(rows) + 1)):
        yield Complaint(f"the feed {place} has a hole")
    last: dict[str, int] = {}
    for row in rows:
        if row.version != last.get(row.subject, 0) + 1:
            yield Complaint(f"the feed {place} has version {row.version} of {row.subject} after {last.get(row.subject, 0)}")
        last[row.subject] = row.version


def _topic_is_feed(place: Place, rows: Sequence[Stands], records: Sequence[Stands]) -> Iterable[Complaint]:
    standing = {record.position for record in records}
    missing = [row.position for row in rows if row.position not in standing]
    if missing:
        yield Complaint(f"the topic {place} lacks {len(missing)} positions, the first is {missing[0]}")
    feed = {row.position: row for row in rows}
    if phantoms := [one for one in records if one.position and feed.get(one.position) != one]:
        yield Complaint(f"the topic {place} holds {len(phantoms)} records that are not the feed's")
    firsts = list(dict.fromkeys(record.position for record in records if record.position))
    if firsts != sorted(firsts):
        yield Complaint(f"the topic {place} is out of order")


def c9_hearers_have_applied_everything_once(known: Known) -> Iterable[Complaint]:
    evidence = known.evidence
    due, last = _due(evidence), {source: {row.subject: row.version for row in said} for source, said in evidence.ledger.items()}
    for name, hearer in evidence.hearers.items():
        for (source, partition), end in evidence.ends.items():
            if (source, partition) in hearer.positions and hearer.positions[(source, partition)] < end:
                yield Complaint(f"{name} has not heard all of {source}, partition {partition}")
        for source in {place[0] for place in hearer.positions}:
            behind = [
                subject
                for subject, version in due.get(source, {}).items()
                if not version <= hearer.seen.get((source, subject), 0) <= last[source].get(subject, 0)
            ]
            if behind:
                yield Complaint(f"{name} has not applied all of {source}: {len(behind)} subjects")
        yield from (Complaint(f"{name}: {number} wait in {table}") for table, number in hearer.waiting.items() if number)
        if hearer.letters:
            yield Complaint(f"{name}: {hearer.letters} events were laid aside")
    for name, copy in evidence.copies.items():
        seen = evidence.hearers[name].seen
        wrong = [
            child
            for child, holder in evidence.holders.items()
            if holder and copy.get(child) != holder and seen.get(("registry", child)) == last["registry"].get(child)
        ]
        if wrong:
            yield Complaint(f"{name} knows another tovholder than the registry for {len(wrong)} children")
    yield from (Complaint(f"{kind} was told of {number} times") for (_, kind), number in evidence.notices.items() if number > 1)
    yield from _never_back(evidence)


def _due(evidence: Evidence) -> dict[str, dict[str, int]]:
    """By source and subject: the version that everyone must have applied, for it stood in the feed when we began to ask."""
    due: dict[str, dict[str, int]] = defaultdict(dict)
    for place, rows in evidence.feed.items():
        due[place[0]].update({row.subject: row.version for row in rows if row.position <= evidence.ends.get(place, 0)})
    return due


def _never_back(evidence: Evidence) -> Iterable[Complaint]:
    """But for what PostgreSQL forgot when it was killed: what concerns nobody is passed by without waiting for the disk."""
    before: dict[tuple[str, str, int], tuple[int, float]] = {}
    for sample in evidence.samples:
        for place, position in sample.positions.items():
            farthest, seen_at = before.get(place, (0, sample.at))
            if position < farthest and not _may_be_forgotten(evidence, seen_at):
                yield Complaint(f"the position of {place[0]} in {place[1]}, partition {place[2]}, went back", sample.at)
            if position >= farthest or _may_be_forgotten(evidence, seen_at):
                before[place] = position, sample.at


def c10_the_same_key_is_the_same_change(known: Known) -> Iterable[Complaint]:
    for one in known.evidence.history.operations:
        if one.f in _PROBES and one.deviates:
            yield Complaint(one.deviates, one.t_complete)


def c11_every_reading_is_in_the_access_log(known: Known) -> Iterable[Complaint]:
    """What was read in the last second before PostgreSQL itself was killed may be missing (I11)."""
    evidence = known.evidence
    answered = Counter(
        (one.who, one.child)
        for one in evidence.history.operations
        if one.is_read and one.type == "ok" and one.child and not _may_be_forgotten(evidence, one.t_complete)
    )  # fmt: skip
    for place, number in answered.items():
        if evidence.accesses[place] < number:
            yield Complaint(f"{number} readings of {place[1]} were answered, {evidence.accesses[place]} are in the access log")


def _may_be_forgotten(evidence: Evidence, at: float) -> bool:
    """Whether PostgreSQL was killed so soon after that it may not have been on disk, for those who do not wait for that."""
    return any(-_ON_ITS_WAY_SECONDS < died - at < _POSTGRES_FORGETS_SECONDS for died in evidence.postgres_died)


def c12_nothing_leaks_and_strangers_see_nothing(known: Known) -> Iterable[Complaint]:
    for what, number in Counter(known.evidence.leaks).items():
        yield Complaint(f"something personal stands in {what} ({number})")
    for table, number in known.evidence.strangers_see.items():
        if number:
            yield Complaint(f"another municipality sees {number} rows of {table}")


def c13_everything_goes_on_afterwards(known: Known) -> Iterable[Complaint]:
    evidence = known.evidence
    for fault in evidence.history.struck:
        if fault.recovered is None:
            yield Complaint(f"after {fault.name} no change was answered well", fault.ceased)
    if evidence.quiet_after_seconds is None:
        yield Complaint("what was said was not heard by everyone after the faults had ceased")
    if evidence.waits_in_postgres:
        yield Complaint(f"{evidence.waits_in_postgres} connections idle in a transaction")
    for one in evidence.history.operations:
        if one.deviates and one.f not in _PROBES:
            yield Complaint(one.deviates, one.t_complete)
    yield from _answered_afterwards(evidence)


def _answered_afterwards(evidence: Evidence) -> Iterable[Complaint]:
    ceased = max((fault.recovered or fault.ceased for fault in evidence.history.struck), default=0.0)
    after = [one for one in evidence.history.operations if one.t_invoke > ceased]
    known = sum(one.type != "info" for one in after)
    if after and known < ANSWERED_AT_LEAST * len(after):
        yield Complaint(f"after the last fault {len(after) - known} of {len(after)} operations were not answered")


CHECKS: Mapping[str, tuple[str, Check]] = {
    "C1": ("versions unique and dense", c1_versions_are_unique_and_dense),
    "C2": ("every change legal", c2_every_change_was_legal),
    "C3": ("nothing answered is lost", c3_nothing_answered_is_lost),
    "C4": ("nothing invented", c4_nothing_is_there_that_nobody_asked_for),
    "C5": ("order of real time", c5_what_was_answered_first_has_the_lower_version),
    "C6": ("readings of their moment", c6_readings_are_of_their_moment),
    "C7": ("exactly one tovholder", c7_exactly_one_tovholder_at_every_moment),
    "C8": ("topics are the ledger", c8_topics_hold_the_ledger),
    "C9": ("hearers applied all, once", c9_hearers_have_applied_everything_once),
    "C10": ("one key, one change", c10_the_same_key_is_the_same_change),
    "C11": ("readings are logged", c11_every_reading_is_in_the_access_log),
    "C12": ("nothing leaks", c12_nothing_leaks_and_strangers_see_nothing),
    "C13": ("everything goes on", c13_everything_goes_on_afterwards),
}


def checked(evidence: Evidence) -> dict[str, list[Complaint]]:
    """By check: what is not as it must be; empty lists where all is well."""
    known = Known(evidence)
    return {name: list(check(known)) for name, (_, check) in CHECKS.items()}


_BY_PERSONS = frozenset(
    {"handover_accepted", "handover_declined", "information_requested", "information_provided", "case_reopened",
     "tovholder_seen"}
)  # fmt: skip


def _is_by_a_person(row: Said) -> bool:
    if row.kind == "tovholder_changed":
        return bool(row.data["why"] == "override")
    if row.kind == "handover_proposed":
        # A move that had to wait for an open handover is raised by the clock, in its own time.
        return bool(row.data["reason"] != "moved")
    if row.kind == "handover_withdrawn":
        return bool(row.data["cause"] == "proposer")
    if row.kind == "handover_rescheduled":
        return row.data["asked_by"] is not None
    if row.kind == "case_closed":
        return row.data["by"] is not None
    return row.kind in _BY_PERSONS


def _versions(rows: Iterable[Said]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        found[row.subject].append(row.version)
    return found


def _by_child(operations: Iterable[Operation]) -> dict[str, list[Operation]]:
    found: dict[str, list[Operation]] = defaultdict(list)
    for one in operations:
        if one.child:
            found[one.child].append(one)
    return found


class _HighestBefore:
    """The highest version that was answered before an instant."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        rows = sorted((one.t_complete, one.version or 0) for one in operations)
        self._times = [time for time, _ in rows]
        self._highest: list[int] = []
        for _, version in rows:
            self._highest.append(max(version, self._highest[-1] if self._highest else 0))

    def at(self, time: float) -> int:
        number = bisect_left(self._times, time)
        return self._highest[number - 1] if number else 0


class _LowestAfter:
    """The lowest version that was asked for only after an instant."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        rows = sorted((one.t_invoke, one.version or 0) for one in operations)
        self._times = [time for time, _ in rows]
        self._lowest = [0] * len(rows)
        least = 2**63
        for number in range(len(rows) - 1, -1, -1):
            least = self._lowest[number] = min(least, rows[number][1])

    def at(self, time: float) -> float:
        number = bisect_left(self._times, time)
        return self._lowest[number] if number < len(self._times) else float("inf")
