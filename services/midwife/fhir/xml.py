"""FHIR's XML and JSON forms of one resource turned into each other, led by the element definitions of FHIR R4B.

The XML of a stranger is read without document type, entities, external references or deep nesting. The narrative is not read:
it repeats the structured content for people, and the message is kept whole as it came.
"""

import codecs
import decimal
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Literal, get_args, get_origin
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from fhir.resources.R4B import get_fhir_model_class
from fhir_core.types import Xhtml

from services.midwife.fhir.codes import RESOURCE_TYPES

FHIR_NAMESPACE: Final = "http://hl7.org/fhir"
XHTML_NAMESPACE: Final = "http://www.w3.org/1999/xhtml"
EMPTY_NARRATIVE: Final = f'<div xmlns="{XHTML_NAMESPACE}"></div>'
DEEPEST_NESTING: Final = 60
MOST_ELEMENTS: Final = 50_000

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class NotWellFormed(Exception):
    """The XML breaks a rule of XML or of safety; `partial` holds what was read before, as JSON, or None."""

    def __init__(self, partial: dict[str, Any] | None) -> None:
        super().__init__("not well-formed")
        self.partial = partial


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str]
    children: list["_Element"] = field(default_factory=list)


class _Refused(Exception):
    pass


class _Reading:
    """The elements read so far; the narrative (xhtml) leaves one empty element."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._count += 1
        if len(self._open) >= DEEPEST_NESTING or self._count > MOST_ELEMENTS:
            raise _Refused
        element = _Element(local if namespace == FHIR_NAMESPACE else f"{namespace} {local}", attributes)
        if self._open:
            self._open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def end(self, _name: str) -> None:
        self._open.pop()

    @staticmethod
    def refuse(*_anything: object) -> None:
        raise _Refused


def read_xml(body: bytes) -> dict[str, Any]:
    """The JSON form of a resource.

    Elements that FHIR does not define, and values of the wrong type, come through as they are for the structure check to name.

    Raises NotWellFormed: for XML that is malformed, not UTF-8, or has a document type, a processing instruction, or more nesting
    or elements than a message can need.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # the parser would follow the mark, whatever it was told
        raise NotWellFormed(None)
    reading = _Reading()
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.StartDoctypeDeclHandler = reading.refuse
    parser.EntityDeclHandler = reading.refuse
    parser.ProcessingInstructionHandler = reading.refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, _Refused, ValueError) as broken:
        raise NotWellFormed(_resource(reading.root) if reading.root else None) from broken
    assert reading.root is not None
    return _resource(reading.root)


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an element is written in JSON: its type, and whether it repeats."""

    kind: Literal["resource", "complex", "text", "boolean", "integer", "decimal", "xhtml"]
    repeats: bool
    model: Any = None


def _types(annotation: Any) -> Iterator[Any]:
    inner = get_args(annotation)
    if not inner:
        yield annotation
    for each in inner:
        yield from _types(each)


def _repeats(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(_repeats(each) for each in get_args(annotation))


@lru_cache(maxsize=256)
def _shapes(model: Any) -> dict[str, _Shape]:
    """The elements of a FHIR type by their JSON name, in the order of the standard."""
    fields = {each.alias: each for each in model.model_fields.values()}
    return {name: _shape(fields[name]) for name in model.elements_sequence() if name in fields}


def _shape(element: Any) -> _Shape:
    repeats = _repeats(element.annotation)
    candidates = [*_types(element.annotation), *element.metadata]
    for each in candidates:
        if hasattr(each, "get_model_klass"):
            model = each.get_model_klass()
            return _Shape("resource" if model.get_resource_type() == "Resource" else "complex", repeats, model)
    if any(isinstance(each, Xhtml) for each in candidates):
        return _Shape("xhtml", repeats)
    if bool in candidates:
        return _Shape("boolean", repeats)
    if int in candidates:
        return _Shape("integer", repeats)
    return _Shape("decimal" if decimal.Decimal in candidates else "text", repeats)


def _resource(element: _Element) -> dict[str, Any]:
    model = get_fhir_model_class(element.name) if element.name in RESOURCE_TYPES else None
    return {"resourceType": element.name, **_children(element, model)}


def _complex(element: _Element, model: Any) -> dict[str, Any]:
    own: dict[str, Any] = {name: said for name, said in element.attributes.items() if name in ("id", "url")}
    return {**own, **_children(element, model)}


def _children(element: _Element, model: Any) -> dict[str, Any]:
    shapes = _shapes(model) if model is not None else {}
    found: dict[str, Any] = {}
    for child in element.children:
        if child.name == f"{XHTML_NAMESPACE} div":
            found["div"] = EMPTY_NARRATIVE
            continue
        shape = shapes.get(child.name)
        if shape is None:
            _put(found, child.name, child.attributes.get("value", {}), repeats=False)
        elif shape.kind == "resource":
            for each in child.children:
                _put(found, child.name, _resource(each), shape.repeats)
        elif shape.kind == "complex":
            _put(found, child.name, _complex(child, shape.model), shape.repeats)
        else:
            _put_primitive(found, child, shape)
    return found


def _put(found: dict[str, Any], name: str, value: Any, repeats: bool) -> None:
    if repeats:
        found.setdefault(name, []).append(value)
    elif name not in found:
        found[name] = value
    else:
        earlier = found[name] if isinstance(found[name], list) else [found[name]]
        found[name] = [*earlier, value]


def _put_primitive(found: dict[str, Any], child: _Element, shape: _Shape) -> None:
    """A primitive's value, and its id and extensions beside it under `_name` (in a list: at the same place)."""
    value = _typed(child.attributes.get("value"), shape.kind)
    beside = _complex(child, get_fhir_model_class("Element")) or None
    if not shape.repeats:
        if value is not None:
            _put(found, child.name, value, repeats=False)
        if beside:
            found[f"_{child.name}"] = beside
        return
    values = found.setdefault(child.name, [])
    values.append(value)
    if beside or f"_{child.name}" in found:
        besides = found.setdefault(f"_{child.name}", [])
        besides.extend([None] * (len(values) - 1 - len(besides)))
        besides.append(beside)


