"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter

from services.portal.endpoints import child, entering, handover, my_page

router = APIRouter(prefix="/portal", tags=["portal"], include_in_schema=False)
for pages_of in (entering, my_page, child, handover):
    router.include_router(pages_of.router)
