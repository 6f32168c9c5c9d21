"""Files as municipalities have them: YAML, JSON, and CSV in a folder or several files; each knows where a place stands in it."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import yaml

from services.directory.importing.shape import Place, TheFileCannotBeImported

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE, _FALSE = ("true", "1", "yes", "ja", "sand"), ("false", "0", "no", "nej", "falsk")
_DANISH_DATE = re.compile(r"(\d{1,2})[-./](\d{1,2})[-./](\d{4})")
_NOTHING = object()
_STEP = re.compile(r"[^.\[\]]+|\[(\d+)\]")


@dataclass(frozen=True)
class Given:
    """What was read. `where` makes of a path in `content` what the reader of the file calls the place."""

    content: Any
    where: Callable[[str], str] = str
    wrong: Sequence[Place] = ()


def read(paths: Sequence[Path]) -> Given:
    """One YAML or JSON file, or CSV: a folder, or the files themselves. TheFileCannotBeImported where it is none of them."""
    try:
        if len(paths) == 1 and paths[0].is_dir():
            paths = sorted(path for path in paths[0].iterdir() if path.suffix.lower() == ".csv")
            if not paths:
                raise TheFileCannotBeImported("The folder holds no file whose name ends in .csv.")
        if all(path.suffix.lower() == ".csv" for path in paths):
            return _Tables(paths).given()
        if len(paths) > 1:
            raise TheFileCannotBeImported("Several files are read together only where each is CSV.")
        return _document(paths[0])
    except OSError as error:
        name = Path(str(error.filename or "")).name
        raise TheFileCannotBeImported(f"The file {name} cannot be read: {error.strerror}.") from error


def _document(path: Path) -> Given:
    raw = path.read_bytes()
    try:
        # JSON is YAML; the faster reader for it matters from a few thousand employees on.
        content = orjson.loads(raw) if path.suffix == ".json" else yaml.load(raw, Loader=_Loader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise TheFileCannotBeImported(f"The file is not YAML: {path.name}, line {line}: {error.problem}.") from None
    except orjson.JSONDecodeError as error:
        raise TheFileCannotBeImported(f"The file is not JSON: {path.name}, line {error.lineno}.") from None
    except (ValueError, yaml.YAMLError) as error:
        raise TheFileCannotBeImported("The file is neither YAML nor JSON.") from error
    return Given(content, _Lines(path.name, raw).of)


class _Lines:
    """The line of a path in a YAML or JSON file, found only where something is wrong."""

    def __init__(self, name: str, raw: bytes) -> None:
        self._name, self._raw = name, raw
        self._root: yaml.Node | None = None

    def of(self, path: str) -> str:
        if self._root is None:
            try:
                self._root = yaml.compose(self._raw, Loader=_Loader)
            except yaml.YAMLError:
                # JSON that is no YAML, as with tabs: the path must do.
                return f"{self._name}: {path}"
        node = self._root
        for step in _STEP.finditer(path):
            below = _below(node, step[0] if step[1] is None else int(step[1]))
            if below is None:
                break
            node = below
        return f"{self._name}:{node.start_mark.line + 1}: {path}" if node else f"{self._name}: {path}"


def _below(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        below: yaml.Node = node.value[step]
        return below
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _text(value: str) -> Any:
    return value or None


def _flag(value: str) -> Any:
    """What is neither yes nor no goes on as it is and is refused with its place; an empty cell says nothing."""
    lowered = value.lower()
    return True if lowered in _TRUE else False if lowered in _FALSE else value or _NOTHING


def _day(value: str) -> Any:
    """31-12-2026, 31.12.2026 and 31/12/2026 are what Danish spreadsheets make of 2026-12-31."""
    found = _DANISH_DATE.fullmatch(value)
    return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}" if found else value or None


def _several(value: str) -> Any:
    return value.replace("|", " ").replace(",", " ").split()


def _days(value: str) -> Any:
    return [_day(each) for each in _several(value)]


def _code(value: str) -> Any:
    """A spreadsheet takes 0990 for a number and writes 990."""
    return value.zfill(4) if len(value) == 3 and value.isdecimal() else value or None


def _number(value: str) -> Any:
    return int(value) if value.isdecimal() and len(value) < 9 else value or _NOTHING


Columns = Mapping[str, Callable[[str], Any]]
_DEPUTY: Columns = {"deputy": _text, "deputy_unit": _text}
# The columns of each file; `seats.csv` may be called `functions.csv`, as FK Organisation has it.
COLUMNS: Mapping[str, Columns] = {
    "municipalities": {
        "code": _code,
        "name": _text,
        "enabled": _flag,
        "complete": _flag,
        **dict.fromkeys(("answer_working_days", "remind_working_days_before", "escalate_working_days"), _number),
        **dict.fromkeys(("absence_limit_days", "support_days", "closing_age"), _number),
        "closing_days": _days,
        "hospital_notification_basis": _flag,
    },
    "units": {
        **dict.fromkeys(("id", "key"), _text),
        "municipality": _code,
        **dict.fromkeys(("organisation", "kind", "name", "parent", "district"), _text),
        "sor": _several,
        "private": _flag,
        "active": _flag,
    },
    "professionals": {
        **dict.fromkeys(("id", "username"), _text),
        "municipality": _code,
        **dict.fromkeys(("name", "email", "issuer", "login"), _text),
        "administers": _flag,
    },
    "seats": {"professional": _text, "unit": _text, "leads": _flag, "function": _text, **_DEPUTY},
    "competences": {"professional": _text, "competence": _text, "from_on": _day, "until_on": _day},
    "absences": {"professional": _text, "id": _text, "from_on": _day, "until_on": _day, **_DEPUTY},
    "intakes": {
        "municipality": _code,
        **dict.fromkeys(("unit", "district", "lead", "lead_unit", *_DEPUTY, "leader", "leader_unit"), _text),
    },
    "clients": {
        **dict.fromkeys(("id", "client_id", "kind"), _text),
        "municipality": _code,
        "organisation": _text,
        "sends_for": _several,
        "roles": _several,
        "active": _flag,
    },
}
_OTHER_NAMES = {"functions": "seats"}
# Rows that belong to a professional of professionals.csv.
_OF_PEOPLE = ("seats", "competences", "absences")
# Two columns that together name a seat: the professional, and `…_unit`.
_SEATS = ("deputy", "lead", "leader")


@dataclass
class _Row:
    at: str
    cells: dict[str, Any] = field(default_factory=dict)


class _Tables:
    """Several CSV files as one content, in which every path knows its file and line."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._wrong: list[Place] = []
        self._places: dict[str, str] = {}
        tables = {}
        for path in paths:
            name = _OTHER_NAMES.get(path.stem.lower(), path.stem.lower())
            if name in tables:
                self._note(path.name, "says the same as another file")
            elif name in COLUMNS:
                tables[name] = list(self._rows(path, COLUMNS[name]))
            else:
                self._note(path.name, f"no such table; there are {', '.join(f'{known}.csv' for known in COLUMNS)}")
        self._tables: dict[str, list[_Row]] = tables

    def given(self) -> Given:
        content: dict[str, Any] = {}
        for name, rows in self._tables.items():
            if name not in _OF_PEOPLE:
                content[name] = [_entry(row.cells) for row in rows]
                self._places |= {f"{name}[{number}]": row.at for number, row in enumerate(rows)}
        people = content.get("professionals", [])
        numbers = {_folded(entry.get(alias)): index for index, entry in enumerate(people) for alias in ("username", "id")}
        for name in _OF_PEOPLE:
            if name in self._tables:
                self._give(name, people, numbers)
        return Given(content, self._where, self._wrong)

    def _give(self, name: str, people: list[dict[str, Any]], numbers: Mapping[object, int]) -> None:
        """Rows of one table to the people they name; a table that is there speaks for everybody in professionals.csv."""
        for entry in people:
            entry[name] = []
        for row in self._tables[name]:
            whose = row.cells.pop("professional", None)
            index = numbers.get(_folded(whose)) if whose else None
            if index is None:
                self._note(f"{row.at}: professional", "no such professional in professionals.csv")
                continue
            self._places[f"professionals[{index}].{name}[{len(people[index][name])}]"] = row.at
            people[index][name].append(_entry(row.cells))

    def _rows(self, path: Path, columns: Columns) -> Iterator[_Row]:
        text = _decoded(path)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
        header = [name.strip().lower() for name in next(reader, [])]
        for number, name in enumerate(header):
            if name not in columns:
                self._note(f"{path.name}:1: column {number + 1}", f"no such column; there are {', '.join(columns)}")
            elif name in header[:number]:
                self._note(f"{path.name}:1: {name}", "stands twice")
        if not header:
            self._note(f"{path.name}:1", "the first line names the columns")
        # A cell in quotes may go over several lines; the reader's number is that of the last.
        ended = reader.line_num
        for cells in reader:
            began, ended = ended + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                self._note(f"{path.name}:{began}", f"has {len(cells)} cells, the first line {len(header)}")
                continue
            cells += [""] * (len(header) - len(cells))
            made = {name: columns[name](cell.strip()) for name, cell in zip(header, cells, strict=True) if name in columns}
            yield _Row(f"{path.name}:{began}", {name: value for name, value in made.items() if value is not _NOTHING})

    def _note(self, at: str, says: str) -> None:
        self._wrong.append(Place(at, says))

    def _where(self, path: str) -> str:
        """The longest beginning of the path that is a row; what follows is its column."""
        end = len(path)
        while end > 0:
            if path[:end] in self._places:
                column = re.sub(r"\[\d+\]", "", path[end:]).strip(".").removesuffix(".professional").replace(".", "_")
                return f"{self._places[path[:end]]}: {column}" if column else self._places[path[:end]]
            end = path[:end].rfind("]", 0, end - 1) + 1
        return path


def _entry(cells: dict[str, Any]) -> dict[str, Any]:
    """A row as YAML would say it: two columns that name a seat become one, and an empty `deputy` is none."""
    for name in _SEATS:
        unit = f"{name}_unit"
        if name in cells or unit in cells:
            named, of = cells.pop(name, None), cells.pop(unit, None)
            cells[name] = {"professional": named, "unit": of} if named or of else None
    return cells


def _folded(name: object) -> object:
    """Ids are the same in capitals."""
    try:
        return UUID(str(name)) if isinstance(name, str) and len(name) == 36 else name
    except ValueError:
        return name


def _decoded(path: Path) -> str:
    """UTF-8, with or without its mark, else Windows-1252, which is what Danish spreadsheets write."""
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise TheFileCannotBeImported(f"{path.name} is written neither in UTF-8 nor in Windows-1252.")


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    return max(";,\t", key=first.count)
