"""A municipality's YAML files, read so that every mistake is told by file, line and what is allowed there."""

import types
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from services.sundhedspleje.domain.programmes.definitions import Mistake, Where

Read = TypeVar("Read", bound=BaseModel)


@dataclass(frozen=True)
class Line:
    """One mistake, as a person looks it up: file, line from 1, where in the structure, and what is allowed."""

    file: str
    line: int
    where: str
    says: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {f'{self.where}: ' if self.where else ''}{self.says}"


class TheFileDoesNotFit(ValueError):
    """What is wrong in a file of configuration, every mistake with its line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__("\n".join(map(str, lines)))
        self.lines = lines


class _Loader(yaml.SafeLoader):
    """A key that is there twice is a mistake, no silent choice of the last; a day stays as written until its field reads it."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of the library
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _without_twins(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice; allowed: once", key.start_mark)
        seen.add(key.value)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _without_twins)


def read(file: Path | Traversable, model: type[Read], mistakes: Callable[[Read], Iterable[Mistake]] = lambda _: ()) -> Read:
    """The file as the model says it must be. TheFileDoesNotFit with every mistake; `mistakes`: what must fit together."""
    name = str(file) if isinstance(file, Path) else file.name
    try:
        text = file.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise TheFileDoesNotFit([Line(name, 1, "", "is not UTF-8")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise TheFileDoesNotFit([Line(name, mark.line + 1 if mark else 1, "", error.problem or "is not YAML")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise TheFileDoesNotFit([Line(name, 1, "", "is not YAML")]) from error

    def told(found: Iterable[Mistake]) -> list[Line]:
        lines = [Line(name, _line(node, each.where), _path(each.where), each.says) for each in found]
        return sorted(lines, key=lambda each: each.line)

    try:
        made = model.model_validate(content if content is not None else {})
    except ValidationError as error:
        raise TheFileDoesNotFit(told(_of(error, model))) from error
    if wrong := told(mistakes(made)):
        raise TheFileDoesNotFit(wrong)
    return made


def _of(error: ValidationError, model: type[BaseModel]) -> Iterable[Mistake]:
    for each in error.errors(include_url=False):
        where = tuple(part for part in each["loc"] if part != "[key]")
        said = each["msg"].removeprefix("Value error, ")
        if each["type"] == "extra_forbidden":
            said = f"is not known here; allowed: {', '.join(_fields(model, where[:-1]))}"
        elif each["type"] == "string_pattern_mismatch":
            said = _PATTERNS.get(each["ctx"]["pattern"], f"does not fit; allowed: {each['ctx']['pattern']}")
        elif each["type"] == "literal_error":
            said = f"is none of the allowed: {each['ctx']['expected']}"
        elif each["type"].startswith("date_"):
            said = "is no date; allowed: a day as 2026-08-01"
        elif each["type"] == "missing":
            said = "is missing"
        yield Mistake(where, said)


_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "is no code; allowed: small letters a to z, figures and hyphens",
    r"^https://[^\s]+$": "is no address; allowed: one that begins with https://",
}


def _fields(model: Any, where: Where) -> list[str]:
    """The names that are allowed at a place of a model, by the names used in a file."""
    for part in where:
        if isinstance(part, str) and (inner := _model(model)) is not None:
            fields = {field.alias or name: field for name, field in inner.model_fields.items()}
            model = fields[part].annotation if part in fields else None
        else:
            model = next(iter(get_args(_bare(model))[-1:]), None)
    found = _model(model)
    return [field.alias or name for name, field in found.model_fields.items()] if found else []


def _model(annotation: Any) -> type[BaseModel] | None:
    bare = _bare(annotation)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def _bare(annotation: Any) -> Any:
    """Without `| None` and Annotated."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return _bare(next(each for each in get_args(annotation) if each is not type(None)))
    return annotation


def _line(node: yaml.Node | None, where: Where) -> int:
    """Of the last part of a place that is there in the file."""
    line = node.start_mark.line if node else 0
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if _same(key.value, part)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return line + 1


def _same(written: str, part: str | int) -> bool:
    return written == str(part)


def _path(where: Where) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.lstrip(".")
