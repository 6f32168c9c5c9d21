"""daycare: places and pluspladser, a child's start in an institution or dagpleje from plan to settled."""

from services.chassis.service import Service
from services.daycare.domain import ThisChildHasAnOpenStart
from services.daycare.domain.cooperation import TheTwoUnitsHaveAnAgreement
from services.daycare.domain.places import TheChildHasAPlusPladsAlready, ThePlaceIsHeldAlready
from services.daycare.endpoints import router
from services.daycare.handlers import HANDLERS
from services.daycare.ticks import let_children_start, put_unanswered_pluspladser_to_a_leader, warn_of_what_is_missing
from services.events import daycare as said

service = Service(
    "daycare",
    router=router,
    handlers=HANDLERS,
    says=(
        said.StartPlanned,
        said.StartMoved,
        said.PedagogueNamed,
        said.TransitionPrepared,
        said.TransitionItemSettled,
        said.TransitionIncomplete,
        said.BatonDecided,
        said.BatonRuleSet,
        said.FamilyMeetingHeld,
        said.ChildStarted,
        said.ChildSettled,
        said.StartCancelled,
        said.PlaceReserved,
        said.PlaceReleased,
        said.PlusPladsAwaited,
        said.PlusPladsOverdue,
        said.PlusPladsLapsed,
        said.PlusPladsAnswered,
        said.CapacityChanged,
        said.TalkHeld,
        said.AgreementHeld,
    ),
    ticks={
        "let-children-start": let_children_start,
        "warn-of-what-is-missing": warn_of_what_is_missing,
        "put-unanswered-pluspladser-to-a-leader": put_unanswered_pluspladser_to_a_leader,
    },
    rules={
        "one_open_start": ThisChildHasAnOpenStart,
        "a_place_is_held_once": ThePlaceIsHeldAlready,
        "a_start_has_one_place": ThePlaceIsHeldAlready,
        "a_child_has_one_plusplads": TheChildHasAPlusPladsAlready,
        "one_agreement_between_two_units": TheTwoUnitsHaveAnAgreement,
    },
)
