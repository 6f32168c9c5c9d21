"""A pytest plugin: where everything is required (REQUIRE=all), a test that would be skipped fails and says why.

Published material that lies beside the checkout and not in it may be absent everywhere; such a skip says so in these words.
"""

import os
from collections.abc import Generator

import pytest

MAY_BE_ABSENT = ("outside the repository", "beside the checkout")


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure with the same reason."""
    report = yield
    if os.environ.get("REQUIRE") == "all" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if any(words in str(reason) for words in MAY_BE_ABSENT):
            return report
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was not run, and REQUIRE=all allows no exception: {reason}"
    return report
