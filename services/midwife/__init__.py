"""What midwives send: received durably, answered by MedCom's rules, shown once, followed until somebody has the child."""

from services.chassis.service import Service
from services.events.midwife import (
    AdmissionChanged,
    BirthNotified,
    NotificationCorrected,
    NotificationPlaced,
    NotificationReceived,
    NotificationWithdrawn,
    PregnancyNotified,
)
from services.midwife.domain import TheMessageIdStandsForAnotherNotification
from services.midwife.endpoints import router
from services.midwife.handlers import HANDLERS

service = Service(
    "midwife",
    router=router,
    handlers=HANDLERS,
    says=(
        NotificationReceived,
        PregnancyNotified,
        BirthNotified,
        NotificationCorrected,
        NotificationWithdrawn,
        NotificationPlaced,
        AdmissionChanged,
    ),
    rules={"message_id_is_used_once": TheMessageIdStandsForAnotherNotification},
)
