"""Breaks a whole installation by a seeded plan, checks what is left, and writes a page: `make faults`."""

import argparse
import asyncio
import random
import shutil
import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

from services import catalogue
from services.demo import town as demo_town
from services.demo.installed import REPOSITORY
from services.demo.keys import make_secrets
from tests.faults import nemesis, report
from tests.faults.disk import small_disk
from tests.faults.nemesis import Fault
from tests.faults.running import Run, Size, run
from tests.faults.town import Start, Town
from tests.support.issuer import Issuer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="the plan of this seed; without it, a fresh one")
    parser.add_argument("--long", action="store_true", help="three brokers, more children, every fault")
    parser.add_argument("--minutes", type=float, default=10.0, help="with --long: no new round of faults after so many minutes")
    parser.add_argument("--old", default="", help="with --long: the commit whose code runs beside this one")
    parser.add_argument("--only", default="", help="these kinds of faults, as F3,F5,F8; without it, all")
    parser.add_argument("--into", type=Path, default=REPOSITORY / "build" / "faults", help="the folder of the report")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else random.SystemRandom().getrandbits(32)
    size = Size.long(asked.minutes) if asked.long else Size()
    print(f"seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="tovholder-faults-"))
    # PostgreSQL runs as a user of its own, and must reach its disk below.
    folder.chmod(0o711)
    try:
        chosen = _chosen(asked.only, seed, asked.long)
        played = asyncio.run(_played(folder, seed, size, chosen, asked.long, _older(folder, asked.old) if asked.long else None))
        page = report.written(played, asked.into)
        report.keep_logs(folder.glob("*.log"), asked.into)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(report.summary(played))
    for one in played.broken:
        print(one)
    print(f"{page}\n{len(played.broken)} complaints")
    raise SystemExit(bool(played.broken))


def _chosen(only: str, seed: int, long: bool) -> list[Fault] | None:
    """None for all of them, planned anew in each round."""
    matters = set(filter(None, only.split(",")))
    return [one for one in nemesis.plan(random.Random(seed), long) if one.matter in matters] if matters else None


async def _played(folder: Path, seed: int, size: Size, chosen: list[Fault] | None, long: bool, old_code: Start | None) -> Run:
    keys = make_secrets(folder / "secrets", catalogue.names(), demo_town.municipalities(), demo_town.client_ids())
    issuer = Issuer(keys).listen(folder / "issuer")
    try:
        with small_disk(folder / "disk") as disk:
            async with Town(folder, folder / "secrets", issuer, brokers=3 if long else 1, disk=disk).standing() as town:
                return await run(town, seed, size, chosen, old_code, tell=lambda line: print(line, flush=True))
    finally:
        issuer.close()


def _older(folder: Path, commit: str) -> Start | None:
    """The code of an earlier commit in a folder of its own: the one named, else the newest release, else the commit before."""
    for candidate in (commit, _git("describe", "--tags", "--abbrev=0"), "HEAD^"):
        name = candidate and _git("rev-parse", "--short", f"{candidate}^{{commit}}")
        if name:
            archive = subprocess.run(["git", "archive", name, "services"], cwd=REPOSITORY, capture_output=True, check=True).stdout
            with tarfile.open(fileobj=BytesIO(archive)) as packed:
                packed.extractall(folder / name, filter="data")
            return Start(code=folder / name)
    return None


def _git(*arguments: str) -> str:
    """Empty where it does not answer: no history, no tag."""
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
