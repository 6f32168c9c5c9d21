"""Plays one seed again, or many fresh ones: `python -m tests.simulation --seed N`."""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services import catalogue
from services.demo import town
from services.demo.keys import make_secrets
from services.demo.postgres import PostgresServer
from tests.simulation.play import STEPS, Simulator
from tests.support.issuer import Issuer
from tests.support.world import Installation


@contextmanager
def simulator() -> Iterator[Simulator]:
    """On a PostgreSQL of its own, gone afterwards."""

    with tempfile.TemporaryDirectory(prefix="tovholder-simulation-") as name:
        folder = Path(name)
        keys = make_secrets(folder / "secrets", catalogue.names(), town.municipalities(), town.client_ids())
        issuer = Issuer(keys).listen(folder / "issuer")
        server = PostgresServer(folder / "postgres", fsync=False).start()
        try:
            installation = Installation(folder, server.dsn(), "127.0.0.1", server.port or 0)
            asyncio.run(installation.make_template(issuer))
            made = Simulator.made(installation, issuer, "simulation")
            yield made
            made.close()
        finally:
            server.remove()
            issuer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="play this seed and print what happened")
    parser.add_argument("--seeds", type=int, default=100, help="how many fresh seeds to play")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    with simulator() as playing:
        began = time.monotonic()
        drawn = [asked.seed] if asked.seed is not None else [random.SystemRandom().getrandbits(32) for _ in range(asked.seeds)]
        failed = 0
        for seed in drawn:
            played = playing.play(seed, asked.steps)
            if asked.seed is not None:
                print("\n".join(played.history))
            for complaint in played.complaints:
                print(f"seed {seed}: {complaint}")
            failed += bool(played.complaints)
        print(f"{len(drawn)} seeds, {failed} failed, {time.monotonic() - began:.1f} s")
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
