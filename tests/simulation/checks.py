"""What must hold once the faults have ceased: I1-I5, I8, I9; what was acknowledged stands once, and nothing else does."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson

from services.events.current import TOPIC
from services.notifications import domain as telling
from services.registry.repository import CURRENT, current_in
from tests.simulation.acts import Acts
from tests.simulation.bus import Topics
from tests.simulation.process import HEARERS, SERVICES

_OPEN = ("proposed", "scheduled")
_BROKEN = {
    "I1 a child without exactly one tovholder on an open seat": """
        select c.id from registry.child c where c.open_end is not null and 1 <> (
          select count(*) from registry.assignment a join registry.seat s using (professional, unit)
          where a.child_id = c.id and a.episode = c.episode and a.finished_at = 'infinity' and s.open)""",
    "I2 a chain with a gap or an overlap": """
        select child_id from (
          select child_id, started_at, lag(finished_at) over (partition by child_id, episode order by seq) as ended
          from registry.assignment) x where ended <> started_at""",
    "I3 two open handovers": """
        select child_id from registry.handover where state in ('proposed', 'scheduled') group by 1 having count(*) > 1""",
    "I4 versions with a hole": """
        select c.id from registry.child c where c.version <> (select count(*) from registry.ledger where subject = c.id)
          or c.version <> (select max(version) from registry.ledger where subject = c.id)""",
    "I8 an open handover without a look of the clock, and no question": """
        select child_id from registry.handover where state = 'scheduled' and next_at is null
          or state = 'proposed' and next_at is null and question is null and overdue_at is null""",
    "I9 a fact that was applied twice": """
        select hearer, source, subject, version from as_it_was.applied group by 1, 2, 3, 4 having count(*) > 1""",
    "a delivery that nobody accounts for": """
        select id from notifications.delivery
          where state = 'queued' and next_try_at is null or state = 'failed' and shown_to is null""",
}


_SEEN_BY_A_STRANGER = """
select set_config('tovholder.kind', 'municipality', true), set_config('tovholder.municipality', '0999', true)
"""
_ROWS_OF_A_PARTY = " union all ".join(
    f"select '{table}' as name, count(*) as number from registry.{table}"
    for table in ("child", "assignment", "handover", "question", "supporter", "closing", "matter")
)


async def seen_by_a_stranger(look: "asyncpg.Connection[Any]") -> list[str]:
    """Tables of which another municipality, asking by the role that serves HTTP, sees rows."""
    async with look.transaction():
        await look.execute("set local role registry_api")
        await look.fetch(_SEEN_BY_A_STRANGER)
        return [row["name"] for row in await look.fetch(_ROWS_OF_A_PARTY) if row["number"]]


@dataclass
class Baton:
    """One child as the ledger tells of it, event by event; what may not be is complained of."""

    child: UUID
    holder: tuple[str, str] | None = None
    status: str = ""
    handover: dict[str, Any] | None = None
    states: dict[str, str] = field(default_factory=dict)
    supporters: set[tuple[str, str]] = field(default_factory=set)
    links: int = 0
    complaints: list[str] = field(default_factory=list)
    _before: tuple[str, datetime] = ("", datetime.min.replace(tzinfo=UTC))

    def hear(self, version: int, envelope: dict[str, Any]) -> None:
        kind, fact = envelope["type"].split(".")[3], envelope["data"]
        at = datetime.fromisoformat(envelope["time"])
        if hearing := getattr(self, f"_{kind}", None):
            hearing(fact, at)
        elif kind.startswith(("handover_", "information_")):
            self._about_open(kind, fact)
        self._before = (kind, at)
        if version == 1 and kind != "child_registered":
            self._no(f"begins with {kind}")

    def _no(self, what: str) -> None:
        self.complaints.append(f"I5 {self.child}: {what}")

    def _child_registered(self, fact: Any, _: datetime) -> None:
        self.status = fact["status"]

    def _child_born(self, _: Any, __: datetime) -> None:
        self.status = "born"

    def _tovholder_changed(self, fact: Any, at: datetime) -> None:
        to, why = _seat(fact["tovholder"]), fact["why"]
        if (fact["before"] and _seat(fact["before"])) != self.holder:
            self._no(f"{why} takes it from someone who does not hold it")
        if why in ("acceptance", "effect"):
            passed = self.handover
            if self._before != ("handover_effected", at) or passed is None or _seat(passed["receiver"]) != to:
                self._no(f"{why} by someone who was not asked")
            elif why == "acceptance" and fact["by"] != to[0]:
                self._no("someone else said yes")
            self.handover = None
        elif why in ("registration", "sibling"):
            if self._before[0] != "child_registered":
                self._no(f"{why} of a child that is there")
        elif why == "override" and fact["by"] is None:
            self._no("an override by nobody")
        if self.handover and self.handover["state"] in _OPEN:
            self.handover["giver"] = fact["tovholder"]
        self.holder, self.links = to, self.links + 1

    def _handover_proposed(self, fact: Any, _: datetime) -> None:
        if self.handover and self.handover["state"] in _OPEN:
            self._no("two open handovers")
        if _seat(fact["giver"]) != self.holder or _seat(fact["receiver"]) == self.holder:
            self._no("proposed by someone who does not hold it, or to who does")
        self.handover = {**fact, "state": "proposed"}
        self.states[fact["handover"]] = "proposed"

    def _handover_accepted(self, fact: Any, _: datetime) -> None:
        self._about_open("handover_accepted", fact)
        if self.handover:
            if self.handover["state"] != "proposed":
                self._no("accepted twice")
            self.handover["receiver"] = fact["receiver"]

    def _about_open(self, kind: str, fact: Any) -> None:
        if self.handover is None or self.handover["handover"] != fact["handover"] or self.handover["state"] not in _OPEN:
            self._no(f"{kind} of a handover that is not open")
            return
        becomes = {
            "handover_scheduled": "scheduled", "handover_effected": "effected", "handover_declined": "declined",
            "handover_withdrawn": "withdrawn", "handover_superseded": "superseded",
        }.get(kind)  # fmt: skip
        if becomes:
            self.handover["state"] = self.states[fact["handover"]] = becomes

    def _supporter_joined(self, fact: Any, _: datetime) -> None:
        self.supporters.add(_seat(fact["supporter"]))

    def _supporter_left(self, fact: Any, _: datetime) -> None:
        self.supporters.discard(_seat(fact["supporter"]))


def _seat(seat: dict[str, str]) -> tuple[str, str]:
    return seat["professional"], seat["unit"]


@dataclass
class Findings:
    """Everything that is left after a simulation."""

    acts: Acts
    topics: Topics
    ledger: dict[str, list[Any]]
    feed: dict[tuple[str, int], list[Any]]
    seen: dict[str, dict[tuple[str, UUID], int]]
    batons: dict[UUID, Baton]
    rows: dict[str, list[Any]]
    broken: dict[str, list[Any]]
    shown: list[str]
    went_back: list[Any]

    @classmethod
    async def of(cls, look: "asyncpg.Connection[Any]", acts: Acts, topics: Topics) -> Self:
        ledger = {
            it.name: await look.fetch(
                f"select subject, version, type, envelope from {it.name}.ledger l"
                f" where exists (select from {it.name}.feed f where f.subject = l.subject and f.version = l.version)"
                " order by subject, version"
            )
            for it in SERVICES
        }
        feed: dict[tuple[str, int], list[Any]] = {}
        for it in SERVICES:
            for row in await look.fetch(f"select * from {it.name}.feed order by partition, position"):
                feed.setdefault((it.name, row["partition"]), []).append(row)
        seen = {
            it.name: {
                (row["source"], row["subject"]): row["version"] for row in await look.fetch(f"select * from {it.name}.seen")
            }
            for it in HEARERS
        }
        batons: dict[UUID, Baton] = {}
        for row in ledger["registry"]:
            if row["type"].split(".")[3] != "professional_released":
                batons.setdefault(row["subject"], Baton(row["subject"])).hear(row["version"], orjson.loads(row["envelope"]))
        rows = {name: await look.fetch(query) for name, query in _ROWS.items()}
        broken = {rule: await look.fetch(query) for rule, query in _BROKEN.items()}
        shown = await seen_by_a_stranger(look)
        went_back = await look.fetch("select distinct what from as_it_was.went_back order by what")
        return cls(acts, topics, ledger, feed, seen, batons, rows, broken, shown, went_back)

    def ledger_lines(self) -> list[str]:
        """What was said, without ids and times of the machine."""
        return [f"{row['subject']} {row['version']} {row['type']}" for row in self.ledger["registry"]]

    def complaints(self) -> list[str]:
        found = [f"{rule}: {[str(row[0]) for row in rows]}" for rule, rows in self.broken.items() if rows]
        found += [f"another municipality sees rows of {name}" for name in self.shown]
        found += [f"a position of {row['what']} went back: somebody without the lease wrote it" for row in self.went_back]
        found += [f"{asked.what}: {asked.deviates}" for asked in self.acts.asked if asked.deviates]
        for baton in self.batons.values():
            found += baton.complaints
        found += self._conserved() + self._commands() + self._topics() + self._present() + self._hearers() + self._told()
        return found

    def _conserved(self) -> list[str]:
        """The tables of the baton are what the ledger tells."""
        holders = {row["child_id"]: (str(row["professional"]), str(row["unit"]), row["links"]) for row in self.rows["holders"]}
        told = {child: (*(it.holder or ("", "")), it.links) for child, it in self.batons.items()}
        states = {str(row["id"]): row["state"] for row in self.rows["handovers"]}
        told_states = {number: state for it in self.batons.values() for number, state in it.states.items()}
        stand_by = {(row["child_id"], str(row["professional"]), str(row["unit"])) for row in self.rows["supporters"]}
        told_by = {(child, *seat) for child, it in self.batons.items() for seat in it.supporters}
        missing = {
            row["subject"]
            for row in self.ledger["persons"]
            for child in orjson.loads(row["envelope"])["data"]["children"]
            if UUID(child["child"]) not in self.batons
        }
        return [
            *(["the holders are not those of the ledger"] if holders != told else []),
            *(
                [f"handovers are not as in the ledger: {set(states.items()) ^ set(told_states.items())}"]
                if states != told_states
                else []
            ),
            *([f"supporters are not those of the ledger: {stand_by ^ told_by}"] if stand_by != told_by else []),
            *([f"identified and never registered: {missing}"] if missing and not self.rows["waiting"] else []),
        ]

    def _commands(self) -> list[str]:
        """Each command that was acknowledged stands in the ledger under its version, once; nothing stands that nobody asked."""
        found = []
        commits: dict[tuple[UUID, str], list[Any]] = {}
        for row in self.ledger["registry"]:
            commits.setdefault((row["subject"], orjson.loads(row["envelope"])["time"]), []).append(row)
        facts = {(child, rows[-1]["version"]): rows for (child, _), rows in commits.items()}
        versions: Counter[tuple[UUID, int]] = Counter()
        for asked in self.acts.asked:
            if not asked.done:
                continue
            assert asked.answer is not None
            body = asked.answer.body
            place = (UUID(body["child"]), body["version"])
            versions[place] += 1
            if _SAID_BY[asked.what] not in {row["type"].split(".")[3] for row in facts.get(place, ())}:
                found.append(f"{asked.what} was acknowledged as version {place[1]}, which is not its commit's last")
        found += [f"two commands were acknowledged as version {place[1]}" for place, count in versions.items() if count > 1]
        for what, kind in _SAID_BY.items():
            asked_for = Counter(asked.child for asked in self.acts.asked if asked.what == what and asked.done)
            said = Counter(
                row["subject"] for row in self.ledger["registry"] if row["type"].split(".")[3] == kind and self._by_a_person(row)
            )
            if asked_for != said:
                found.append(f"{what}: acknowledged {sum(asked_for.values())}, said {sum(said.values())}")
        return found

    def _by_a_person(self, row: Any) -> bool:
        """Not by the clock, a handler or with the registration of a sibling."""
        envelope = orjson.loads(row["envelope"])
        fact = envelope["data"]
        if row["type"].split(".")[3] == "handover_withdrawn":
            return bool(fact["cause"] == "proposer")
        if row["type"].split(".")[3] == "tovholder_changed":
            return bool(fact["why"] == "override")
        return "causationid" not in envelope

    def _topics(self) -> list[str]:
        """A topic holds the whole feed; what came first came in order."""
        found = []
        for place, rows in self.feed.items():
            if [row["position"] for row in rows] != list(range(1, len(rows) + 1)):
                found.append(f"the feed {place} has a hole")
            if out_of_order(rows):
                found.append(f"the feed {place} tells of a subject out of order")
            firsts = list(dict.fromkeys(record.position for record in self.topics.records.get(place, [])))
            if firsts != [row["position"] for row in rows]:
                found.append(f"the topic {place} is not the feed: {firsts}")
        for source, rows in self.ledger.items():
            versions = Counter(
                (row["subject"], row["version"]) for place, own in self.feed.items() if place[0] == source for row in own
            )
            if set(versions.values()) - {1} or len(versions) != len(rows):
                found.append(f"{source}'s feed is not its ledger")
        return found

    def _present(self) -> list[str]:
        """The compacted topic's last value of each child is how the child stands."""
        stands = {
            str(row["id"]).encode(): current_in(row).model_dump_json().encode()
            for row in self.rows["present"]
            if row["id"] in self.batons
        }
        said = {key: value for (topic, key), value in self.topics.values.items() if topic == TOPIC}
        differs = {key for key in stands.keys() | said.keys() if stands.get(key) != said.get(key)}
        return [f"the compacted topic says something else of {sorted(differs)}"] if differs else []

    def _hearers(self) -> list[str]:
        """Whoever listens has applied everything, laid nothing aside, and knows the same tovholder."""
        found = []
        for hearer in HEARERS:
            for source in hearer.hears:
                ends = {row["subject"]: row["version"] for row in self.ledger.get(source, ())}
                behind = [subject for subject, end in ends.items() if self.seen[hearer.name].get((source, subject)) != end]
                if behind:
                    found.append(f"{hearer.name} has not applied all of {source}: {behind}")
        for name in ("dead letters", "kept"):
            found += [f"{name}: {dict(row)}" for row in self.rows[name]]
        told = {child: it.holder for child, it in self.batons.items()}
        for name in ("sundhedspleje", "notifications"):
            known = {row["child"]: (str(row["holder"]), str(row["holder_unit"])) for row in self.rows[name]}
            if known != told:
                found.append(f"{name} knows other tovholdere than the ledger tells of")
        born = {child: it.status for child, it in self.batons.items()}
        if {row["child"]: row["status"] for row in self.rows["sundhedspleje"]} != born:
            found.append("sundhedspleje knows other births than the ledger tells of")
        return found

    def _told(self) -> list[str]:
        """I9: each event has its one notice, and everyone whom its audience names by the event has a delivery."""
        found = []
        notices = {(row["event"], row["kind"]): row["id"] for row in self.rows["notices"]}
        recipients: dict[UUID, set[str | None]] = {}
        for row in self.rows["deliveries"]:
            recipients.setdefault(row["notice"], set()).add(row["recipient"] and str(row["recipient"]))
        if len(notices) != len(self.rows["notices"]):
            found.append("I9 an event has two notices")
        for row in self.ledger["registry"]:
            kind = row["type"].split(".")[3]
            if kind not in telling.audiences():
                continue
            envelope = orjson.loads(row["envelope"])
            notice = notices.pop((envelope["id"], kind), None)
            if notice is None:
                found.append(f"I9 {kind} was told to nobody")
                continue
            named = {envelope["data"][name]["professional"] for role, name in _NAMED.items()
                     if role in telling.audiences()[kind]["tell"] and envelope["data"].get(name)}  # fmt: skip
            if named - recipients.get(notice, set()):
                found.append(f"I9 {kind} was not told to everyone it names")
        if notices:
            found.append("I9 a notice of nothing")
        return found


