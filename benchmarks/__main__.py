"""`python -m benchmarks [--only name,…] [--share 0.02]`: measures, prints a table, keeps `benchmarks/latest.json`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import (
    accepting,
    bulking,
    committing,
    evaluating,
    figures,
    grown,
    importing,
    moving,
    pages,
    planning,
    recovering,
    telling,
    webhooks,
    whole,
)
from benchmarks.figures import Figure
from benchmarks.installation import Installation

LATEST = Path(__file__).parent / "latest.json"
out = Console(width=140)

GROUPS: dict[Callable[[Installation], list[Figure]], tuple[str, ...]] = {
    accepting.accepting: ("accept_http_c32_per_s", "accept_http_c32_p99_ms"),
    accepting.whole_system: ("whole_system_accept_per_s",),
    accepting.reading: ("child_read_per_s",),
    telling.telling: ("notified_to_told_p50_ms", "notified_to_told_p99_ms", "accepted_to_consumed_p50_ms"),
    webhooks.webhooks: ("webhooks_p99_s", "webhooks_p50_s", "webhooks_lost"),
    pages.pages: (
        *("page_my_page_p95_ms", "page_my_page_p50_ms", "page_my_page_refused", "page_my_page_per_s"),
        *("page_my_page_portal_cpu_ms", "page_my_page_services_cpu_ms"),
        *("page_child_p95_ms", "page_child_p50_ms", "page_child_refused", "page_child_per_s"),
        *("page_child_portal_cpu_ms", "page_child_services_cpu_ms"),
        *("page_first_kb", "page_after_kb", "my_page_live_s", "my_page_live_p50_s"),
    ),
    moving.moving: ("relay_events_per_s", "apply_events_per_s"),
    planning.planning_visits: ("plan_year_s", "replan_child_ms"),
    committing.committing: ("commit_per_s", "commit_pg_cpu_ms"),
    committing.steady: ("accept_http_200_p50_ms", "accept_http_200_p99_ms"),
    committing.applied: ("commit_to_applied_p50_ms", "commit_to_applied_p99_ms"),
    bulking.bulk_children_per_s: ("bulk_children_per_s",),
    bulking.bulk_api_5000_s: ("bulk_api_5000_s",),
    recovering.takeover_s: ("takeover_s",),
    recovering.drain_30k_s: ("drain_30k_s",),
    grown.grown: ("accept_http_c32_1m_per_s", "child_read_1m_per_s"),
    importing.directory_import: ("directory_import_20k_s", "directory_import_again_s"),
    evaluating.rebuilding: ("indicators_rebuild_1m_s", "indicators_rebuild_rss_mb"),
    whole.all_in_one_rss_mb: ("all_in_one_rss_mb",),
    whole.demo_restart_s: ("demo_restart_s",),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measures the product on this machine.")
    parser.add_argument("--only", default="", help="names of figures, separated by commas; without: all")
    parser.add_argument("--share", type=float, default=1, help="a part of the size, to try a long measurement; nothing is kept")
    asked = parser.parse_args()
    if not 0 < asked.share <= 1:
        sys.exit("--share is more than 0 and at most 1.")
    figures.SHARE = asked.share
    only = {name for name in asked.only.split(",") if name}
    if unknown := only - {name for names in GROUPS.values() for name in names}:
        sys.exit(
            f"No such figure: {', '.join(sorted(unknown))}. There are: {', '.join(name for names in GROUPS.values() for name in names)}"
        )
    measured: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tovholder-bench-") as folder:
        for measure, names in GROUPS.items():
            if only and not only & set(names):
                continue
            began = time.monotonic()
            out.print(f"[dim]measuring {', '.join(names)} …[/dim]", end=" ")
            # A fresh installation each, but for those that are kept: what one measurement leaves behind must not slow the next.
            kept = grown.FOLDERS.get(measure)
            installation = Installation(kept() if kept else Path(folder) / measure.__name__, keep=kept is not None)
            try:
                # What did not come up whole is ended too: nothing is left running.
                measured += measure(installation.start())
                if asked.share == 1:
                    figures.keep(measured, LATEST)
            finally:
                installation.stop()
            out.print(f"[dim]{time.monotonic() - began:.0f} s[/dim]")
    figures.show(measured, out)


if __name__ == "__main__":
    main()
