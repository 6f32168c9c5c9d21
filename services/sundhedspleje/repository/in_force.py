"""A municipality's visit plans and programmes in force: its files, and what has taken effect of them as it was then."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import ValidationError

from services.chassis.calendar import date_of
from services.chassis.log import logger
from services.chassis.store import Store, Tx
from services.events.directory import subject_of_municipality
from services.events.sundhedspleje import ConfigurationInForce
from services.sundhedspleje.domain.in_force import Entry, What, Written, as_in_force, not_followed, taking_effect
from services.sundhedspleje.domain.programmes.definitions import Programme, Programmes
from services.sundhedspleje.domain.visits import VisitPlan, VisitPlans
from services.sundhedspleje.repository import plans, written

_MODELS: dict[What, type[VisitPlan] | type[Programme]] = {"visit-plan": VisitPlan, "programme": Programme}
# By municipality: the file as it was read, and what is in force of it. Read anew when the file is another.
_Found = dict[tuple[str, What], tuple[Written, Written]]
_FOUND: WeakKeyDictionary[Store, _Found] = WeakKeyDictionary()
# What the clock has looked at: nothing is to be done for the same file on the same day.
_LOOKED_AT: WeakKeyDictionary[Store, dict[tuple[str, What], tuple[Written, date]]] = WeakKeyDictionary()


async def visit_plans(tx: Tx, municipality: str) -> VisitPlans:
    now = await written.visit_plans(tx, municipality, date_of(await tx.now()))
    found = await _in_force(tx, municipality, "visit-plan", now)
    assert isinstance(found, VisitPlans)
    return found


async def programmes(tx: Tx, municipality: str) -> Programmes:
    found = await _in_force(tx, municipality, "programme", await written.programmes(tx, municipality, date_of(await tx.now())))
    assert isinstance(found, Programmes)
    return found


async def _in_force(tx: Tx, municipality: str, what: What, now: Written) -> Written:
    """The files give the same object until they change, and what has taken effect never does: it is asked for once per file."""
    found = _FOUND.setdefault(tx.store, {})
    known = found.get((municipality, what))
    if known and known[0] is now:
        return known[1]
    made = as_in_force(now, await standing(tx, municipality, what))
    found[municipality, what] = (now, made)
    return made


async def standing(tx: Tx, municipality: str, what: What) -> list[Entry]:
    """What has taken effect, in order of its day."""
    rows = await tx.fetch(
        "select what, key, from_on, content from configuration where municipality = $1 and what = $2 order by from_on, key",
        municipality, what,
    )  # fmt: skip
    return [entry for row in rows if (entry := _entry(row))]


def _entry(row: Any) -> Entry | None:
    """None of what a version of the product wrote that this one no longer understands: then the file counts."""
    what: What = row["what"]
    try:
        return Entry(what, row["key"], row["from_on"], _MODELS[what].model_validate(row["content"]))
    except ValidationError:
        logger().error("configuration.not_understood", what=what, key=row["key"], from_on=str(row["from_on"]))
        return None


async def take_effect(tx: Tx, municipality: str, today: date) -> None:
    """Keeps what has come into force since the last look and says it, and what a file changes of it that is not followed.

    What is there when a municipality is looked at for the first time has been in force before, and is not said.
    """
    await _look(tx, municipality, "visit-plan", await written.visit_plans(tx, municipality, today), today)
    await _look(tx, municipality, "programme", await written.programmes(tx, municipality, today), today)


async def _look(tx: Tx, municipality: str, what: What, now: Written, today: date) -> None:
    looked_at = _LOOKED_AT.setdefault(tx.store, {})
    known = looked_at.get((municipality, what))
    if known and known[0] is now and known[1] == today:
        return
    stands = await standing(tx, municipality, what)
    begins = taking_effect(now, stands, today)
    seen_before = begins and await tx.fetchval(
        "select exists (select from configuration where municipality = $1 and in_force_since < $2)", municipality, await tx.now()
    )
    for beginning in begins:
        entry = beginning.entry
        await tx.execute(
            "insert into configuration (municipality, what, key, from_on, content, replaces, changed, in_force_since)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
            municipality, what, entry.key, entry.from_on,
            entry.content.model_dump(mode="json", by_alias=True, exclude_unset=True), beginning.replaces,
            list(beginning.changed), await tx.now(),
        )  # fmt: skip
        if seen_before:
            tx.publish(subject_of_municipality(municipality), _said(municipality, entry, beginning.replaces, beginning.changed))
    if begins:
        # Looked at once more: only what is committed stands.
        return
    if known is None or known[0] is not now:
        for it in not_followed(now, stands):
            logger().error("configuration.not_followed", municipality=municipality, says=it.says)
    looked_at[municipality, what] = (now, today)


def _said(municipality: str, entry: Entry, replaces: date | None, changed: Sequence[str]) -> ConfigurationInForce:
    plans_again = isinstance(entry.content, VisitPlan) and entry.content.applies_to == "all-children"
    return ConfigurationInForce(
        municipality=municipality, what=entry.what, key=entry.key, from_on=entry.from_on, replaces=replaces,
        changed=[name.replace("_", "-") for name in changed], plans_again=plans_again,
    )  # fmt: skip


async def log_of(tx: Tx, municipality: str) -> list[dict[str, Any]]:
    """What has taken effect, the newest first."""
    rows = await tx.fetch(
        "select what, key, from_on, replaces, changed, in_force_since from configuration where municipality = $1"
        " order by in_force_since desc, from_on desc, what, key",
        municipality,
    )
    return [dict(row) for row in rows]


async def ignored(tx: Tx, municipality: str) -> list[str]:
    """What the municipality's files say that is not followed, as they are now: changes without a date of effect, and mistakes."""
    folder = tx.store.settings.plans_folder
    today = date_of(await tx.now())
    says: dict[What, Written] = {
        "visit-plan": await written.visit_plans(tx, municipality, today),
        "programme": await written.programmes(tx, municipality, today),
    }
    changed = [
        it.says for what in _MODELS for it in not_followed(says[what], await standing(tx, municipality, what))
    ]  # fmt: skip
    return [*plans.mistakes_of(municipality, folder), *changed]
