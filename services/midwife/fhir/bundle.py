"""Finds its way in a message Bundle of which nothing is certain yet: what is absent or of the wrong shape reads as absent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from services.midwife.fhir.codes import DESTINATION_USE, GLN_SYSTEMS, SOR

Node = dict[str, Any]


def nodes(parent: Node, name: str) -> list[Node]:
    """The objects in the list `name`; a single object counts as a list of one."""
    found = parent.get(name)
    if isinstance(found, dict):
        return [found]
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def node(parent: Node, *path: str) -> Node:
    """The object at the end of a path of names, the first one where a list stands on the way; {} if there is none."""
    for name in path:
        found = nodes(parent, name)
        parent = found[0] if found else {}
    return parent


def text(parent: Node, *path: str) -> str | None:
    """The non-empty string at the end of a path of names, None if there is none."""
    value = node(parent, *path[:-1]).get(path[-1])
    return value if isinstance(value, str) and value.strip() else None


def extension(parent: Node, url: str) -> Node:
    """The first extension with that url, {} if there is none."""
    return next((each for each in nodes(parent, "extension") if each.get("url") == url), {})


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource of a Bundle and where it stands, as FHIRPath."""

    path: str
    full_url: str | None
    resource: Node

    @property
    def type(self) -> str:
        found = self.resource.get("resourceType")
        return found if isinstance(found, str) else ""

    @property
    def id(self) -> str | None:
        return text(self.resource, "id")


NOWHERE = Entry(path="Bundle", full_url=None, resource={})


@dataclass(frozen=True, slots=True)
class Organisation:
    """A sender or receiver: its SOR number and its GLN, each None where the message does not say."""

    sor: str | None = None
    gln: str | None = None


@dataclass(frozen=True)
class MessageBundle:
    """A Bundle as parsed, with the resources of a message found by type and by reference."""

    root: Node

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        listed = self.root.get("entry")
        return tuple(
            Entry(f"Bundle.entry[{index}].resource", text(each, "fullUrl"), node(each, "resource"))
            for index, each in enumerate(listed if isinstance(listed, list) else [])
            if isinstance(each, dict)
        )

    def of_type(self, resource_type: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.type == resource_type]

    def first(self, resource_type: str) -> Entry:
        return next(iter(self.of_type(resource_type)), NOWHERE)

    @cached_property
    def header(self) -> Entry:
        return self.first("MessageHeader")

    def resolve(self, reference: str | None) -> Entry | None:
        """The entry a reference names, by its full URL or by `Type/id` (relative or at the end of a URL)."""
        if reference is None:
            return None
        relative = "/".join(reference.split("/")[-2:])
        for entry in self.entries:
            if reference == entry.full_url or (entry.id and relative == f"{entry.type}/{entry.id}"):
                return entry
        return None

    @cached_property
    def sender(self) -> Entry | None:
        return self.resolve(text(self.header.resource, "sender", "reference"))

    @cached_property
    def primary_destinations(self) -> list[tuple[str, Node]]:
        return [(path, each) for path, each, use in self.destinations() if use == "primary"]

    def destinations(self) -> Iterator[tuple[str, Node, str | None]]:
        """Each destination as (FHIRPath, destination, code of its use)."""
        for index, each in enumerate(nodes(self.header.resource, "destination")):
            yield f"{self.header.path}.destination[{index}]", each, text(extension(each, DESTINATION_USE), "valueCoding", "code")

    @cached_property
    def receiver(self) -> Entry | None:
        if not self.primary_destinations:
            return None
        return self.resolve(text(self.primary_destinations[0][1], "receiver", "reference"))

    @cached_property
    def provenance(self) -> Entry | None:
        """The Provenance of this message: the one that names its header, else the last one recorded."""
        found = self.of_type("Provenance")
        own = [each for each in found if self.resolve(text(each.resource, "target", "reference")) == self.header]
        return own[0] if own else max(found, key=lambda each: text(each.resource, "recorded") or "", default=None)


def organisation(entry: Entry | None) -> Organisation:
    """The numbers of a sender or receiver."""
    if entry is None or entry.type != "Organization":
        return Organisation()
    sor = gln = None
    for each in nodes(entry.resource, "identifier"):
        system, value = text(each, "system"), text(each, "value")
        if system == SOR:
            sor = sor or value
        elif system in GLN_SYSTEMS:
            gln = gln or value
    return Organisation(sor, gln)
