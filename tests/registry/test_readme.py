"""The page on the baton shows the table that the rules read."""

from pathlib import Path
from typing import get_args

from services import registry
from services.registry.domain.table import CASE, HANDOVER, Who, diagrams

PAGE = (Path(registry.__file__).parent / "README.md").read_text()


def test_the_state_diagrams_are_the_table_s() -> None:
    for diagram in diagrams().split("\n\n"):
        assert diagram in PAGE, f"put this into services/registry/README.md:\n{diagram}"


def test_every_act_has_somebody_who_may_make_it() -> None:
    steps = [*CASE.values(), *HANDOVER.values()]

    assert [step for step in steps if not step.who or not step.who <= set(get_args(Who))] == []
