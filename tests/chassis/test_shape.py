"""What holds for the chassis' own code: who reads the environment, and how ids and partitions are made."""

import ast
from pathlib import Path

from services.chassis.ids import new_id, partition_of

SERVICES = Path(__file__).resolve().parents[2] / "services"
# The program sets the width of its own tables; the demo and its servers hand an environment to child processes.
OUTSIDE_THE_PRODUCT = ("demo", "__main__.py")


def _reads_environment(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(name.name in ("environ", "getenv") for name in node.names)
        )
        or (isinstance(node, ast.Name) and node.id == "BaseSettings")
        for node in ast.walk(tree)
    )


def test_settings_is_the_only_reader_of_the_environment() -> None:
    readers = {
        str(path.relative_to(SERVICES))
        for path in SERVICES.rglob("*.py")
        if path.relative_to(SERVICES).parts[0] not in OUTSIDE_THE_PRODUCT and _reads_environment(ast.parse(path.read_text()))
    }

    assert readers == {"chassis/settings.py"}


def test_ids_are_unique_and_in_the_order_of_time() -> None:
    made = [new_id() for _ in range(1000)]

    assert len(set(made)) == 1000
    assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)
    assert {(one.version, one.variant) for one in made} == {(7, "specified in RFC 4122")}


def test_subjects_spread_over_the_partitions() -> None:
    counts = [0] * 8
    for _ in range(4000):
        counts[partition_of(new_id(), 8)] += 1

    assert min(counts) > 350
