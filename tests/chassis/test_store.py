"""Connections to PostgreSQL are few: whoever has to wait too long, or comes when too many wait, is told so."""

import asyncio

import pytest

from services.chassis.errors import TryAgainSoon
from services.chassis.store import LINE, Pool
from tests.support.rails import Rails


async def test_whoever_comes_when_the_line_is_long_is_told_so_at_once_and_those_in_it_are_served(rails: Rails) -> None:
    pool, served = Pool(rails.settings, "speaker_api", "speaker", 1), 0

    async def asks() -> None:
        nonlocal served
        async with pool.connection() as connection:
            served += await connection.fetchval("select 1")

    async with pool.connection():
        line = [asyncio.create_task(asks()) for _ in range(LINE)]
        await asyncio.sleep(0)

        with pytest.raises(TryAgainSoon, match="More ask"):
            await asks()
    await asyncio.gather(*line)
    await pool.close()

    assert served == LINE
