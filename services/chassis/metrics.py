"""Measures for Prometheus: rates, times, lag; labelled by service, route pattern and code, never by a person."""

from prometheus_client import Counter, Gauge, Histogram

_REQUESTS = Counter("tovholder_requests_total", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram(
    "tovholder_request_seconds", "Time to answer", ["route"], buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
)
APPLIED = Counter("tovholder_events_applied_total", "Events applied by a consumer", ["service", "source"])
DEAD_LETTERS = Counter("tovholder_dead_letters_total", "Events laid aside for a person", ["service", "source"])
RELAYED = Counter("tovholder_events_relayed_total", "Events moved from outbox to feed", ["service"])
OUTBOX_AGE = Gauge("tovholder_outbox_oldest_seconds", "Age of the oldest row that has no place in the feed", ["service"])
UNSENT = Gauge("tovholder_feed_unsent", "Feed rows that Kafka has not acknowledged", ["service"])
LAG = Gauge("tovholder_consumer_lag", "Events of a source not yet applied", ["service", "source"])
OVERDUE = Gauge("tovholder_handovers_overdue", "Open handovers past their deadline")
LINE_UNPROVEN = Gauge(
    "tovholder_line_unproven_seconds", "Time since the last test event that an integration has taken, the longest"
)
LINES_PAUSED = Gauge("tovholder_lines_paused", "Subscriptions that are paused since their endpoint failed for days or is gone")
OUTWARD = Counter("tovholder_outward_tries_total", "Tries to hand an event to a subscription", ["channel", "outcome"])
BROKEN_CHAINS = Gauge(
    "tovholder_broken_chains", "Children of running cases whose chain of tovholdere has a gap, by what was said"
)
UNTOLD = Gauge("tovholder_oldest_untold_seconds", "Age of the oldest delivery neither made nor shown to a person")


def request(method: str, route: str, status: int, seconds: float) -> None:
    _REQUESTS.labels(method, route, str(status)).inc()
    _SECONDS.labels(route).observe(seconds)
