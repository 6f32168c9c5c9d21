"""A mail server of one's own on loopback: takes every mail by SMTP and keeps it as a file that a person can open."""

import uuid
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller

from services.demo.processes import remembered_port


class PostOffice:
    """Mails lie in `folder`, one file each, as they came."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._controller: Controller | None = None

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.port = remembered_port(self.folder / "port", None)
        self._controller = Controller(_Letterbox(self.folder), hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def letters(self) -> int:
        """How many mails have come, ever."""
        return sum(1 for _ in self.folder.glob("*.eml"))


class _Letterbox:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        (self._folder / f"{uuid.uuid4()}.eml").write_bytes(envelope.content)
        return "250 kept"
