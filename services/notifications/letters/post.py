"""The way of a letter: a port, and its one adapter, a folder from which a print service or Digital Post takes it."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

Word = Literal["delivered", "returned", "refused"]
_RECEIPT_BYTES = 4096


@dataclass(frozen=True)
class Addressed:
    """To whom a letter goes. `cpr`: for Digital Post, which knows people by nothing else; `lines`: for paper."""

    person: UUID
    cpr: str | None
    lines: tuple[str, ...]
    is_protected: bool


@dataclass(frozen=True)
class Receipt:
    """What the print service says of a letter."""

    delivery: UUID
    word: Word


class Post(Protocol):
    """Where letters are handed over. The same letter handed over again is the same letter."""

    def hand_over(self, municipality: str, delivery: UUID, pdf: bytes, to: Addressed, made_at: datetime) -> None:
        """OSError where it cannot be laid there now."""

    def receipts(self) -> Iterator[Receipt]:
        """What has been said since, each once `settle`d."""

    def settle(self, receipt: Receipt) -> None:
        """The word is kept; the letter and its address are not needed any more."""


class TextMessages(Protocol):
    """The port for SMS. There is no adapter yet: nobody has said by whom they are to be sent."""

    async def send(self, number: str, text: str, message_id: str) -> None:
        """Hands one text message over."""


class PrintFolder:
    """`<folder>/<municipality>/<delivery>.pdf` with `<delivery>.json`, which is laid last: where it stands, the letter is whole.

    The service answers with `<delivery>.receipt.json`: {"state": "delivered" | "returned" | "refused"}. Folders and files are
    readable by their owner alone; what was answered is removed.
    """

    def __init__(self, folder: Path, senders: dict[str, dict[str, str]]) -> None:
        self._folder, self._senders = folder, senders

    def hand_over(self, municipality: str, delivery: UUID, pdf: bytes, to: Addressed, made_at: datetime) -> None:
        place = self._folder / municipality
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = {
            "delivery": str(delivery),
            "sender": {"municipality": municipality, **self._senders.get(municipality, {})},
            "recipient": {"cpr": to.cpr, "address": list(to.lines), "protected": to.is_protected},
            "pdf": f"{delivery}.pdf",
            "sha256": hashlib.sha256(pdf).hexdigest(),
            "made_at": made_at.isoformat(),
            "receipt": f"{delivery}.receipt.json",
        }
        _lay(place / f"{delivery}.pdf", pdf)
        _lay(place / f"{delivery}.json", json.dumps(manifest, ensure_ascii=False, indent=1).encode())

    def receipts(self) -> Iterator[Receipt]:
        for path in sorted(self._folder.glob("*/*.receipt.json")):
            found = _read(path)
            if found is not None:
                yield found

    def settle(self, receipt: Receipt) -> None:
        for path in self._folder.glob(f"*/{receipt.delivery}.*"):
            path.unlink(missing_ok=True)


def _read(path: Path) -> Receipt | None:
    """None for what is no receipt, or is still being written."""
    try:
        if path.stat().st_size > _RECEIPT_BYTES:
            return None
        content = json.loads(path.read_bytes())
        word, number = content["state"], UUID(path.name.partition(".")[0])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Receipt(number, word) if word in ("delivered", "returned", "refused") else None


def _lay(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk before the database says that it was sent."""
    beside = path.with_name(f".{path.name}.part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
