"""A letter's words and page: plain, in both languages, with its font inside, and nobody's address but the recipient's."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from services.notifications.letters.page import drawn
from services.notifications.letters.post import Addressed, PrintFolder
from services.notifications.letters.writing import About, templates, which_letter, written

ABOUT = About(
    "changed", "Havby Kommune", "Anna Fuldby", "Sundhedspleje Nord", "anna@havby.example", date(2026, 3, 2), "https://p.example"
)


def test_each_letter_says_who_how_to_reach_them_and_what_happens_next_in_both_languages() -> None:
    danish, english = written(ABOUT, "Søs Prøve")

    for words, greeting, day, next_ in (
        (danish, "Kære Søs Prøve", "2. marts 2026", "Det sker nu"),
        (english, "Dear Søs Prøve", "2 March 2026", "What happens now"),
    ):
        text = "\n".join(words.paragraphs)
        assert words.paragraphs[0] == greeting
        for part in ("Anna Fuldby", "Sundhedspleje Nord", "anna@havby.example", "https://p.example", day, next_):
            assert part in text
        assert "{" not in text


@pytest.mark.parametrize("which", ["first", "changed", "closed"])
def test_every_template_is_whole_in_every_language_also_without_a_name_or_an_email(which: str) -> None:
    about = About(which, "0990", "A", "U", None, date(2026, 3, 2), "https://p.example")  # type: ignore[arg-type]

    letters = written(about, None)

    assert [one.language for one in letters] == ["da", "en"]
    assert len({len(lines) for lines in templates()["letters"][which]["lines"].values()}) == 1
    assert all("{" not in part and "None" not in part for one in letters for part in one.paragraphs)


def test_a_letter_has_its_own_link_to_the_survey_in_both_languages_and_what_is_kept_of_it_has_none() -> None:
    link = "https://tovholder.example/indicators/survey/abc_-123"
    asking = replace(ABOUT, survey=link, tovholder="https://evil.example")

    pdf = drawn(written(asking, "Søs Prøve"), [])
    kept = written(asking.to_be_kept, "Søs Prøve")

    assert re.findall(rb"/URI \((.*?)\)", pdf) == [link.encode()] * 2
    assert not re.search("abc_-123", repr(kept))
    assert all("…" in "".join(words.paragraphs) for words in kept)
    assert not any("90" in "".join(words.paragraphs) for words in written(ABOUT, "Søs Prøve"))
    assert not re.findall(rb"/URI", drawn(kept, []))


def test_the_first_letter_is_that_of_the_one_who_takes_in() -> None:
    assert which_letter("tovholder_changed", True) == "first"
    assert which_letter("tovholder_changed", False) == "changed"
    assert which_letter("case_closed", True) == "closed"


def test_what_is_filled_in_is_never_read_as_a_template_or_as_markup() -> None:
    about = About("changed", "Havby", "{email} <b>", "U & V", "a@b.example", date(2026, 3, 2), "https://p.example")

    words = written(about, "<a href='x'>{tovholder}</a>")
    pdf = drawn(words, ["<font size=99>Søs</font>", "Æblevej 1 & 2"])

    assert words[0].paragraphs[0] == "Kære <a href='x'>{tovholder}</a>"
    assert pdf.startswith(b"%PDF-")


def test_the_page_has_its_font_inside_and_is_the_same_for_the_same_letter() -> None:
    words = written(ABOUT, "Şükrü Łukasz Ørsted 漢")

    pdf = drawn(words, ["Søs Prøve", "Åvej 1", "9900 Havby"])

    assert pdf == drawn(words, ["Søs Prøve", "Åvej 1", "9900 Havby"])
    assert b"/FontFile2" in pdf
    assert pdf.count(b"/Type /Page\n") == 2


def test_the_folder_is_the_owner_s_alone_and_a_letter_is_whole_when_its_manifest_stands(tmp_path: Path) -> None:
    post, delivery = PrintFolder(tmp_path / "out", {"0990": {"cvr": "12345674"}}), uuid4()
    to = Addressed(uuid4(), None, ("Søs", "Åvej 1"), is_protected=True)

    for _ in range(2):
        post.hand_over("0990", delivery, b"%PDF-1", to, datetime(2026, 3, 2, tzinfo=UTC))

    files = sorted((tmp_path / "out" / "0990").iterdir())
    assert [path.name for path in files] == [f"{delivery}.json", f"{delivery}.pdf"]
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
    assert oct((tmp_path / "out" / "0990").stat().st_mode & 0o777) == "0o700"
    for content in (b"", b"{", b'{"state": "eaten"}', b"x" * 5000):
        (tmp_path / "out" / "0990" / f"{delivery}.receipt.json").write_bytes(content)
        assert list(post.receipts()) == []
