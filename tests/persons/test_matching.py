"""Who a notification is about: one child per child, whatever is told, how often, and in whatever order."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.events.persons import ChildCorrected, ChildIdentified, MoveProposed, PartiesIdentified
from services.persons.domain.identifiers import CPR, X_ECPR, Identifier
from services.persons.domain.matching import (
    AChildIsKnownByAnIdentifierOrByItsMother,
    Known,
    Owner,
    Told,
    ToldChild,
    decide,
    elsewhere,
    said,
    said_of_a_move,
)
from tests.persons.family_book import FamilyBook

UNIT = UUID(int=77)
REPLACEMENT, MOTHER = Identifier(X_ECPR, "0703921VJ4"), Identifier(CPR, "0703921234")
TWIN_A, TWIN_B, WRONG = Identifier(CPR, "0106270001"), Identifier(CPR, "0106270002"), Identifier(CPR, "0106270009")
BORN = datetime(2027, 6, 1, 4, 30, tzinfo=UTC)
DUE = date(2027, 6, 9)
_NUMBERS = count(1)


def pregnancy(due: date | None = DUE, at: datetime | None = None, mother: tuple[Identifier, ...] = (REPLACEMENT,)) -> Told:
    number = UUID(int=next(_NUMBERS))
    return Told("pregnancy", "0990", UNIT, at or BORN - timedelta(days=60), mother, (), due, number, number)


def birth(*children: ToldChild, at: datetime | None = None, mother: tuple[Identifier, ...] = (REPLACEMENT,)) -> Told:
    number = UUID(int=next(_NUMBERS))
    return Told("birth", "0990", UNIT, at or BORN + timedelta(hours=2), mother, children, None, number, number)


def correction(of: Told, *children: ToldChild, at: datetime | None = None, mother: tuple[Identifier, ...] | None = None) -> Told:
    told_at = at or of.told_at + timedelta(hours=1)
    return replace(
        of,
        notification=UUID(int=next(_NUMBERS)),
        children=children,
        told_at=told_at,
        mother=of.mother if mother is None else mother,
    )


def child(order: int, *identifiers: Identifier, born_at: datetime | None = BORN, sex: str | None = None) -> ToldChild:
    return ToldChild(order, identifiers, sex, born_at)


def test_a_new_message_on_the_same_pregnancy_gives_one_child() -> None:
    book = FamilyBook()

    book.hear(pregnancy())
    book.hear(pregnancy(due=DUE + timedelta(days=12)))

    (only,) = book.children.values()
    assert (only.status, only.value("due_on")) == ("expected", DUE + timedelta(days=12))


def test_at_birth_the_expected_child_is_the_first_and_siblings_are_new() -> None:
    book = FamilyBook()
    book.hear(pregnancy())
    (expected,) = book.children

    found = book.hear(birth(child(1), child(2)))

    assert found is not None
    first, second = found.children
    assert (first.after.id, first.after.status, first.after.order) == (expected, "born", 1)
    assert second.before is None
    assert second.after.pregnancy == expected


def test_the_siblings_events_name_the_child_whose_tovholder_they_share() -> None:
    book = FamilyBook()
    book.hear(pregnancy())
    (expected,) = book.children
    told = birth(child(1), child(2))

    found = book.hear(told)

    assert found is not None
    ((subject, parties),) = said(told, found)
    assert isinstance(parties, PartiesIdentified)
    assert subject == expected
    assert [(it.new, it.status, it.sibling_of, it.born_on) for it in parties.children] == [
        (False, "born", None, date(2027, 6, 1)),
        (True, "born", expected, date(2027, 6, 1)),
    ]


def test_twins_never_announced_share_the_first_of_them() -> None:
    book = FamilyBook()

    found = book.hear(birth(child(1), child(2)))

    assert found is not None
    first, second = found.children
    assert first.after.pregnancy == second.after.pregnancy == first.after.id


def test_a_cpr_number_follows_the_replacement_on_the_same_child() -> None:
    book = FamilyBook()
    temporary = Identifier(X_ECPR, "0106271AB3")
    book.hear(birth(child(1, temporary)))
    told = birth(child(1, temporary, TWIN_A))

    found = book.hear(told)

    assert found is not None
    (only,) = book.children.values()
    assert set(only.claims) == {temporary, TWIN_A}
    assert [event for _, event in said(told, found)][1:] == [ChildIdentified(child=only.id, municipality="0990", kinds=["cpr"])]


def test_a_mothers_cpr_number_follows_her_replacement_on_the_same_woman() -> None:
    book = FamilyBook()
    book.hear(pregnancy())

    book.hear(pregnancy(mother=(REPLACEMENT, MOTHER)))
    book.hear(birth(child(1), mother=(MOTHER,)))

    assert len(book.adults) == len(book.children) == 1


def test_a_birth_heard_before_its_pregnancy_is_one_child() -> None:
    book = FamilyBook()

    book.hear(birth(child(1)))
    book.hear(pregnancy())

    (only,) = book.children.values()
    assert only.status == "born"


def test_a_new_pregnancy_after_a_birth_is_a_new_child() -> None:
    book = FamilyBook()
    book.hear(pregnancy())
    book.hear(birth(child(1)))

    book.hear(pregnancy(due=date(2028, 6, 1), at=datetime(2027, 12, 1, tzinfo=UTC)))

    assert sorted(it.status for it in book.children.values()) == ["born", "expected"]


def test_the_same_birth_in_another_message_is_the_same_children() -> None:
    book = FamilyBook()
    book.hear(birth(child(1, TWIN_A), child(2)))

    book.hear(birth(child(2, TWIN_B), child(1)))

    assert {it.order: set(it.claims) for it in book.children.values()} == {1: {TWIN_A}, 2: {TWIN_B}}


def test_a_correction_may_exchange_the_twins() -> None:
    book = FamilyBook()
    original = birth(child(1, TWIN_A, sex="female"), child(2, TWIN_B, sex="male"))
    book.hear(original)
    before = {next(iter(it.claims)): it.id for it in book.children.values()}
    told = correction(original, child(1, TWIN_B, sex="male"), child(2, TWIN_A, sex="female"))

    found = book.hear(told)

    assert found is not None
    assert {it.order: it.id for it in book.children.values()} == {1: before[TWIN_B], 2: before[TWIN_A]}
    assert {type(event) for _, event in said(told, found)} == {PartiesIdentified, ChildCorrected}


def test_a_correction_may_replace_a_number_a_birth_and_a_sex() -> None:
    book = FamilyBook()
    original = birth(child(1, WRONG, sex="male"))
    book.hear(original)
    later = BORN + timedelta(days=1)
    told = correction(original, child(1, TWIN_A, born_at=later, sex="female"))

    found = book.hear(told)

    assert found is not None
    (only,) = book.children.values()
    assert (set(only.claims), only.value("born_at"), only.value("sex")) == ({TWIN_A}, later, "female")
    events = [event for _, event in said(told, found)]
    assert ChildCorrected(child=only.id, municipality="0990", born_on=date(2027, 6, 2), order=1) in events


def test_a_correction_takes_back_no_number_that_someone_else_has_said() -> None:
    book = FamilyBook()
    original = birth(child(1, TWIN_A))
    book.hear(original)
    book.hear(birth(child(1, TWIN_A)))

    book.hear(correction(original, child(1)))

    (only,) = book.children.values()
    assert set(only.claims) == {TWIN_A}


def test_a_correction_of_the_mothers_number_keeps_her_the_same() -> None:
    book = FamilyBook()
    original = pregnancy(mother=(WRONG,))
    book.hear(original)

    book.hear(correction(original, mother=(MOTHER,)))

    assert [set(claims) for claims in book.adults.values()] == [{MOTHER}]
    assert len(book.children) == 1


def test_a_correction_heard_after_a_newer_one_changes_nothing() -> None:
    book = FamilyBook()
    original = birth(child(1, WRONG))
    older = correction(original, child(1, TWIN_B), at=BORN + timedelta(hours=3))
    newer = correction(original, child(1, TWIN_A), at=BORN + timedelta(hours=4))

    for told in (original, newer, older):
        book.hear(told)

    (only,) = book.children.values()
    assert set(only.claims) == {TWIN_A}


def test_someone_known_in_another_municipality_makes_no_child_but_a_proposed_move() -> None:
    told, stranger = pregnancy(), Owner(UUID(int=5), "0991")
    owners = {REPLACEMENT: stranger}

    found = elsewhere(told, owners)

    assert found == (stranger,)
    assert told.notification
    (_, parties), (about, move) = said_of_a_move(told, found, {stranger.person: [UUID(int=6)]}, told.notification)
    assert isinstance(parties, PartiesIdentified)
    assert (parties.known_elsewhere, parties.children, parties.mother) == (True, [], None)
    assert about == stranger.person
    assert isinstance(move, MoveProposed)
    assert move.children == [UUID(int=6)]


def test_a_replacement_number_that_a_cpr_number_follows_still_finds_the_child_and_a_wrong_cpr_number_does_not() -> None:
    follows, mistake = FamilyBook(), FamilyBook()
    first, wrong = birth(child(1, REPLACEMENT), mother=(MOTHER,)), birth(child(1, WRONG), mother=(MOTHER,))

    follows.hear(first)
    follows.hear(correction(first, child(1, TWIN_A)))
    mistake.hear(wrong)
    mistake.hear(correction(wrong, child(1, TWIN_A)))

    assert [set(only.claims) for only in follows.children.values()] == [{REPLACEMENT, TWIN_A}]
    assert [set(only.claims) for only in mistake.children.values()] == [{TWIN_A}]


def test_a_replacement_number_that_another_one_corrects_was_a_mistake() -> None:
    book, other = FamilyBook(), Identifier(X_ECPR, "0703921VK5")
    first = birth(child(1, REPLACEMENT), mother=(MOTHER,))

    book.hear(first)
    book.hear(correction(first, child(1, other)))

    (only,) = book.children.values()
    assert set(only.claims) == {other}


def ended(book: FamilyBook, at: datetime) -> UUID:
    """The only child's pregnancy ended then."""
    (only,) = book.children
    book.children[only] = replace(book.children[only], ended_at=at)
    return only