def _typed(value: str | None, kind: str) -> Any:
    if value is None:
        return None
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    if kind == "decimal" and _DECIMAL.fullmatch(value):
        return float(value)
    return value


def to_xml(resource: dict[str, Any]) -> bytes:
    """The XML form of a resource of ours, in the order of elements the standard demands; UTF-8 with declaration."""
    written: list[str] = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write_resource(resource, written.append, root=True)
    return "".join(written).encode()


def _write_resource(resource: dict[str, Any], write: Callable[[str], None], root: bool = False) -> None:
    name = resource["resourceType"]
    write(f'<{name} xmlns="{FHIR_NAMESPACE}">' if root else f"<{name}>")
    _write_children(resource, get_fhir_model_class(name), write)
    write(f"</{name}>")


def _write_children(parent: dict[str, Any], model: Any, write: Callable[[str], None], attributes: tuple[str, ...] = ()) -> None:
    for name, shape in _shapes(model).items():
        if name in attributes or (name not in parent and f"_{name}" not in parent):
            continue
        values = parent.get(name)
        besides = parent.get(f"_{name}")
        listed = values if isinstance(values, list) else [values]
        beside = besides if isinstance(besides, list) else [besides]
        for index, value in enumerate(listed):
            _write_element(name, shape, value, beside[index] if index < len(beside) else None, write)


def _write_element(name: str, shape: _Shape, value: Any, beside: dict[str, Any] | None, write: Callable[[str], None]) -> None:
    if shape.kind == "xhtml":
        write(value)
    elif shape.kind == "resource":
        write(f"<{name}>")
        _write_resource(value, write)
        write(f"</{name}>")
    elif shape.kind == "complex":
        _write_complex(name, shape.model, value, "", write)
    else:
        said = "" if value is None else f" value={quoteattr(str(value).lower() if isinstance(value, bool) else str(value))}"
        _write_complex(name, get_fhir_model_class("Element"), beside or {}, said, write)


def _write_complex(name: str, model: Any, value: dict[str, Any], said: str, write: Callable[[str], None]) -> None:
    attributes = "".join(f" {each}={quoteattr(value[each])}" for each in _attributes(model) if each in value)
    write(f"<{escape(name)}{attributes}{said}>")
    _write_children(value, model, write, _attributes(model))
    write(f"</{escape(name)}>")


def _attributes(model: Any) -> tuple[str, ...]:
    return ("id", "url") if model.get_resource_type() == "Extension" else ("id",)
