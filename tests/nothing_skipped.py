"""A pytest plugin: what could not be set up here is skipped and named at the end; with REQUIRE=all every skip is a failure.

Published material that lies beside the checkout and not in it may be absent everywhere; such a skip says so in these words.
"""

import os
from collections.abc import Generator

import pytest

from services.demo.installed import NOTE, NotInstalled, installed

MAY_BE_ABSENT = ("outside the repository", "beside the checkout")
MISSING = NOTE.with_name("missing.txt")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whoever starts a broker by a command sees its exit code alone: that there is none is said beforehand."""
    if item.get_closest_marker("kafka"):
        for name in ("java", "kafka"):
            installed(name, "kafka")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip becomes a failure where everything is required, and what is not installed a skip where it is not."""
    report = yield
    everything = os.environ.get("REQUIRE") == "all"
    if everything and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if any(words in str(reason) for words in MAY_BE_ABSENT):
            return report
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was not run, and REQUIRE=all allows no exception: {reason}"
    elif not everything and call.excinfo is not None and call.excinfo.errisinstance(NotInstalled):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {call.excinfo.value}")
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The last word: what `deploy/setup` could not get, each with the one command that would."""
    skipped = terminalreporter.stats.get("skipped", ())
    said = MISSING.read_text() if MISSING.exists() else ""
    reasons = sorted({str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple)})
    if said or reasons:
        terminalreporter.section("not tried here")
        terminalreporter.write_line("\n".join([*reasons, said]))
