"""What may stand in a file of the directory, and how each place that does not fit is named."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.chassis.errors import Problem
from services.events.directory import ClientKind, UnitKind
from services.events.envelope import Code
from services.events.envelope import Municipality as MunicipalityCode

_SHOWN = 1_000
Entry = TypeVar("Entry", bound="InFile")
Sor = Annotated[str, StringConstraints(pattern=r"^\d{6,18}$")]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
# An id; or in the same file the unit's `key` or the professional's `username`. An id may stand in the directory alone.
Reference = str


class TheFileCannotBeImported(Problem):
    """Something in the file does not fit; `places` says where and what. Nothing was written."""

    status = 422


@dataclass(frozen=True)
class Place:
    """A place, as `professionals[3].seats[0].unit`, and what is wrong there, never the content itself; `also`: another place."""

    at: str
    says: str
    also: str | None = None


class InFile(BaseModel):
    """A field that is left out says nothing: what stands, stands. One that is null or empty takes away."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=False)


class FileMunicipality(InFile):
    """`complete`: the lists that are there name everybody; who is missing is leaving, what is missing is no longer active."""

    code: MunicipalityCode
    name: str = Field(min_length=1)
    enabled: bool = True
    complete: bool = False
    answer_working_days: int = Field(3, gt=0)
    remind_working_days_before: int = Field(1, ge=0)
    escalate_working_days: int = Field(1, gt=0)
    absence_limit_days: int = Field(14, gt=0)
    support_days: int = Field(30, ge=0)
    closing_days: list[date] = []
    hospital_notification_basis: bool = False
    closing_age: int = Field(6, gt=0)


class FileUnit(InFile):
    """A unit of a municipality, or of an organisation such as a region. `id`: in FK Organisation the OrgEnhed's UUID."""

    id: UUID
    key: str | None = None
    municipality: MunicipalityCode | None = None
    organisation: Code | None = None
    kind: UnitKind
    name: str = Field(min_length=1)
    parent: Reference | None = None
    district: Reference | None = None
    sor: list[Sor] = []
    private: bool = False
    active: bool = True


class FileSeat(InFile):
    """A named person's seat."""

    professional: Reference
    unit: Reference


class FileOwnSeat(InFile):
    """A seat of the professional it stands under. `function`: in FK Organisation the OrganisatoriskFunktion's UUID."""

    unit: Reference
    leads: bool = False
    deputy: FileSeat | None = None
    function: UUID | None = None


class FileCompetence(InFile):
    """What the professional is trained in, first and last day included."""

    competence: Code
    from_on: date
    until_on: date | None = None


class FileAbsence(InFile):
    """Days away, first and last included. Without `id` it is known again by professional and first day."""

    id: UUID | None = None
    from_on: date
    until_on: date | None = None
    deputy: FileSeat | None = None


class FileProfessional(InFile):
    """`login` is the provider's `sub`; `username` is what the person types there: a name to refer by in this file, not kept.

    `id`: in FK Organisation the Bruger's UUID. A list that is there is the whole list of this person; of absences, of those
    that a system said and no person registered.
    """

    id: UUID
    username: str | None = None
    municipality: MunicipalityCode
    name: str = Field(min_length=1)
    email: str | None = Field(None, pattern=r"^[^@\s]+@[^@\s]+$")
    issuer: str | None = None
    login: str | None = None
    administers: bool = False
    seats: list[FileOwnSeat] = []
    competences: list[FileCompetence] = []
    absences: list[FileAbsence] = []


class FileIntake(InFile):
    """`unit` is the intake's own; without `district` it is the whole municipality's."""

    unit: Reference
    municipality: MunicipalityCode
    district: Reference | None = None
    lead: FileSeat
    deputy: FileSeat
    leader: FileSeat


class FileClient(InFile):
    """A system with its own key at the provider."""

    id: UUID
    client_id: ClientId
    kind: ClientKind
    municipality: MunicipalityCode | None = None
    organisation: Code | None = None
    sends_for: list[str] = []
    roles: list[Code] = []
    active: bool = True


class File(InFile):
    """A whole file, or a part of what stands. `issuer`: the log-in provider of every professional who names none."""

    issuer: str | None = None
    municipalities: list[FileMunicipality] = []
    units: list[FileUnit] = []
    professionals: list[FileProfessional] = []
    intakes: list[FileIntake] = []
    clients: list[FileClient] = []


_ENTRIES: Mapping[str, type[InFile]] = {
    "municipalities": FileMunicipality,
    "units": FileUnit,
    "professionals": FileProfessional,
    "intakes": FileIntake,
    "clients": FileClient,
}
# Lists of rows that are each right or wrong by themselves.
_ROWS = ("seats", "competences", "absences")
# What an entry may be referred to by, also where the entry itself is wrong: its followers are not wrong for it.
_NAMES = ("id", "key", "username", "client_id", "code")


