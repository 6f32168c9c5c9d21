"""What a structured notification may say."""

from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.midwife.fhir.codes import CPR, D_ECPR_OF_REGION, X_ECPR
from services.midwife.schemas import NotificationIn, PlacementIn

A_MOTHER = {"identifiers": [{"system": X_ECPR, "value": "0703921VJ4"}]}


def said(**more: Any) -> dict[str, Any]:
    return {"kind": "pregnancy", "message_id": str(uuid4()), "receiver": {"sor": "999990000000002"}, "mother": A_MOTHER, **more}


def born(order: int, **more: Any) -> dict[str, Any]:
    return {"order": order, "born_at": "2026-03-01T04:05:00+01:00", **more}


def kinds_of(content: dict[str, Any]) -> set[str]:
    with pytest.raises(ValidationError) as refused:
        NotificationIn.model_validate(content)
    return {error["type"] for error in refused.value.errors()}


def test_a_number_without_modulus_11_is_a_number() -> None:
    mother = {"identifiers": [{"system": CPR, "value": "2509479989"}]}

    assert NotificationIn.model_validate(said(mother=mother)).mother.identifiers[0].value == "2509479989"


def test_a_mother_may_carry_several_numbers() -> None:
    numbers = [(CPR, "2509479989"), (X_ECPR, "0703921VJ4"), (D_ECPR_OF_REGION["Sjælland"], "1206550VK9")]
    mother = {"identifiers": [{"system": system, "value": value} for system, value in numbers]}

    found = NotificationIn.model_validate(said(mother=mother)).mother.identifiers

    assert [(each.system, each.value) for each in found] == numbers


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"mother": {"identifiers": []}}, "too_short"),
        ({"mother": {"identifiers": [{"system": CPR, "value": "12"}]}}, "identifier_form"),
        ({"mother": {"identifiers": [{"system": "cpr", "value": "2509479989"}]}}, "string_pattern_mismatch"),
        ({"mother": {**A_MOTHER, "nickname": "x"}}, "extra_forbidden"),
        ({"kind": "adoption"}, "literal_error"),
        ({"kind": "birth"}, "birth_without_child"),
        ({"children": [born(1)]}, "pregnancy_with_children"),
        ({"kind": "birth", "children": [born(1), born(1)]}, "order_of_children"),
        ({"kind": "birth", "children": [born(1), born(3)]}, "order_of_children"),
        ({"kind": "birth", "children": [born(1, born_at="2026-03-01T04:05:00")]}, "timezone_aware"),
        ({"kind": "birth", "children": [born(1, sex="m")]}, "literal_error"),
        ({"receiver": {"sor": "Hjørring"}}, "string_pattern_mismatch"),
        ({"receiver": {}}, "missing"),
        ({"assessment": {"care_level": 5}}, "less_than_equal"),
        ({"assessment": {"text": "x" * 10_001}}, "string_too_long"),
        ({"message_id": "17"}, "uuid_parsing"),
        ({"due_on": "next week"}, "date_from_datetime_parsing"),
        ({"surprise": 1}, "extra_forbidden"),
    ],
)
def test_what_breaks_the_contract_is_refused(change: dict[str, Any], kind: str) -> None:
    assert kind in kinds_of(said(**change))


def test_no_notification_corrects_itself() -> None:
    own = str(uuid4())

    assert kinds_of(said(message_id=own, corrects=own)) == {"corrects_itself"}


@pytest.mark.parametrize(
    "content",
    [
        {"placement": "existing"},
        {"placement": "not-ours", "child": str(uuid4())},
        {"placement": "expected"},
        {"placement": "existing", "child": str(uuid4()), "mother": A_MOTHER},
        {"placement": "elsewhere"},
    ],
)
def test_a_placement_says_exactly_what_it_needs(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlacementIn.model_validate(content)
