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
    """A place, as `professionals[3].seats[0].unit`, and what is wrong there; never the content itself. `also`: the other place."""

    at: str
    says: str
    also: str | None = None


class InFile(BaseModel):
    """A field that is left out says nothing: what stands, stands. One that is null or empty takes away."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=False)


class FileMunicipality(InFile):
    """`complete`: the file names everybody; who is missing is leaving, what is missing is no longer active."""

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


LISTS: tuple[str, ...] = tuple(name for name in File.model_fields if name != "issuer")
# What an entry may be referred to by, also where the entry itself is wrong: its followers are not wrong for it.
_NAMES = ("id", "key", "username", "client_id", "code")


@dataclass
class Sieved:
    """The entries that fit, with the places of those that do not."""

    file: File
    wrong: list[Place] = field(default_factory=list)
    excused: set[str] = field(default_factory=set)
    _kept: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def numbered(self, name: str, entries: Sequence[Entry]) -> Iterable[tuple[int, Entry]]:
        """Entries of a list with the numbers they have in the file."""
        return zip(self._kept[name], entries, strict=True) if name in self._kept else enumerate(entries)


def sieved(content: object) -> Sieved:
    """The file as far as it can be read; never raises, so that what is wrong is told together with what leads nowhere."""
    try:
        return Sieved(File.model_validate(content))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
    wrong = [Place(path_of(each["loc"]), each["msg"]) for each in found]
    if not isinstance(content, Mapping):
        return Sieved(File(), wrong)
    spoilt = {each["loc"][:2] for each in found}
    fitting: dict[str, Any] = {"issuer": content.get("issuer")} if not any(loc[0] == "issuer" for loc in spoilt) else {}
    kept: dict[str, list[int]] = {}
    excused: set[str] = set()
    for name in LISTS:
        entries = content.get(name, [])
        if not isinstance(entries, list):
            continue
        kept[name] = [number for number in range(len(entries)) if (name, number) not in spoilt]
        fitting[name] = [entries[number] for number in kept[name]]
        excused |= {alias for loc, number in _pairs(spoilt) if loc == name for alias in _aliases(entries[number])}
    return Sieved(File.model_validate(fitting), wrong, excused, kept)


def _pairs(places: Iterable[tuple[int | str, ...]]) -> Iterable[tuple[str, int]]:
    return ((str(loc[0]), loc[1]) for loc in places if len(loc) == 2 and isinstance(loc[1], int))


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


def path_of(location: Iterable[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path or "the file"
