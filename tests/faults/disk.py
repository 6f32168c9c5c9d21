"""A disk of one's own that can be filled without harm to others: a small file system in memory, for root on Linux."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SIZE_MEBIBYTES = 3072
_PAGE = b"\x00" * 1024 * 1024


@dataclass(frozen=True)
class Disk:
    """`folder`: where it is mounted."""

    folder: Path

    def fill(self) -> int:
        """Until nothing more fits. Returns how many MiB it took."""
        took = 0
        with suppress(OSError), open(self._ballast, "wb", buffering=0) as ballast:
            while True:
                ballast.write(_PAGE)
                took += 1
        return took

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk | None]:
    """None where this process may not mount one."""
    folder.mkdir(mode=0o711)
    options = f"size={_SIZE_MEBIBYTES}m,mode=0711"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tovholder-faults", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
