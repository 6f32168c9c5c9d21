"""The portal's pages. They are for people, so they are no part of the published contract."""

from fastapi import APIRouter

from services.portal.endpoints import (
    administering,
    arriving,
    child,
    employing,
    entering,
    figures,
    finding,
    handover,
    insight,
    leading,
    many,
    my_page,
    notifying,
    ruling,
    subscribing,
    writing,
)

router = APIRouter(prefix="/portal", tags=["portal"], include_in_schema=False)
for pages_of in (
    entering,
    my_page,
    child,
    handover,
    many,
    notifying,
    leading,
    finding,
    arriving,
    administering,
    employing,
    ruling,
    figures,
    insight,
    subscribing,
    writing,
):
    router.include_router(pages_of.router)
