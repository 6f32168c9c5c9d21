"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from services.portal.endpoints import (
    administering,
    arriving,
    asked_places,
    caring,
    child,
    concern,
    employing,
    entering,
    family,
    figures,
    finding,
    gatherings,
    giving,
    groups,
    handover,
    home_visits,
    insight,
    leading,
    many,
    my_page,
    notifying,
    offering,
    plusplads,
    ruling,
    subscribing,
    transition,
    untold,
    writing,
)

router = APIRouter(tags=["portal"], include_in_schema=False)
for pages_of in (entering, my_page, child, handover, many, notifying, leading, finding, arriving, insight, family):
    router.include_router(pages_of.router, prefix="/portal")
for pages_of in (caring, home_visits, offering, groups, gatherings, concern, giving, transition, plusplads, asked_places, untold):
    router.include_router(pages_of.router, prefix="/portal")
for pages_of in (administering, employing, ruling, figures, subscribing, writing):
    router.include_router(pages_of.router, prefix="/portal")


@router.get("/")
async def front_door() -> RedirectResponse:
    """The installation's bare address is what people type, and what letters name."""
    return RedirectResponse("/portal/", 303)


@router.get("/familie")
async def family_door() -> RedirectResponse:
    return RedirectResponse("/portal/familie", 303)
