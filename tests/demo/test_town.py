"""The demo's people: whoever is named on a page can be logged in as."""

from collections import Counter

from services.demo import town


def test_a_user_name_and_a_log_in_are_one_person_s_in_all_towns() -> None:
    everyone = town.people(everyone=True)

    assert len(everyone) > 50
    assert [name for name, number in Counter(one.username for one in everyone).items() if number > 1] == []
    assert [sub for sub, number in Counter(one.sub for one in everyone).items() if number > 1] == []
