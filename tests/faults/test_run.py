"""The short form of `make faults`: every kind of fault once, in an order that stays, under load; then no check complains."""

from collections.abc import Callable

import pytest

from services.demo.installed import REPOSITORY
from tests.faults import report
from tests.faults.running import Size, run
from tests.faults.town import Town

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.xdist_group("faults"), pytest.mark.usefixtures("whole")]

# As `make faults` leaves it; git does not see it.
REPORT = REPOSITORY / "build" / "faults"
# Where it is not written over by a second go without complaints.
WITH_COMPLAINTS = REPORT.with_name("faults-with-complaints")
# One order for every change of the code, so that what breaks is the change; other orders are drawn by `make faults`.
SEED = 959942319


async def test_whatever_breaks_every_check_holds_afterwards(town: Town, record_property: Callable[[str, object], None]) -> None:
    await town.until_quiet()

    played = await run(town, SEED, Size(), tell=print)

    into = WITH_COMPLAINTS if played.broken else REPORT
    page = report.written(played, into)
    report.keep_logs(map(town.log_of, town.processes), into)
    record_property("left", f"{page}: {len(played.evidence.history.struck)} faults, {len(played.broken)} complaints")
    assert played.broken == [], f"{page}; plan it again with: make faults SEED={SEED}"
    assert played.evidence.unasked == [], "addresses of the registry that nobody asked while things broke"
    assert {one.matter for one in played.evidence.history.struck} >= {"F1", "F2", "F3", "F5", "F6", "F8", "F9", "F10", "F11"}
