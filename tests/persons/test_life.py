"""What may be said of a life, and what follows from a hospital's word: pure rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from services.persons.domain import life
from services.persons.domain.life import Life, Word, on_hospitals_word

TODAY, NOON = date(2026, 11, 22), datetime(2026, 11, 22, 12, tzinfo=UTC)
BORN = Life(UUID(int=2), "child", "born", born_on=date(2026, 11, 1))
EXPECTED = Life(UUID(int=3), "child", "expected")
DEAD = replace(BORN, is_dead=True, said_at=NOON, said_by="person")
DEAD_BY_HOSPITAL = replace(DEAD, said_by="hospital")


def test_a_child_that_was_born_has_died_on_a_known_or_an_unknown_day() -> None:
    life.check_death(BORN, None, TODAY)
    life.check_death(BORN, TODAY, TODAY)


@pytest.mark.parametrize(
    ("of", "died_on", "rule"),
    [
        (EXPECTED, None, life.OnlyAChildThatWasBornHasDied),
        (DEAD, None, life.TheDeathIsAlreadyRecorded),
        (BORN, TODAY + timedelta(days=1), life.TheDayLiesInTheFuture),
        (BORN, date(2026, 10, 31), life.NobodyDiesBeforeBirth),
    ],
)
def test_a_death_is_refused_that_cannot_be(of: Life, died_on: date | None, rule: type[Exception]) -> None:
    with pytest.raises(rule):
        life.check_death(of, died_on, TODAY)


def test_only_what_is_recorded_is_taken_back() -> None:
    life.check_death_undone(DEAD)
    life.check_pregnancy_end_undone(replace(EXPECTED, pregnancy_has_ended=True))

    with pytest.raises(life.NoDeathIsRecorded):
        life.check_death_undone(BORN)
    with pytest.raises(life.NoEndOfThePregnancyIsRecorded):
        life.check_pregnancy_end_undone(EXPECTED)


def test_the_pregnancy_of_an_expected_child_ends_once() -> None:
    life.check_pregnancy_end(EXPECTED, TODAY, TODAY)

    with pytest.raises(life.OnlyAnExpectedChildsPregnancyEnds):
        life.check_pregnancy_end(BORN, None, TODAY)
    with pytest.raises(life.TheEndOfThePregnancyIsAlreadyRecorded):
        life.check_pregnancy_end(replace(EXPECTED, pregnancy_has_ended=True), None, TODAY)
    with pytest.raises(life.TheDayLiesInTheFuture):
        life.check_pregnancy_end(EXPECTED, TODAY + timedelta(days=1), TODAY)


def test_of_two_records_the_older_survives_whichever_is_named_first() -> None:
    assert life.survivor(BORN, EXPECTED) == life.survivor(EXPECTED, BORN) == BORN


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (BORN, life.TwoRecordsOfOneKindAreMerged),
        (Life(UUID(int=9), "adult", None), life.TwoRecordsOfOneKindAreMerged),
        (replace(DEAD, id=UUID(int=9)), life.BothAreAliveOrBothAreNot),
        (replace(EXPECTED, pregnancy_has_ended=True), life.BothAreAliveOrBothAreNot),
    ],
)
def test_what_is_not_one_person_is_not_merged(other: Life, rule: type[Exception]) -> None:
    with pytest.raises(rule):
        life.survivor(BORN, other)


def test_a_hospital_s_word_stops_everything_at_once_and_its_own_undoing_lets_it_go_on() -> None:
    assert on_hospitals_word(BORN, True, NOON, NOON) == Word("dies", is_newest=True)
    assert on_hospitals_word(DEAD_BY_HOSPITAL, False, NOON, NOON) == Word("lives", is_newest=True)


def test_a_hospital_never_undoes_a_death_that_a_person_recorded_and_people_see_that_it_says_otherwise() -> None:
    assert on_hospitals_word(DEAD, False, NOON + timedelta(hours=1), NOON) == Word("propose-lives", is_newest=False)


def test_an_older_word_than_the_one_that_stands_changes_nothing_but_is_shown_where_a_person_said_otherwise() -> None:
    undone_by_hand = replace(BORN, said_at=NOON, said_by="person")
    undone_by_hospital = replace(BORN, said_at=NOON, said_by="hospital")
    earlier = NOON - timedelta(hours=1)

    assert on_hospitals_word(undone_by_hand, True, earlier, NOON) == Word("propose-died", is_newest=False)
    assert on_hospitals_word(undone_by_hospital, True, earlier, NOON) == Word(None, is_newest=False)


def test_a_sender_s_clock_far_ahead_does_not_outrun_every_later_word() -> None:
    told = replace(BORN, said_at=NOON + timedelta(days=2))

    assert not on_hospitals_word(told, True, NOON + timedelta(days=400), NOON).is_newest


def test_a_hospital_s_words_end_alike_in_whatever_order_they_are_heard() -> None:
    words = [(True, NOON), (False, NOON + timedelta(hours=1)), (True, NOON + timedelta(hours=2)), (True, NOON)]

    ends = set()
    for order in permutations(words):
        of = BORN
        for deceased, told_at in order:
            word = on_hospitals_word(of, deceased, told_at, NOON + timedelta(days=1))
            dead = {"dies": True, "lives": False}.get(word.consequence or "", of.is_dead)
            of = replace(of, is_dead=dead)
            if word.is_newest:
                of = replace(of, said_at=told_at, said_by="hospital")
        ends.add((of.is_dead, of.said_at))

    assert ends == {(True, NOON + timedelta(hours=2))}


@pytest.mark.parametrize(("kind", "answer"), [("merge", "noted"), ("withdrawn", "merge"), ("died", "keep-apart")])
def test_a_proposal_is_answered_by_what_it_asks_and_once(kind: life.ProposalKind, answer: life.Decision) -> None:
    with pytest.raises(life.TheProposalAsksSomethingElse):
        life.check_answer(kind, False, answer)
    with pytest.raises(life.TheProposalIsDecided):
        life.check_answer("merge", True, "merge")


def test_a_child_s_address_is_masked_with_its_family_s() -> None:
    assert life.address_is_masked(False, frozenset({False, True}))
    assert life.address_is_masked(True, frozenset())
    assert not life.address_is_masked(False, frozenset({False}))
