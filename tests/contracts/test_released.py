"""What was released can be read for ever: a schema of today accepts all that a released one allowed."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services import contracts
from services.events import event_types

FOLDER = Path(__file__).resolve().parents[2] / "contracts"
CHANGED = event_types()["dk.tovholder.registry.tovholder_changed.v1"]


def schema() -> dict[str, Any]:
    return copy.deepcopy(contracts.schema(CHANGED))


def data(of: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = of["properties"]["data"]
    return found


def test_every_released_schema_is_kept() -> None:
    broken = {
        f"{path.parents[1].name}/{path.name}": ["is gone"]
        if not (FOLDER / "events" / path.name).exists()
        else contracts.broken_promises(json.loads(path.read_text()), json.loads((FOLDER / "events" / path.name).read_text()))
        for path in (FOLDER / "released").glob("*/events/*.json")
    }

    assert {name: promises for name, promises in broken.items() if promises} == {}


def test_the_folder_says_what_a_release_puts_there() -> None:
    assert "tovholder contracts" in (FOLDER / "released" / "README.md").read_text()


@pytest.mark.parametrize("event", contracts.published(), ids=lambda event: event.type)
def test_a_schema_keeps_its_own_promises(event: Any) -> None:
    assert contracts.broken_promises(contracts.schema(event), contracts.schema(event)) == []


def add_optional(new: dict[str, Any]) -> None:
    data(new)["properties"]["deputy"] = {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}], "default": None}


def add_code(new: dict[str, Any]) -> None:
    data(new)["properties"]["why"]["enum"].append("lottery")


def make_optional(new: dict[str, Any]) -> None:
    data(new)["required"].remove("since")


def allow_null(new: dict[str, Any]) -> None:
    data(new)["properties"]["since"] = {"anyOf": [data(new)["properties"]["since"], {"type": "null"}]}


@pytest.mark.parametrize("change", [add_optional, add_code, make_optional, allow_null], ids=lambda change: change.__name__)
def test_what_only_allows_more_breaks_nothing(change: Callable[[dict[str, Any]], None]) -> None:
    new = schema()

    change(new)

    assert contracts.broken_promises(schema(), new) == []


def drop_field(new: dict[str, Any]) -> None:
    del data(new)["properties"]["handover"]


def require_field(new: dict[str, Any]) -> None:
    data(new)["required"].append("handover")


def drop_code(new: dict[str, Any]) -> None:
    data(new)["properties"]["why"]["enum"].remove("merge")


def change_type(new: dict[str, Any]) -> None:
    data(new)["properties"]["since"] = {"type": "integer"}


def change_format(new: dict[str, Any]) -> None:
    data(new)["properties"]["since"]["format"] = "date"


def narrow_pattern(new: dict[str, Any]) -> None:
    data(new)["properties"]["municipality"]["pattern"] = r"^0\d{3}$"


def forbid_null(new: dict[str, Any]) -> None:
    data(new)["properties"]["before"] = {"$ref": "#/$defs/Seat"}


def require_within(new: dict[str, Any]) -> None:
    new["$defs"]["Seat"]["properties"]["district"] = {"type": "string"}
    new["$defs"]["Seat"]["required"].append("district")


def rename_type(new: dict[str, Any]) -> None:
    new["properties"]["type"]["const"] = "dk.tovholder.registry.holder_changed.v1"


@pytest.mark.parametrize(
    "change",
    [drop_field, require_field, drop_code, change_type, change_format, narrow_pattern, forbid_null, require_within, rename_type],
    ids=lambda change: change.__name__,
)
def test_what_refuses_yesterday_s_events_is_named(change: Callable[[dict[str, Any]], None]) -> None:
    new = schema()

    change(new)

    assert len(contracts.broken_promises(schema(), new)) >= 1
