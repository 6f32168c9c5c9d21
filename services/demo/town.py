"""The demo municipalities as their files say them: who works there by name, and how they are brought into a directory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from services import catalogue
from services.chassis.store import Store
from services.directory import importing

# The town of the story, and one town for each of the five programmes.
FILE = "municipality.yaml"
TOWNS = "towns"


# The same loader in C, where there is one: five times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Inhabitant:
    """Someone of the town who may log in. `sub`: what the provider's tokens call them."""

    id: str
    username: str
    sub: str
    name: str
    municipality: str
    password: str = field(repr=False)


def content() -> Mapping[str, Any]:
    """The town of the story as it is written; empty where it is not there."""
    return next(iter(_towns()), {})


def names() -> dict[str, str]:
    """People by user name and units by key → id."""
    units = {unit["key"]: str(unit["id"]) for unit in _everywhere().get("units", ()) if "key" in unit}
    return units | {
        person["username"]: str(person["id"]) for person in _everywhere().get("professionals", ()) if "username" in person
    }


def people(everyone: bool = False) -> list[Inhabitant]:
    """Who may log in, in the town of the story; `everyone`: also in the towns of the programmes.

    The passwords are no secret: the provider listens on this machine only, and nobody is real.
    """
    return [
        Inhabitant(
            id=str(person["id"]),
            username=person["username"],
            sub=person["login"],
            name=person["name"],
            municipality=str(person["municipality"]),
            password=f"{person['username']}-demo",
        )
        for town in (_towns() if everyone else _towns()[:1])
        for person in town.get("professionals", ())
        if person.get("username") and person.get("login")
    ]


def person(username: str) -> Inhabitant:
    """LookupError, naming everyone there is, for a stranger."""
    for inhabitant in people(everyone=True):
        if inhabitant.username == username:
            return inhabitant
    raise LookupError(
        f"nobody in the demo town is called {username}; there are {', '.join(each.username for each in people(everyone=True))}"
    )


def login_of(username: str) -> str:
    """The `sub` of someone's tokens."""
    return person(username).sub


def municipalities() -> list[str]:
    return [str(each["code"]) for each in _everywhere().get("municipalities", ())]


def senders() -> dict[str, dict[str, str]]:
    """In whose name letters are sent: municipality → its name."""
    return {str(each["code"]): {"name": f"{each['name']} Kommune"} for each in _everywhere().get("municipalities", ())}


def client_ids() -> list[str]:
    """Every system that calls with a key of its own; the product's own services are among them."""
    own = [f"service-{name}" for name in catalogue.names()]
    return list(dict.fromkeys([*own, *(client["client_id"] for client in _everywhere().get("clients", ()))]))


def sor_of(unit: str) -> str:
    """The first SOR number of a unit by its key."""
    return str(next(each["sor"][0] for each in _everywhere()["units"] if each.get("key") == unit))


def works_in(username: str) -> str:
    """The names of the units someone works in, which of them they lead, and whether they administer."""
    units = {unit.get("key"): unit["name"] for unit in _everywhere()["units"]}
    person = next(each for each in _everywhere()["professionals"] if each.get("username") == username)
    places = ", ".join(f"{units[seat['unit']]}{' (leads)' if seat.get('leads') else ''}" for seat in person["seats"])
    return f"{places}; administers the municipality" if person.get("administers") else places


async def settle_in(store: Store, issuer: str, everyone: bool = False) -> None:
    """Makes the directory say what the files say. `store`: the directory's. `issuer`: where these people log in. Repeatable.

    `everyone`: also the five towns of the programmes, not only that of the story.
    """
    for town in _towns() if everyone else _towns()[:1]:
        await importing.import_municipality(store, dict(town), issuer=issuer)


@cache
def _everywhere() -> Mapping[str, Any]:
    found: dict[str, list[Any]] = {}
    for town in _towns():
        for name, entries in town.items():
            found.setdefault(name, []).extend(entries)
    return found


@cache
def _towns() -> list[Mapping[str, Any]]:
    """The town of the story first."""
    here = files("services.demo")
    try:
        first = here.joinpath(FILE).read_text()
    except FileNotFoundError:
        return []
    others = sorted(here.joinpath(TOWNS).iterdir(), key=lambda file: file.name)
    return [yaml.load(text, Loader=_Loader) for text in (first, *(file.read_text() for file in others))]  # noqa: S506
