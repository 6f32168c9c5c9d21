"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from services.portal.endpoints import arriving, child, entering, family, finding, handover, leading, many, my_page, notifying

router = APIRouter(tags=["portal"], include_in_schema=False)
for pages_of in (entering, my_page, child, handover, many, notifying, leading, finding, arriving, family):
    router.include_router(pages_of.router, prefix="/portal")


@router.get("/")
async def front_door() -> RedirectResponse:
    """The installation's bare address is what people type, and what letters name."""
    return RedirectResponse("/portal/", 303)


@router.get("/familie")
async def family_door() -> RedirectResponse:
    return RedirectResponse("/portal/familie", 303)