def out_of_order(rows: list[Any]) -> bool:
    """Whether a feed names a version of a subject that is not the next."""
    last: dict[UUID, int] = {}
    for row in rows:
        if row["version"] != last.get(row["subject"], row["version"] - 1) + 1:
            return True
        last[row["subject"]] = row["version"]
    return False


_NAMED = {"tovholder": "tovholder", "before": "before", "giver": "giver", "receiver": "receiver", "escalated-to": "to"}
_SAID_BY = {
    "propose": "handover_proposed", "accept": "handover_accepted", "decline": "handover_declined",
    "withdraw": "handover_withdrawn", "ask": "information_requested", "answer": "information_provided",
    "override": "tovholder_changed",
}  # fmt: skip
_ROWS = {
    "holders": """
        select child_id, min(professional::text) filter (where open) as professional, min(unit::text) filter (where open) as unit,
          count(*)::int as links from registry.assignment group by 1""",
    "handovers": "select id, state from registry.handover",
    "present": CURRENT,
    "supporters": "select child_id, professional, unit from registry.supporter",
    "waiting": "select id from registry.waiting",
    "sundhedspleje": "select child, holder, holder_unit, status from sundhedspleje.child_case",
    "notifications": "select child, holder, holder_unit from notifications.child_case",
    "notices": "select id, event, kind from notifications.notice",
    "deliveries": "select notice, recipient from notifications.delivery",
    "dead letters": " union all ".join(f"select '{it.name}' as at, reason, type from {it.name}.dead_letter" for it in HEARERS),
    "kept": " union all ".join(f"select '{it.name}' as at, source, about from {it.name}.kept" for it in HEARERS),
}
