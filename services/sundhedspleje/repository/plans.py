"""Where a municipality's programmes stand: its own folder of plans, else that of the product, else the standard one."""

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from services.chassis.errors import Problem
from services.sundhedspleje.domain.programmes import definitions
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.repository import configured

FILE = "programmes.yaml"
STANDARD = "standard"


class TheProgrammesCannotBeRead(Problem):
    """What the municipality has written of its programmes does not fit; `places` says file, line and what is allowed there."""

    status = 503
    fault = "service"


def file_of(municipality: str, folder: Path | None) -> Path | Traversable:
    """`folder`: the installation's own plans, a folder per municipality named by its code, beside those that are shipped."""
    shipped = files("services.sundhedspleje").joinpath("plans")
    places: list[Path | Traversable] = [folder / municipality] if folder else []
    places += [shipped.joinpath(municipality), *([folder / STANDARD] if folder else []), shipped.joinpath(STANDARD)]
    return next(found for place in places if (found := place.joinpath(FILE)).is_file())


def programmes_of(municipality: str, folder: Path | None = None) -> Programmes:
    """What stands in the file now: a change counts from the next request. TheProgrammesCannotBeRead names each mistake."""
    file = file_of(municipality, folder)
    try:
        return _read(file, file.stat().st_mtime_ns) if isinstance(file, Path) else read(file)
    except configured.TheFileDoesNotFit as error:
        raise TheProgrammesCannotBeRead(
            "The municipality's programmes cannot be read. Try the file with: tovholder programmes check FILE",
            places=[f"{FILE}:{each.line}: {each.where}: {each.says}" for each in error.lines],
        ) from error


def read(file: Path | Traversable) -> Programmes:
    """configured.TheFileDoesNotFit with every mistake."""
    return configured.read(file, Programmes, definitions.mistakes)


@lru_cache(maxsize=256)
def _read(file: Path, changed: int) -> Programmes:
    return read(file)


def shipped() -> Iterator[tuple[str, Traversable]]:
    """Each municipality whose programmes come with the product, by its code, and the standard ones."""
    for folder in sorted(files("services.sundhedspleje").joinpath("plans").iterdir(), key=lambda each: each.name):
        if folder.is_dir() and (found := folder.joinpath(FILE)).is_file():
            yield folder.name, found
