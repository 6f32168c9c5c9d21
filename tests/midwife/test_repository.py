"""PostgreSQL itself keeps each party to its own rows, whatever the code above asks for."""

import pytest

from services.chassis.party import Party
from tests.midwife.ward import Ward

TABLES = ("message", "sending", "notification")


@pytest.mark.parametrize(
    ("party", "sees"),
    [
        (Party("organisation", organisation="region-hav"), True),
        (Party("municipality", municipality="0990"), True),
        (Party("service"), True),
        (Party("organisation", organisation="vans"), False),
        (Party("municipality", municipality="0991"), False),
        (Party("family"), False),
    ],
)
async def test_sender_and_receiver_see_a_message_and_nobody_else(ward: Ward, party: Party, sees: bool) -> None:
    await ward.send(ward.letter())

    async with ward.world.store("midwife").transaction(party) as tx:
        counted = [await tx.fetchval(f"select count(*) from {table}") for table in TABLES]  # noqa: S608 - our names

    assert counted == [int(sees)] * len(TABLES)
