"""A municipality's folder of YAML: read, checked when loaded, and an error says file, line and what is allowed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from services.chassis.log import logger
from services.chassis.settings import Settings
from services.sundhedspleje.domain.configured import Configured
from services.sundhedspleje.domain.programmes.definitions import Programmes
from services.sundhedspleje.domain.screenings import Screenings
from services.sundhedspleje.domain.visits import VisitPlans

STANDARD = "standard"
# What may stand in a municipality's folder, and as what it is read.
FILES: dict[str, type[BaseModel]] = {"visits.yaml": VisitPlans, "screenings.yaml": Screenings, "programmes.yaml": Programmes}
M = TypeVar("M", bound=BaseModel)


class TheFileMakesNoSense(ValueError):
    """`mistakes`: each as `file:line: what is wrong. Allowed: …`."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True)
class _Read:
    """A file as it was read. `state`: by which a change is seen. `mistakes`: of that state; `made` is then a former's."""

    state: tuple[object, ...]
    made: Any
    mistakes: tuple[str, ...] = ()


_READ: dict[tuple[str, str, Path | None], _Read] = {}


def visit_plans(municipality: str, own: Path | None = None) -> VisitPlans:
    return configured(municipality, "visits.yaml", VisitPlans, own)


def screenings(municipality: str, own: Path | None = None) -> Screenings:
    return configured(municipality, "screenings.yaml", Screenings, own)


def programmes(municipality: str, own: Path | None = None) -> Programmes:
    return configured(municipality, "programmes.yaml", Programmes, own)


def configured(municipality: str, name: str, model: type[M], own: Path | None = None) -> M:
    """A file of the municipality's folder, else the standard one. `own`: the operator's folder of municipalities, asked first.

    Read anew when it has changed, else the same object. One that makes no sense since then is told, and the former stands.
    """
    file = found(_roots(own), municipality, name)
    state, before = _state(file), _READ.get((municipality, name, own))
    if before is None or before.state != state:
        before = _READ[municipality, name, own] = _read_anew(file, name, model, state, before)
    made: M = before.made
    return made


def _read_anew(file: Traversable, name: str, model: type[M], state: tuple[object, ...], before: _Read | None) -> _Read:
    try:
        return _Read(state, read(file, model))
    except TheFileMakesNoSense as wrong:
        logger().error("configuration.makes_no_sense", mistakes=list(wrong.mistakes))
        former = before.made if before else read(_roots(None)[0].joinpath(STANDARD, name), model)
        return _Read(state, former, wrong.mistakes)


def mistakes_of(municipality: str, own: Path | None = None) -> list[str]:
    """For which of its files a former one stands, and why."""
    known = [_READ.get((municipality, name, own)) for name in FILES]
    return [mistake for it in known if it for mistake in it.mistakes]


def _state(file: Traversable) -> tuple[object, ...]:
    """Which file, and what tells that it was written again; through the links by which Kubernetes changes a ConfigMap."""
    if not isinstance(file, Path):
        return (str(file),)
    seen = file.stat()
    return str(file), seen.st_mtime_ns, seen.st_size, seen.st_ino


def check(settings: Settings) -> None:
    """Every municipality's files, before a process begins: TheFileMakesNoSense tells every mistake in all of them."""
    own = settings.plans_folder
    if own and not own.is_dir():
        raise TheFileMakesNoSense(
            [f"{own.name}:1: is no folder. Allowed: in TOVHOLDER_PLANS_FOLDER, a folder of municipalities' folders"]
        )
    mistakes = [
        mistake
        for root in _roots(own)
        for folder in _folders(root)
        for name, model in FILES.items()
        if folder.joinpath(name).is_file()
        for mistake in mistakes_in(folder.joinpath(name), model)
    ]
    if mistakes:
        raise TheFileMakesNoSense(mistakes)


def mistakes_in(file: Traversable, model: type[BaseModel]) -> tuple[str, ...]:
    """None of them where the file makes sense."""
    try:
        read(file, model)
    except TheFileMakesNoSense as wrong:
        return wrong.mistakes
    return ()


def _folders(root: Traversable) -> list[Traversable]:
    """What begins with a dot is none: Kubernetes keeps versions of a ConfigMap there. Listed anew when one has come or gone."""
    if not isinstance(root, Path):
        return _listed(root)
    changed = root.stat().st_mtime_ns
    known = _FOLDERS.get(root)
    if known is None or known[0] != changed:
        known = _FOLDERS[root] = (changed, _listed(root))
    return known[1]


_FOLDERS: dict[Path, tuple[int, list[Traversable]]] = {}


def _listed(root: Traversable) -> list[Traversable]:
    return sorted((it for it in root.iterdir() if not it.name.startswith(".")), key=lambda it: it.name)


def _roots(own: Path | None) -> list[Traversable]:
    return [*([own] if own else []), files("services.sundhedspleje").joinpath("plans")]


