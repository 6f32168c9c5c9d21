"""What has been applied of each subject of one source, while a batch runs."""

from collections.abc import Sequence
from uuid import UUID

from services.chassis.envelope import Envelope
from services.chassis.store import Tx


class Versions:
    """What has been applied of each subject of one source, while a batch runs."""

    def __init__(self, source: str, standing: dict[UUID, tuple[int, bool]]) -> None:
        self._source = source
        self._seen = {subject: seen for subject, (seen, _) in standing.items()}
        self._blocked = {subject for subject, (_, blocked) in standing.items() if blocked}
        self._changed: set[UUID] = set()
        self.missing: set[UUID] = set()

    def seen(self, subject: UUID) -> int:
        return self._seen.get(subject, 0)

    def is_old(self, envelope: Envelope) -> bool:
        return envelope.version <= self.seen(envelope.subject)

    def is_next(self, envelope: Envelope) -> bool:
        return envelope.version == self.seen(envelope.subject) + 1 and envelope.subject not in self._blocked

    def ahead(self, envelope: Envelope) -> None:
        if envelope.subject not in self._blocked:
            self.missing.add(envelope.subject)

    def passed(self, envelope: Envelope) -> None:
        if envelope.version > self.seen(envelope.subject):
            self._seen[envelope.subject] = envelope.version
            self._changed.add(envelope.subject)

    async def save(self, tx: Tx) -> None:
        if self._changed:
            changed = sorted(self._changed)
            await tx.execute(
                "insert into seen (source, subject, version) select $1, * from unnest($2::uuid[], $3::bigint[])"
                " on conflict (source, subject) do update set version = excluded.version where seen.version < excluded.version",
                self._source, changed, [self._seen[subject] for subject in changed],
            )  # fmt: skip


async def standing(tx: Tx, source: str, envelopes: Sequence[Envelope]) -> dict[UUID, tuple[int, bool]]:
    rows = await tx.fetch(
        "select s.subject, coalesce(v.version, 0) as version,"
        " exists (select from dead_letter d where d.source = $1 and d.subject = s.subject and d.resolved_at is null) as blocked"
        " from unnest($2::uuid[]) s(subject) left join seen v on v.source = $1 and v.subject = s.subject",
        source, list({envelope.subject for envelope in envelopes}),
    )  # fmt: skip
    return {row["subject"]: (row["version"], row["blocked"]) for row in rows}
