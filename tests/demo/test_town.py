"""The demo's files together: whoever logs in by a name is one person."""

from collections import Counter

from services.demo import parents, town


def test_nobody_in_the_demo_shares_a_name_a_login_or_a_number_with_another() -> None:
    everyone = town.people(everyone=True)
    families = parents.parents()

    for told, those in (
        ("username", [*everyone, *families]),
        ("sub", [*everyone, *families]),
        ("id", everyone),
        ("cpr", families),
    ):
        twice = [name for name, times in Counter(getattr(each, told) for each in those).items() if times > 1]
        assert twice == [], told
