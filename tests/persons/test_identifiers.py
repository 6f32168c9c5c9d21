"""The numbers people are known by."""

import pytest

from services.persons.domain.identifiers import CPR, D_ECPR, X_ECPR, AnIdentifierHasTheFormOfItsSystem, Identifier, preferred


@pytest.mark.parametrize("value", ["2509479989", "0101010000", "6703921234", "250947-9989", " 250947 9989 "])
def test_a_cpr_number_is_a_date_and_four_digits_and_modulus_11_is_never_asked(value: str) -> None:
    assert Identifier.of(CPR, value).kind == "cpr"


@pytest.mark.parametrize(
    ("system", "value"),
    [(CPR, "3213011234"), (CPR, "250947998"), (CPR, "0001010000"), (X_ECPR, "2509479989"), (D_ECPR + ".177", "0703921VJ4")],
)
def test_a_number_not_written_as_its_system_demands_is_refused(system: str, value: str) -> None:
    with pytest.raises(AnIdentifierHasTheFormOfItsSystem):
        Identifier.of(system, value)


def test_a_cpr_number_without_modulus_11_is_worth_a_second_look_and_no_more() -> None:
    assert Identifier.of(CPR, "2509479989").lacks_modulus_11
    assert not Identifier.of(CPR, "0707614285").lacks_modulus_11


def test_the_same_regional_number_in_two_regions_is_two_identifiers() -> None:
    sjaelland, nordjylland = Identifier.of(D_ECPR + ".177", "1206550VK9"), Identifier.of(D_ECPR + ".179", "1206550VK9")

    assert sjaelland.kind == nordjylland.kind == "d-ecpr"
    assert sjaelland != nordjylland


def test_a_number_is_the_same_however_it_is_written() -> None:
    assert Identifier.of(X_ECPR, "070392-1vj4") == Identifier.of(X_ECPR, "0703921VJ4")


def test_cpr_goes_before_every_replacement() -> None:
    cpr, national = Identifier.of(CPR, "0703921234"), Identifier.of(X_ECPR, "0703921VJ4")
    regional = Identifier.of(D_ECPR + ".181", "0703920VJ4")

    assert preferred([regional, national, cpr]) == [cpr, national, regional]


def test_what_came_in_an_acknowledged_message_is_kept_as_it_came() -> None:
    assert Identifier.as_told(CPR, "unreadable").value == "unreadable"
