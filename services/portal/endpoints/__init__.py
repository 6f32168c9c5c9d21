"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter

from services.portal.endpoints import (
    arriving,
    caring,
    child,
    concern,
    entering,
    finding,
    gatherings,
    giving,
    groups,
    handover,
    home_visits,
    leading,
    many,
    my_page,
    notifying,
    offering,
    plusplads,
    transition,
)

router = APIRouter(prefix="/portal", tags=["portal"], include_in_schema=False)
for pages_of in (entering, my_page, child, handover, many, notifying, leading, finding, arriving):
    router.include_router(pages_of.router)
for pages_of in (caring, home_visits, offering, groups, gatherings, concern, giving, transition, plusplads):
    router.include_router(pages_of.router)
