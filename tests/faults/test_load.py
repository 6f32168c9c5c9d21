"""What the clients of a fault run do, between them, is everything that can be asked of the registry."""

import random
from types import SimpleNamespace
from typing import Any

from tests.faults.load import Load


def test_people_services_and_operators_between_them_use_every_address_of_the_registry() -> None:
    nowhere: Any = SimpleNamespace(names={})

    load = Load(nowhere, random.Random(1), aim=1.0)

    assert load.asked_for() == load.addresses.all
