"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from services.portal.endpoints import (
    arriving,
    caring,
    child,
    concern,
    entering,
    family,
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

router = APIRouter(tags=["portal"], include_in_schema=False)
for pages_of in (entering, my_page, child, handover, many, notifying, leading, finding, arriving, family):
    router.include_router(pages_of.router, prefix="/portal")
for pages_of in (caring, home_visits, offering, groups, gatherings, concern, giving, transition, plusplads):
    router.include_router(pages_of.router, prefix="/portal")


@router.get("/")
async def front_door() -> RedirectResponse:
    """The installation's bare address is what people type, and what letters name."""
    return RedirectResponse("/portal/", 303)


@router.get("/familie")
async def family_door() -> RedirectResponse:
    return RedirectResponse("/portal/familie", 303)
