"""Counts for evaluation: what the programmes lead to, told without anybody in it."""

from services.chassis.service import Service
from services.indicators.endpoints import router
from services.indicators.handlers import HANDLERS
from services.indicators.ticks import count_quarters, forget_closed, look_at_chains

service = Service(
    "indicators",
    router=router,
    handlers=HANDLERS,
    ticks={"count-quarters": count_quarters, "forget-closed": forget_closed, "look-at-chains": look_at_chains},
)