def found(roots: Sequence[Traversable], municipality: str, name: str) -> Traversable:
    """The municipality's own file in the first root that has one, else the standard one of the first root that has that.

    A municipality's folder is named by its code, or by its code and a name: `0101`, `0101-name`.
    """
    for root in roots:
        for folder in _folders(root):
            is_own = folder.name == municipality or folder.name.startswith(f"{municipality}-")
            if is_own and folder.joinpath(name).is_file():
                return folder.joinpath(name)
    standard = [root.joinpath(STANDARD, name) for root in roots]
    return next(file for file in standard if file.is_file())


def text_of(municipality: str, name: str, own: Path | None = None) -> str:
    """A file of the municipality's folder, else the standard one, as it is written."""
    return found(_roots(own), municipality, name).read_text(encoding="utf-8")


def read(file: Traversable, model: type[M]) -> M:
    """One file as its model. TheFileMakesNoSense tells every mistake with its line."""
    place = _place(file)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise TheFileMakesNoSense([f"{place}:1: cannot be read as text. Allowed: YAML in UTF-8"]) from error
    return read_text(text, model, place)


def read_text(text: str, model: type[M], place: str) -> M:
    """The same of a text. `place`: what it is called where a mistake is told."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
        twice = [f"{place}:{line}: {key} stands here twice. Allowed: each once" for key, line in _twice(node)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TheFileMakesNoSense([f"{place}:{line}: {error.problem}. Allowed: YAML"]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise TheFileMakesNoSense([f"{place}:1: cannot be read as text. Allowed: YAML in UTF-8"]) from error
    if twice:
        raise TheFileMakesNoSense(twice)
    try:
        made = model.model_validate(content)
    except ValidationError as error:
        raise TheFileMakesNoSense(
            [f"{place}:{_line(node, _at(it))}: {_said(it, model)}" for it in error.errors(include_url=False)]
        ) from error
    if isinstance(made, Configured) and (unfit := list(made.mistakes())):
        places = [(_line(node, each.place), ".".join(map(str, each.place)), each.says) for each in unfit]
        raise TheFileMakesNoSense([f"{place}:{line}: {where}: {says}" for line, where, says in sorted(places)])
    return made


class _Loader(yaml.SafeLoader):
    """A day stays as it is written until its field reads it: YAML's own reading stumbles over the 31st of February."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of the library
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _place(file: Traversable) -> str:
    """`0101/visits.yaml`: the folder is the municipality."""
    return f"{Path(str(file)).parent.name}/{file.name}"


def _twice(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Keys that a mapping has more than once; YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                yield key.value, key.start_mark.line + 1
            keys.add(key.value)
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _twice(item)


def _line(node: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    """The line of what is wrong, or of the nearest part around it that is there."""
    line = 1
    for part in place:
        if node is None:
            break
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _at(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where it is wrong; what sees more than one part says itself where in these."""
    return (*error["loc"], *error.get("ctx", {}).get("place", ()))


# What is allowed where a part is of the wrong kind, by the beginning of pydantic's word for the mistake.
_KINDS = {
    "int_": "a whole number",
    "date_": "a date, like 2026-08-01",
    "bool_": "true or false",
    "string_pattern_mismatch": "a code of a-z, 0-9 and hyphens, like serious-loss",
    "string_": "text",
    "list_type": "a list",
    "model_": "names with their values",
    "too_short": "at least {min_length}",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
}


def _said(error: ErrorDetails, model: type[BaseModel]) -> str:
    place, kind, context = error["loc"], error["type"], error.get("ctx", {})
    where = ".".join(str(part) for part in place)
    if kind in ("extra_forbidden", "missing"):
        allowed = ", ".join(_fields(model, place[:-1]))
        what = "is not known" if kind == "extra_forbidden" else "is missing"
        return f"{where} {what}. Allowed: {allowed}"
    if kind == "literal_error":
        return f"{where} is none of those there are. Allowed: {context['expected']}"
    told = error["msg"].removeprefix("Value error, ")
    if "Allowed:" in told:
        return f"{where}: {told}".lstrip(": ")
    allowed = next((text for begins, text in _KINDS.items() if kind.startswith(begins)), "another")
    return f"{where}: {told}. Allowed: {allowed.format(**context)}"


def _fields(model: Any, place: tuple[int | str, ...]) -> list[str]:
    """The fields of the model at a place of an error."""
    for part in place:
        fields = _named(model)
        if isinstance(part, str) and part in fields:
            model = _model_in(fields[part].annotation)
    return list(_named(model))


def _named(model: Any) -> dict[str, FieldInfo]:
    """The fields of a model by the names they have in a file."""
    is_model = isinstance(model, type) and issubclass(model, BaseModel)
    return {field.alias or name: field for name, field in model.model_fields.items()} if is_model else {}


def _model_in(annotation: Any) -> Any:
    """The model that an annotation speaks of: `list[Contact]`, `Contact | None` → Contact."""
    if get_origin(annotation) in (list, dict, tuple, Union, UnionType):
        return next((_model_in(one) for one in reversed(get_args(annotation)) if one is not type(None)), annotation)
    return annotation
