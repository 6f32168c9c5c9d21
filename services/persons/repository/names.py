"""SQL of names as people search for them: whole words under a keyed hash; the names themselves are sealed."""

from uuid import UUID

from services.chassis.sealed import name_tokens
from services.chassis.settings import Secrets
from services.chassis.store import Tx


async def write(tx: Tx, secrets: Secrets, person: UUID, municipality: str, name: str | None) -> None:
    """The words of the name that stands now, in place of those of any before."""
    await tx.execute("delete from name_word where person = $1", person)
    if name:
        words = list(dict.fromkeys(name_tokens(secrets.blind_index_key(), name)))
        await tx.execute(
            "insert into name_word (word, person, municipality) select w, $2, $3 from unnest($1::bytea[]) w",
            words,
            person,
            municipality,
        )


async def children_named(tx: Tx, secrets: Secrets, name: str, limit: int) -> list[UUID]:
    """Children of the asking party's municipality who have all these words in their own, their mother's or a holder's name."""
    words = list(dict.fromkeys(name_tokens(secrets.blind_index_key(), name)))
    return [row["child"] for row in await tx.fetch("select named($1, $2) as child", words, limit)]
