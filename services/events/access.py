"""Guarantees that nobody sees or changes a class of data but by a relation to the child that access.yaml names."""

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal, cast

import yaml

Verb = Literal["see", "act"]


@cache
def table() -> dict[str, dict[str, Verb]]:
    """Relation → class → the most it may do. ValueError names a class that the file does not declare."""
    content = yaml.safe_load(files("services.events").joinpath("access.yaml").read_text())
    for relation, cells in content["relations"].items():
        for class_, verb in cells.items():
            if class_ not in content["classes"] or verb not in ("see", "act"):
                raise ValueError(f"access.yaml: {relation} has {class_}: {verb}, which is not declared")
    return cast(dict[str, dict[str, Verb]], content["relations"])


@cache
def classes() -> tuple[str, ...]:
    """The classes of data there are."""
    return tuple(yaml.safe_load(files("services.events").joinpath("access.yaml").read_text())["classes"])


def may(relations: Iterable[str], class_: str, verb: Verb) -> bool:
    """Whether someone standing in these relations to a child may see, or act on, a class of data."""
    granted = {table().get(relation, {}).get(class_) for relation in relations}
    return "act" in granted or (verb == "see" and "see" in granted)
