"""Two clocks: promises follow one that tests can move, leases and log-ins follow the real one; working days are Copenhagen's."""

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from services.chassis.calendar import after_working_days, date_of, is_working_day, start_of
from services.chassis.ids import new_id
from services.chassis.migrate import TheClockStaysAsItIs, migrate, owner_dsn, prepare
from tests.support.rails import NAMES, Ground, Rails


@pytest.fixture
def fresh(ground: Ground):  # type: ignore[no-untyped-def]
    settings = ground.settings(f"clock_{uuid.uuid4().hex[:12]}")
    prepare(ground.server.dsn(), settings, NAMES)
    yield settings
    ground.drop(settings.database_name)


def clock_moves(settings) -> bool:  # type: ignore[no-untyped-def]
    with psycopg.connect(owner_dsn(settings)) as connection:
        return connection.execute("select to_regclass('chassis.clock') is not null").fetchone() == (True,)


def test_a_production_migration_installs_no_movable_clock(fresh) -> None:  # type: ignore[no-untyped-def]
    migrate(fresh, [])
    migrate(fresh, [])

    assert not clock_moves(fresh)


def test_a_database_with_children_gets_no_movable_clock(fresh) -> None:  # type: ignore[no-untyped-def]
    migrate(fresh, [])
    with psycopg.connect(owner_dsn(fresh)) as connection:
        connection.execute("create schema registry; create table registry.child (id int); insert into registry.child values (1)")

    with pytest.raises(TheClockStaysAsItIs):
        migrate(fresh, [], movable_clock=True)

    assert not clock_moves(fresh)


def test_a_movable_clock_is_installed_where_it_is_asked_for(fresh) -> None:  # type: ignore[no-untyped-def]
    migrate(fresh, [], movable_clock=True)
    migrate(fresh, [], movable_clock=True)

    assert clock_moves(fresh)


async def test_log_ins_and_leases_outlive_a_year_s_jump_of_the_clock_of_promises(rails: Rails) -> None:
    subject, anna = new_id(), rails.anna
    await rails.say(subject, 1)
    await rails.settle()
    before = await rails.speaker.now()
    epochs = await rails.sql("listener", "select source, partition, epoch, until from position order by 1, 2")
    consumer, relay = rails.running.consumers["listener"], rails.running.relays["speaker"]

    await rails.sql("speaker", "update chassis.clock set moved_by = interval '1 year'")
    consumer._renew_at = relay._renew_at = 0.0
    await rails.say(subject, 2)
    await rails.settle()

    assert await rails.speaker.now() - before > timedelta(days=364)
    assert (await anna.get(f"/speaker/words/{subject}")).status == 404
    after = await rails.sql("listener", "select source, partition, epoch, until from position order by 1, 2")
    assert [tuple(row)[:3] for row in after] == [tuple(row)[:3] for row in epochs]
    assert all(row["until"] < datetime.now(UTC) + timedelta(minutes=1) for row in after)
    assert await rails.numbers(subject) == [1, 2]


async def test_an_application_role_cannot_move_the_clock(rails: Rails) -> None:
    with pytest.raises(Exception, match="permission denied"):
        async with rails.speaker.transaction() as tx:
            await tx.execute("update chassis.clock set moved_by = interval '1 day'")


def test_a_working_day_is_no_weekend_no_holiday_and_no_closing_day() -> None:
    assert is_working_day(date(2026, 11, 23))
    assert not is_working_day(date(2026, 11, 22))
    assert not is_working_day(date(2026, 12, 25))
    assert not is_working_day(date(2026, 11, 23), [date(2026, 11, 23)])


def test_store_bededag_is_a_working_day_since_2024() -> None:
    # LOV nr. 214 af 06/03/2023: abolished from 2024. It fell on the fourth Friday after Easter.
    assert is_working_day(date(2024, 4, 26))
    assert not is_working_day(date(2023, 5, 5))


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (datetime(2026, 11, 20, 15, tzinfo=UTC), 1, date(2026, 11, 24)),
        (datetime(2026, 11, 20, 15, tzinfo=UTC), 5, date(2026, 11, 28)),
        (datetime(2026, 12, 23, 12, tzinfo=UTC), 1, date(2026, 12, 25)),
        (datetime(2026, 12, 24, 12, tzinfo=UTC), 1, date(2026, 12, 29)),
        (datetime(2026, 11, 24, 12, tzinfo=UTC), -1, date(2026, 11, 24)),
    ],
)
def test_a_deadline_is_the_end_of_the_nth_working_day(start: datetime, days: int, end: date) -> None:
    assert after_working_days(start, days) == start_of(end)


def test_a_day_begins_at_midnight_in_copenhagen() -> None:
    assert start_of(date(2026, 7, 1)).astimezone(UTC) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert date_of(datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) == date(2026, 7, 1)


def test_a_day_when_the_clocks_change_has_a_beginning_and_an_end() -> None:
    assert start_of(date(2026, 3, 30)) - start_of(date(2026, 3, 29)) == timedelta(days=1)
    assert start_of(date(2026, 3, 30)).astimezone(UTC) - start_of(date(2026, 3, 29)).astimezone(UTC) == timedelta(hours=23)


async def test_nothing_waits_for_ever_for_a_clock(rails: Rails) -> None:
    await asyncio.wait_for(rails.running.leaders["listener"].once(), 5)
