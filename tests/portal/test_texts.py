"""Every text a person reads is in the catalogue, and every text of the catalogue is there in English too."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.portal import words
from services.portal.apis import TheServiceSaysNo
from services.portal.pages import words as spoken

PORTAL = Path(__file__).resolve().parents[2] / "services" / "portal"
TEMPLATES = sorted((PORTAL / "templates").glob("*.html"))
_OPTIONS = {
    "templates/**.html": {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "extensions": "jinja2.ext.do,jinja2.ext.i18n",
    }
}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "said": (1, 2), "say": None}
# The same in every language.
_NAMES = {"Tovholder", "Dansk", "English", "–", "·", "…", "%", "(", ")", ":", ",", ".", "+"}


def said() -> set[str | tuple[str, ...]]:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
    return {found[2] for found in extract_from_dir(PORTAL, methods, _OPTIONS, keywords=_KEYWORDS)}


def test_every_text_is_there_in_english_and_none_that_nobody_says() -> None:
    with (PORTAL / "translations" / "en.po").open("rb") as file:
        catalogue = read_po(file)
    known = {message.id: message for message in catalogue if message.id}
    used = said()

    missing = [text for text in used if text not in known or not all(known[text].string or ())]

    assert missing == []
    assert [text for text in known if text not in used] == []
    assert not any(message.fuzzy for message in known.values())


def test_a_translation_fills_in_what_the_original_does() -> None:
    with (PORTAL / "translations" / "en.po").open("rb") as file:
        catalogue = read_po(file)
    for message in catalogue:
        if message.id and isinstance(message.id, str):
            assert set(re.findall(r"%\(\w+\)[sd]", message.id)) == set(re.findall(r"%\(\w+\)[sd]", str(message.string))), (
                message.id
            )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_text_beside_the_catalogue(template: Path) -> None:
    text = template.read_text()
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{%-?\s*trans\b.*?endtrans\s*-?%\}", "", text, flags=re.DOTALL)
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "\n", text)
    # A macro that makes attributes alone has no tag around them.
    text = re.sub(r'[\w-]+="[^"]*"', "", text)

    left = {part.strip() for part in re.split(r"\s*\n\s*", text) if part.strip()}

    assert {part for part in left if re.search(r"[A-Za-zæøåÆØÅ]{2,}", part) and part.strip("– ") not in _NAMES} == set()


def test_attributes_that_are_read_aloud_are_in_the_catalogue_too() -> None:
    for template in TEMPLATES:
        for name, value in re.findall(r'\b(aria-label|title|placeholder|alt|data-title)="([^"]*)"', template.read_text()):
            assert "{{" in value or value == "", f"{template.name}: {name}={value}"


def test_every_code_has_words_and_an_unknown_one_is_shown_as_it_is() -> None:
    for name, codes in words.ALL.items():
        assert all(text for text in codes.values()), name
    assert spoken("da").of("reason", "a-code-of-tomorrow") == "A code of tomorrow"
    assert spoken("en").of("refusal", "a-handover-is-already-open") == "The child is offered to somebody else already."


def test_the_refusals_that_have_words_are_refusals_that_exist() -> None:
    """A rule that gets another name would leave its words behind."""
    rules = set()
    for path in (PORTAL.parent).rglob("*.py"):
        rules |= {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)}
    slugs = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in rules}

    assert [slug for slug in words.REFUSALS if slug not in slugs] == []
    assert TheServiceSaysNo(409, {"type": "x/a-handover-is-already-open"}).problem == "a-handover-is-already-open"