@pytest.mark.parametrize(
    ("told", "is_the_ended_one"),
    [
        (pregnancy(at=BORN), True),
        (pregnancy(due=DUE + timedelta(days=5), at=BORN), True),
        (pregnancy(due=DUE + timedelta(days=100), at=BORN), False),
        (pregnancy(due=None, at=BORN - timedelta(days=41)), True),
        (pregnancy(due=None, at=BORN), False),
        (birth(child(1)), True),
        (birth(child(1, born_at=BORN + timedelta(days=90)), at=BORN + timedelta(days=91)), False),
    ],
)
def test_a_late_word_of_an_ended_pregnancy_makes_no_child_and_the_next_pregnancy_does(told: Told, is_the_ended_one: bool) -> None:
    book = FamilyBook()
    book.hear(pregnancy(at=BORN - timedelta(days=60)))
    first = ended(book, BORN - timedelta(days=40))

    book.hear(told)

    assert (set(book.children) == {first}) is is_the_ended_one


def test_a_child_of_whom_nothing_is_known_is_refused() -> None:
    with pytest.raises(AChildIsKnownByAnIdentifierOrByItsMother):
        decide(pregnancy(mother=()), Known(), {}, lambda: UUID(int=1))


def _messages() -> list[Told]:
    """Two pregnancies of one woman: announced, announced again, born, the birth told twice, corrected twice."""
    first = birth(child(1, sex="female"), child(2, TWIN_B))
    return [
        pregnancy(at=BORN - timedelta(days=100)),
        pregnancy(due=DUE + timedelta(days=3), at=BORN - timedelta(days=50), mother=(REPLACEMENT, MOTHER)),
        first,
        birth(child(1, TWIN_A), child(2, TWIN_B, sex="male"), at=BORN + timedelta(hours=5)),
        correction(first, child(1, TWIN_A, sex="male"), child(2, TWIN_B), at=BORN + timedelta(days=1)),
        correction(
            first,
            child(1, TWIN_A, sex="female"),
            child(2, TWIN_B, born_at=BORN + timedelta(minutes=9)),
            at=BORN + timedelta(days=2),
        ),
        pregnancy(due=date(2029, 1, 10), at=datetime(2028, 8, 1, tzinfo=UTC)),
        birth(child(1, born_at=datetime(2029, 1, 3, tzinfo=UTC)), at=datetime(2029, 1, 3, 2, tzinfo=UTC)),
    ]


_MESSAGES = _messages()


def _family_after(messages: list[Told]) -> set[tuple[object, ...]]:
    book = FamilyBook()
    for told in messages:
        book.hear(told)
    assert not book.kept
    assert len(book.children) == 3
    return book.family()


@given(
    st.permutations(range(len(_MESSAGES))),
    st.lists(st.integers(0, len(_MESSAGES) - 1), max_size=6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300, deadline=None)
def test_any_order_and_any_repetition_ends_with_the_same_persons(order: list[int], again: list[int], chance: object) -> None:
    places = list(order)
    for repeated in again:
        places.insert(chance.randint(0, len(places)), repeated)  # type: ignore[attr-defined]

    assert _family_after([_MESSAGES[place] for place in places]) == _family_after(_MESSAGES)
