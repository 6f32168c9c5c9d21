"""Where `deploy/setup` has put what is not a Python package: Java, the broker's jars, Node and the provider's packages."""

import json
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
NOTE = REPOSITORY / ".tools" / "installed.json"


class NotInstalled(RuntimeError):
    """Something `deploy/setup` installs is not there; the text says what, and the command that gets it."""


def installed(name: str, needed_for: str) -> Path:
    """The place of `java`, `kafka` (a folder holding `jars`), `node` or `oidc` (a folder holding `node_modules`)."""
    try:
        place = Path(json.loads(NOTE.read_text())[name])
    except (OSError, KeyError):
        raise NotInstalled(f"{name} is not installed: run deploy/setup {needed_for}") from None
    if not place.exists():
        raise NotInstalled(f"{name} is no longer at {place}: run deploy/setup {needed_for}")
    return place
