"""The table of services in services/README.md is the catalogue's; every decision and every service has its page."""

import re
from pathlib import Path

from services import catalogue, contracts

SERVICES = Path(__file__).resolve().parents[2] / "services"
TEXT = (SERVICES / "README.md").read_text() if (SERVICES / "README.md").exists() else ""


def test_the_table_of_services_is_the_catalogue_s() -> None:
    assert contracts.table() in TEXT, f"put this into services/README.md:\n{contracts.table()}"


def test_every_link_of_the_page_and_of_the_decisions_leads_somewhere() -> None:
    pages = [SERVICES / "README.md", *(SERVICES / "decisions").glob("*.md")]

    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
        if not (page.parent / link).exists()
    ]

    assert broken == []


def test_every_decision_is_listed_and_says_context_decision_consequences_alternatives_and_what_enforces_it() -> None:
    decisions = sorted((SERVICES / "decisions").glob("*.md"))

    assert len(decisions) >= 9
    for decision in decisions:
        assert f"decisions/{decision.name}" in TEXT
        assert re.findall(r"^\*\*(\w+)", decision.read_text(), re.MULTILINE) == [
            *("Context", "Decision", "Consequences", "Alternatives", "Enforced"),
        ]


def test_every_test_that_a_decision_names_is_there() -> None:
    named = {
        place
        for decision in (SERVICES / "decisions").glob("*.md")
        for place in re.findall(r"`(tests/[\w./]+)(?:::\w+)?`", decision.read_text())
    }

    assert sorted(place for place in named if not (SERVICES.parent / place).exists()) == []


def test_the_picture_shows_every_service() -> None:
    picture = TEXT.partition("```mermaid")[2].partition("```")[0]

    assert [name for name in catalogue.names() if name not in picture] == []
