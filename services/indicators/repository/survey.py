"""Links and answers of the survey: a link is a hash without a child, an answer is added to sums and kept nowhere by itself."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from services.chassis.store import Store, Tx

# Tries with links that are none, of everybody within a minute.
_MOST_GUESSES = 60


def hash_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def add_links(tx: Tx, municipality: str, unit: UUID | None, tokens: Sequence[str], until: datetime) -> None:
    await tx.execute(
        "insert into survey_link (token, municipality, unit, until) select t, $2, $3, $4 from unnest($1::bytea[]) t",
        [hash_of(token) for token in tokens],
        municipality,
        unit,
        until,
    )


async def is_open(store: Store, token: str) -> bool:
    return bool(await store.call("survey_open", hash_of(token)))


async def answer(store: Store, token: str, quarter: date, scores: Mapping[str, int]) -> bool:
    """False where the link was answered before, has lapsed or never was."""
    return bool(await store.call("survey_answer", hash_of(token), quarter, list(scores), list(scores.values())))


async def may_guess(store: Store) -> bool:
    """Counts a try with a link that is none; False where there were too many."""
    return bool(await store.call("survey_guessed", _MOST_GUESSES))


async def forget_lapsed(tx: Tx, at: datetime) -> None:
    await tx.execute("delete from survey_link where until < $1", at)
    await tx.execute("delete from survey_guess where minute < clock_timestamp() - interval '1 hour'")
