"""The directory's tables as SQLModel knows them; a test compares them with what the migrations make."""

from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, CHAR, Column, Date, DateTime, MetaData, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

METADATA = MetaData()


class _Table(SQLModel):
    metadata: ClassVar[MetaData] = METADATA


class MunicipalityRow(_Table, table=True):
    """A municipality and its rules; `enabled` is the operator's word, `active` what follows from the intake."""

    __tablename__ = "municipality"

    code: str = Field(sa_type=CHAR(4), primary_key=True)
    name: str = Field(sa_type=Text)
    enabled: bool
    active: bool
    answer_working_days: int
    remind_working_days_before: int
    escalate_working_days: int
    absence_limit_days: int
    support_days: int
    closing_days: list[date] = Field(sa_column=Column(ARRAY(Date), nullable=False))
    hospital_notification_basis: bool
    closing_age: int


class UnitRow(_Table, table=True):
    """A team, institution, dagpleje group or ward: of a municipality or of another organisation."""

    __tablename__ = "unit"

    id: UUID = Field(primary_key=True)
    municipality: str | None = Field(sa_type=CHAR(4), foreign_key="municipality.code", index=False)
    organisation: str | None = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    parent: UUID | None = Field(foreign_key="unit.id")
    district: UUID | None = Field(foreign_key="unit.id")
    private: bool
    active: bool


class SorNumberRow(_Table, table=True):
    """A SOR number stands for one unit."""

    __tablename__ = "sor_number"

    sor: str = Field(sa_type=Text, primary_key=True)
    unit: UUID = Field(foreign_key="unit.id")
    municipality: str | None = Field(sa_type=CHAR(4))


class EmployeeRow(_Table, table=True):
    """A professional with name and e-mail, which stand here and nowhere else."""

    __tablename__ = "employee"

    id: UUID = Field(primary_key=True)
    municipality: str = Field(sa_type=CHAR(4), foreign_key="municipality.code")
    name: str = Field(sa_type=Text)
    email: str | None = Field(sa_type=Text)
    issuer: str | None = Field(sa_type=Text)
    login: str | None = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    leaving_on: date | None
    administers: bool


class SeatRow(_Table, table=True):
    """A professional's place in a unit, and who answers for them there when they are absent."""

    __tablename__ = "seat"

    professional: UUID = Field(primary_key=True, foreign_key="employee.id")
    unit: UUID = Field(primary_key=True, foreign_key="unit.id")
    municipality: str = Field(sa_type=CHAR(4))
    leads: bool
    deputy: UUID | None
    deputy_unit: UUID | None
    function: UUID | None


class CompetenceRow(_Table, table=True):
    """What a professional is trained in, from its first to its last day."""

    __tablename__ = "competence"

    professional: UUID = Field(primary_key=True, foreign_key="employee.id")
    competence: str = Field(sa_type=Text, primary_key=True)
    from_on: date = Field(primary_key=True)
    until_on: date | None
    municipality: str = Field(sa_type=CHAR(4))


class IntakeRow(_Table, table=True):
    """Who takes in the children of a municipality (`district` null) or of one district."""

    __tablename__ = "intake"
    __table_args__ = (
        UniqueConstraint("municipality", "district", name="one_intake_per_district", postgresql_nulls_not_distinct=True),
    )

    unit: UUID = Field(primary_key=True, foreign_key="unit.id")
    municipality: str = Field(sa_type=CHAR(4), foreign_key="municipality.code")
    district: UUID | None = Field(foreign_key="unit.id")
    lead: UUID
    lead_unit: UUID
    deputy: UUID
    deputy_unit: UUID
    leader: UUID
    leader_unit: UUID


class AbsenceRow(_Table, table=True):
    """An absence from `from_on` to `until_on`, both included; `ended_on` is the first day back."""

    __tablename__ = "absence"

    id: UUID = Field(primary_key=True)
    professional: UUID = Field(foreign_key="employee.id")
    municipality: str = Field(sa_type=CHAR(4))
    from_on: date
    until_on: date | None
    deputy: UUID | None
    deputy_unit: UUID | None
    ended_on: date | None
    registered_by: UUID | None
    registered_at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))


class SystemRow(_Table, table=True):
    """A system that calls with its own key."""

    __tablename__ = "system"

    client_id: str = Field(sa_type=Text, primary_key=True)
    id: UUID = Field(unique=True)
    kind: str = Field(sa_type=Text)
    municipality: str | None = Field(sa_type=CHAR(4), foreign_key="municipality.code")
    organisation: str | None = Field(sa_type=Text)
    sends_for: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    active: bool


class ChangeRow(_Table, table=True):
    """A line of the history: who changed what, and when."""

    __tablename__ = "change"

    id: UUID = Field(primary_key=True)
    municipality: str = Field(sa_type=CHAR(4))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), nullable=False))
    by_professional: UUID | None
    by_system: str | None = Field(sa_type=Text)
    sign: str = Field(sa_type=CHAR(1))
    kind: str = Field(sa_type=Text)
    key: str = Field(sa_type=Text)
    says: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
