"""HTTP of notifications: deliveries and what can be done about them, inbox and wishes, letters, integrators' subscriptions."""

from fastapi import APIRouter

from services.chassis.route import UsualRoute
from services.notifications.endpoints import deliveries, inbox, letters, subscriptions

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=UsualRoute)
for part in (deliveries, inbox, letters, subscriptions):
    router.include_router(part.router)
