"""What SQLModel knows and what the migrations make are the same tables."""

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from services.chassis.migrate import owner_dsn
from services.directory.tables import METADATA
from tests.support.world import World


def differences(world: World) -> list[object]:
    address = owner_dsn(world.settings).replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(address, connect_args={"options": "-csearch_path=directory"})

    def ours(name: str | None, kind: str, _: object) -> bool:
        # Indexes are for speed and stand in the migrations alone.
        return kind not in ("table", "index") or (kind == "table" and name in METADATA.tables)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
        found: list[object] = compare_metadata(context, METADATA)
    engine.dispose()
    return found


async def test_sqlmodel_and_the_migrated_database_say_the_same(world: World) -> None:
    assert differences(world) == []


async def test_a_column_that_only_the_database_has_is_noticed(world: World) -> None:
    with psycopg.connect(owner_dsn(world.settings), autocommit=True) as connection:
        connection.execute("alter table directory.employee add column shoe_size int")

    assert len(differences(world)) == 1
