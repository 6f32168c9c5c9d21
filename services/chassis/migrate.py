"""Brings a database up to the code: roles, clock, each service's schema by Alembic, as an owner whom row-level security binds."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from services.chassis.settings import Settings

OWNER = "tovholder_owner"
BUS = "tovholder_bus"

_ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine
schema = context.config.get_main_option("schema")
with create_engine(context.config.get_main_option("sqlalchemy.url").replace("%%", "%")).connect() as connection:
    context.configure(connection=connection, version_table=f"version_{schema}", version_table_schema="chassis")
    with context.begin_transaction():
        context.run_migrations()
"""

_REVISION = """
revision = "{schema}_{number}"
down_revision = {before!r}

def upgrade():
    from alembic import op
    op.get_bind().connection.driver_connection.execute({statements!r}.encode())
"""


def prepare(admin: str, settings: Settings, services: Sequence[str]) -> None:
    """Roles and database, as an administrator. `admin`: a connection string to any database of the cluster. Repeatable.

    Neither login role of a service owns anything; the owner is NOSUPERUSER NOBYPASSRLS: FORCE ROW LEVEL SECURITY binds it too.
    """
    roles = [OWNER, BUS, *(f"{service}_{kind}" for service in services for kind in ("api", "machine"))]
    with psycopg.connect(admin, autocommit=True) as connection:
        for role in roles:
            exists = connection.execute("select 1 from pg_roles where rolname = %s", (role,)).fetchone()
            statement = (
                "alter role {} login nosuperuser nobypassrls nocreaterole nocreatedb password {}"
                if exists
                else "create role {} login nosuperuser nobypassrls password {}"
            )
            connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(settings.secrets.password(role))))
        if not connection.execute("select 1 from pg_database where datname = %s", (settings.database_name,)).fetchone():
            connection.execute(
                sql.SQL("create database {} owner {}").format(sql.Identifier(settings.database_name), sql.Identifier(OWNER))
            )
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(settings.database_name)))
        connection.execute(
            sql.SQL("grant connect on database {} to {}").format(
                sql.Identifier(settings.database_name), sql.SQL(", ").join(map(sql.Identifier, roles))
            )
        )


class TheClockStaysAsItIs(RuntimeError):
    """A database with children in it gets no movable clock."""


def migrate(settings: Settings, services: Sequence[str], movable_clock: bool = False) -> None:
    """Runs what is missing, service by service, one process at a time. `movable_clock` is for tests and demos.

    TheClockStaysAsItIs where a movable one is asked for and the database already has children.
    """
    with psycopg.connect(owner_dsn(settings), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtextextended('tovholder migrate', 0))")
        with connection.transaction():
            _install_clock(connection, movable_clock)
        for service in services:
            _upgrade(settings, service)


def _install_clock(connection: psycopg.Connection, movable: bool) -> None:
    connection.execute("set local client_min_messages = warning")
    row = connection.execute("select to_regclass('chassis.clock'), to_regclass('registry.child')").fetchone()
    assert row is not None, "one row always"
    has_movable, has_children = row
    if has_movable:
        return
    connection.execute(_text("chassis", "database.sql").encode())
    if movable:
        if has_children and connection.execute("select exists (select from registry.child)").fetchone() == (True,):
            raise TheClockStaysAsItIs("This database already has children: its clock stays as it is.")
        connection.execute(_text("chassis", "movable_clock.sql").encode())


def owner_dsn(settings: Settings) -> str:
    password = quote(settings.secrets.password(OWNER), safe="")
    return f"postgresql://{OWNER}:{password}@{settings.database_host}:{settings.database_port}/{settings.database_name}"


def _upgrade(settings: Settings, service: str) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "versions").mkdir()
        (place / "env.py").write_text(_ENVIRONMENT)
        before = None
        for number, statements in _revisions(service):
            (place / "versions" / f"{number}.py").write_text(
                _REVISION.format(schema=service, number=number, before=before, statements=statements)
            )
            before = f"{service}_{number}"
        config = Config()
        config.set_main_option("script_location", str(place))
        config.set_main_option(
            "sqlalchemy.url", owner_dsn(settings).replace("postgresql://", "postgresql+psycopg://").replace("%", "%%")
        )
        config.set_main_option("schema", service)
        command.upgrade(config, "head")


def _revisions(service: str) -> list[tuple[str, str]]:
    """The service's SQL files in order; the first brings the chassis' tables, `-- chassis: NAME` in a later one a later file."""
    found = []
    for path in sorted(
        (file for file in files(f"services.{service}").joinpath("migrations").iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    ):
        own = path.read_text()
        first_line = own.splitlines()[0] if own else ""
        chassis = (
            "0001.sql"
            if path.name.startswith("0001")
            else first_line.removeprefix("-- chassis: ").strip()
            if first_line.startswith("-- chassis: ")
            else None
        )
        shared = _text("chassis", chassis).replace("{{schema}}", service) if chassis else ""
        found.append((path.name.removesuffix(".sql"), f"{shared}\nset local search_path = {service};\n{own}"))
    return found


def _text(package: str, name: str) -> str:
    return files(f"services.{package}").joinpath("migrations").joinpath(name).read_text()
