"""The pages people work in: a client of the services' public APIs, with web sessions and drafts of its own."""

from services.chassis.service import Service
from services.portal.endpoints import router
from services.portal.ticks import forget_sessions

service = Service("portal", router=router, ticks={"forget-sessions": forget_sessions})