@dataclass
class Sieved:
    """What fits, with the places of what does not."""

    file: File
    wrong: list[Place] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)
    _kept: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def numbered(self, at: str, entries: Sequence[Entry]) -> Iterable[tuple[int, Entry]]:
        """Entries of a list, named by its path, with the numbers they have in the file."""
        return zip(self._kept[at], entries, strict=True) if at in self._kept else enumerate(entries)

    def dropped(self, at: str) -> bool:
        """Whether some entry of a list could not be read."""
        return at in self._kept


def sieved(content: object) -> Sieved:
    """The file as far as it can be read; never raises, so that what is wrong is told together with what leads nowhere."""
    try:
        return Sieved(File.model_validate(content))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
    wrong = [Place(path_of(each["loc"]), each["msg"]) for each in found]
    if not isinstance(content, Mapping):
        return Sieved(File(), wrong)
    return _Sieve(content, [each["loc"] for each in found]).sieved(wrong)


class _Sieve:
    """Drops as little as can be: a field that may be left out, else a row of a professional's, else the whole entry."""

    def __init__(self, content: Mapping[str, Any], spoilt: Iterable[tuple[int | str, ...]]) -> None:
        self._content = content
        self._spoilt = {self._least(location) for location in spoilt}
        self._kept: dict[str, list[int]] = {}
        self._excused: set[str] = set()

    def sieved(self, wrong: list[Place]) -> Sieved:
        fitting: dict[str, Any] = {
            name: list(self._entries(name)) for name in _ENTRIES if isinstance(self._content.get(name), list)
        }
        if ("issuer",) not in self._spoilt:
            fitting["issuer"] = self._content.get("issuer")
        return Sieved(File.model_validate(fitting), wrong, self._excused, self._kept)

    def _least(self, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
        model = _ENTRIES.get(str(location[0]))
        if model is None or len(location) < 3:
            return location[:2]
        known = model.model_fields.get(str(location[2]))
        if known is not None and known.is_required():
            return location[:2]
        return location[:4] if location[2] in _ROWS and len(location) > 3 else location[:3]

    def _entries(self, name: str) -> Iterable[Any]:
        entries = self._content[name]
        for number in self._numbers(name, (name,), entries):
            entry = entries[number]
            dropped = {field for field in entry if (name, number, field) in self._spoilt}
            for rows in [rows for rows in _ROWS if isinstance(entry.get(rows), list) and rows not in dropped]:
                at = f"{name}[{number}].{rows}"
                entry = {**entry, rows: [entry[rows][row] for row in self._numbers(at, (name, number, rows), entry[rows])]}
            yield {field: value for field, value in entry.items() if field not in dropped}

    def _numbers(self, at: str, location: tuple[int | str, ...], entries: list[Any]) -> list[int]:
        gone = [number for number in range(len(entries)) if (*location, number) in self._spoilt]
        self._excused |= {alias for number in gone for alias in _aliases(entries[number])}
        kept = [number for number in range(len(entries)) if number not in set(gone)] if gone else list(range(len(entries)))
        if gone:
            self._kept[at] = kept
        return kept


def _aliases(entry: object) -> set[str]:
    return {str(entry[name]) for name in _NAMES if entry.get(name) is not None} if isinstance(entry, Mapping) else set()


def refused(places: Sequence[Place], where: Callable[[str], str] = str) -> TheFileCannotBeImported:
    """All of them at once, as a reader finds them: `where` makes of a path what the file itself calls the place."""
    told = [
        {"at": where(place.at), "says": f"{place.says} {where(place.also)}" if place.also else place.says}
        for place in dict.fromkeys(places)
    ]
    count = "One place" if len(told) == 1 else f"{len(told):,} places"
    lines = [f"  {place['at']}: {place['says']}" for place in told[:_SHOWN]]
    more = [f"  … and {len(told) - _SHOWN:,} more"] if len(told) > _SHOWN else []
    says = "\n".join([f"{count} must be put right; nothing was written.", *lines, *more])
    return TheFileCannotBeImported(says, places=told[:_SHOWN])


def in_words_of_the_contract(path: str) -> str:
    """A path without names that only the caller gave: they are not repeated over HTTP."""
    return ".".join(part if part.partition("[")[0] in _WORDS else "?" for part in path.split("."))


def path_of(location: Iterable[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the file"


_MODELS = (
    File,
    FileMunicipality,
    FileUnit,
    FileSeat,
    FileOwnSeat,
    FileCompetence,
    FileAbsence,
    FileProfessional,
    FileIntake,
    FileClient,
)
_WORDS = frozenset(name for model in _MODELS for name in model.model_fields) | {"the file"}
