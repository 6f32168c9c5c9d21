"""What the services' codes are called by people: reasons, states, kinds, and refusals."""

from datetime import date
from typing import Any

from babel.dates import format_date
from babel.support import NullTranslations

from services.portal.domain.deadlines import Deadline


def _(text: str) -> str:
    """Marks a text for the catalogue; it is looked up where it is said."""
    return text


UNIT_KINDS = {
    "sundhedspleje": _("Sundhedspleje"),
    "institution": _("Daginstitution"),
    "dagpleje": _("Dagpleje"),
    "social": _("Børne- og familieområdet"),
    "intake": _("Modtagelse"),
    "placement": _("Pladsanvisning"),
    "maternity": _("Fødeafdeling"),
    "midwife-centre": _("Jordemodercenter"),
}
PROPOSE_REASONS = {
    "assigned": _("Barnet fordeles til en sundhedsplejerske"),
    "moved-district": _("Familien er flyttet til et andet distrikt"),
    "daycare-start": _("Barnet begynder i dagtilbud"),
    "specialised-support": _("Familien har brug for særlig støtte"),
    "capacity": _("Fordeling af opgaver i teamet"),
    "family-wish": _("Familien ønsker det"),
    "absence": _("Fravær eller orlov"),
    "other": _("Andet"),
}
_MORE_REASONS = {
    "moved": _("Familien er flyttet til en anden kommune"),
    "stand-in-returns": _("Vikariatet er slut"),
}
DECLINE_REASONS = {
    "at-capacity": _("Jeg har ikke plads til flere børn"),
    "wrong-unit": _("Barnet hører til i en anden enhed"),
    "not-our-municipality": _("Familien bor ikke i vores kommune"),
    "conflict-of-interest": _("Jeg er inhabil"),
    "information-missing": _("Der mangler oplysninger"),
    "family-wishes-otherwise": _("Familien ønsker noget andet"),
    "other": _("Andet"),
}
HANDOVER_STATES = {
    "proposed": _("Afventer svar"),
    "scheduled": _("Aftalt til en dato"),
    "effected": _("Overdraget"),
    "declined": _("Afslået"),
    "withdrawn": _("Trukket tilbage"),
    "superseded": _("Bortfaldet"),
}
WHY = {
    "registration": _("Barnet blev registreret"),
    "sibling": _("Søskende til et kendt barn"),
    "acceptance": _("Sagde ja til en overdragelse"),
    "effect": _("En aftalt overdragelse trådte i kraft"),
    "stand-in": _("Træder i stedet ved fravær"),
    "override": _("Bestemt af en leder"),
    "merge": _("To registreringer var det samme barn"),
    "reopening": _("Sagen blev genåbnet"),
}
CHILD_STATES = {"expected": _("Ventet"), "born": _("Født"), "closed": _("Afsluttet")}
DELIVERY_STATES = {
    "queued": _("På vej"),
    "delivered": _("Leveret"),
    "seen": _("Set"),
    "failed": _("Nåede ikke frem"),
    "told": _("Fortalt personligt"),
    "stopped": _("Stoppet"),
}
CHANNELS = {"inbox": _("Indbakke"), "email": _("E-mail")}
FACTS = {
    "tovholder_changed": _("Ny tovholder"),
    "handover_proposed": _("En overdragelse blev foreslået"),
    "handover_accepted": _("En overdragelse blev accepteret"),
    "handover_scheduled": _("En overdragelse blev aftalt"),
    "handover_rescheduled": _("En overdragelse fik ny dato"),
    "handover_declined": _("En overdragelse blev afslået"),
    "handover_withdrawn": _("En overdragelse blev trukket tilbage"),
    "handover_superseded": _("En overdragelse bortfaldt"),
    "handover_reminded": _("Påmindelse om en overdragelse"),
    "handover_overdue": _("En frist er overskredet"),
    "handover_escalated": _("En leder er inddraget"),
    "holder_unseen": _("Ny tovholder har ikke set barnet"),
    "information_requested": _("Der er stillet et spørgsmål"),
    "information_provided": _("Der er svaret på et spørgsmål"),
    "start_planned": _("Start i dagtilbud planlagt"),
    "start_moved": _("Start i dagtilbud flyttet"),
    "start_cancelled": _("Start i dagtilbud aflyst"),
    "child_started": _("Barnet er startet i dagtilbud"),
    "overlevering_given": _("En overlevering er givet"),
    "plus_plads_asked": _("En plusplads skal besluttes"),
    "plus_plads_answered": _("En plusplads er besluttet"),
    "disclosed_by_law": _("Familien får besked om, at noget er givet videre uden samtykke"),
    "mother_disclosed_by_law": _("Moderen får besked om, at noget er givet videre uden samtykke"),
    "custody_changed": _("Forældremyndigheden er ændret"),
    "consent_withdrawn": _("Et samtykke er trukket tilbage"),
    "case_closed": _("Sagen er afsluttet"),
    "case_merged": _("To registreringer er det samme barn"),
    "move_proposed": _("Familien er måske flyttet"),
    "message_to_place": _("En besked skal placeres"),
    "notification_withdrawn": _("En anmeldelse er trukket tilbage"),
}
NOTIFICATION_STATES = {
    "registering": _("Modtaget, barnet registreres"),
    "registered": _("Barnet har en tovholder"),
    "to-place": _("Venter på at blive placeret"),
    "placed": _("Placeret"),
    "listed": _("Modtaget"),
    "withdrawn": _("Trukket tilbage"),
}
NOTIFICATION_KINDS = {
    "pregnancy": _("Graviditet"),
    "birth": _("Fødsel"),
    "care-communication": _("Korrespondancebesked"),
    "hospital-notification": _("Besked fra sygehus"),
}
VISITS = {
    "pregnancy-visit": _("Graviditetsbesøg"),
    "maternity-visit": _("Barselsbesøg"),
    "establishment-visit": _("Etableringsbesøg"),
    "first-month-visit": _("Besøg inden en måned"),
    "two-months-visit": _("Besøg ved 2 måneder"),
    "four-to-six-months-visit": _("Besøg ved 4-6 måneder"),
    "eight-to-eleven-months-visit": _("Besøg ved 8-11 måneder"),
}
VISIT_STATES = {
    "planned": _("Planlagt"),
    "held": _("Gennemført"),
    "missed": _("Ikke gennemført"),
    "lapsed": _("Bortfaldet"),
    "cancelled": _("Aflyst"),
}
START_STATES = {
    "planned": _("Planlagt"),
    "prepared": _("Forberedt"),
    "started": _("Startet"),
    "cancelled": _("Aflyst"),
    "settled": _("Faldet til"),
}
SUPPORT = {
    "giver": _("Tidligere tovholder"),
    "receiver": _("Kommende tovholder"),
    "team": _("Med i teamet"),
}
RECIPIENTS = {
    "health": _("Sundhedsvæsenet"),
    "daycare": _("Dagtilbud"),
    "social": _("Børne- og familieområdet"),
    "school": _("Skole"),
    "other": _("Andre"),
}
JOB_STATES = {
    "proposing": _("Børnene bliver tilbudt"),
    "proposed": _("Venter på svar"),
    "answering": _("Svarene bliver gennemført"),
    "answered": _("Besvaret"),
}
RESULTS = {
    "waiting": _("På vej"),
    "offered": _("Tilbudt"),
    "refused": _("Kunne ikke tilbydes"),
    "answering": _("Svaret er på vej"),
    "accepted": _("Sagt ja"),
    "declined": _("Sagt nej"),
    "unanswered": _("Ikke besvaret"),
}
WITHDRAWALS = {
    "incorrect-person": _("Forkert person"),
    "incorrect-receiver": _("Forkert modtager"),
    "sent-in-error": _("Sendt ved en fejl"),
    "other": _("Andet"),
}
MATTERS = {
    "merge": _("To registreringer er lagt sammen"),
    "move": _("Familien er flyttet til en kommune uden for systemet"),
}
BASES = {
    "consent": _("Samtykke"),
    "sundhedsloven-41": _("Sundhedsloven § 41"),
    "sundhedsloven-43-2": _("Sundhedsloven § 43, stk. 2"),
    "ssd-exchange": _("SSD-samarbejdet"),
    "underretning": _("Underretning"),
}
PURPOSES = {
    "care": _("Jeg skal hjælpe familien"),
    "call": _("Familien har henvendt sig"),
    "notification": _("Der er kommet en anmeldelse"),
    "supervision": _("Ledelse eller tilsyn"),
}
# What the services refuse, in words; what is not here is told in general.
REFUSALS = {
    "the-child-has-moved-on": _("Barnets sag er ændret, siden du åbnede siden."),
    "the-handover-is-no-longer-open": _("Overdragelsen er allerede afgjort."),
    "the-handover-is-already-accepted": _("Der er allerede sagt ja til overdragelsen."),
    "a-handover-is-already-open": _("Barnet er allerede tilbudt en anden."),
    "the-child-is-closed": _("Barnets sag er afsluttet."),
    "the-reference-is-merged": _("Registreringen er lagt sammen med en anden."),
    "that-cannot-happen-to-this-child-now": _("Det kan ikke lade sig gøre, som sagen står nu."),
    "only-the-tovholder-their-deputy-or-leader-may-propose": _(
        "Kun tovholderen, stedfortræderen eller lederen kan foreslå en overdragelse."
    ),
    "only-the-named-receiver-may-accept": _("Kun den, der er spurgt, kan sige ja."),
    "only-the-named-receiver-may-decline": _("Kun den, der er spurgt, kan sige nej."),
    "only-the-named-receiver-may-ask": _("Kun den, der er spurgt, kan stille spørgsmål."),
    "only-the-giver-may-answer": _("Kun den, der giver barnet videre, kan svare."),
    "only-the-proposer-or-the-tovholder-may-withdraw": _(
        "Kun den, der har foreslået det, eller tovholderen kan trække det tilbage."
    ),
    "only-the-tovholder-may-say-they-have-seen-it": _("Kun tovholderen kan sige, at det er set."),
    "only-a-leader-of-the-tovholders-unit-may-override": _("Kun en leder af tovholderens enhed kan placere barnet."),
    "the-receiver-holds-the-baton-already": _("Den valgte er allerede tovholder."),
    "the-effect-date-has-passed": _("Datoen er passeret."),
    "the-proposal-names-another-date": _("Forslaget nævner en anden dato."),
    "a-question-is-open-already": _("Der er allerede stillet et spørgsmål, som venter på svar."),
    "no-question-is-open": _("Spørgsmålet er allerede besvaret."),
    "another-reason-needs-words": _("Når årsagen er en anden, skal du skrive hvilken."),
    "the-seat-takes-nobody": _("Den valgte tager ikke imod børn lige nu."),
    "the-seat-is-unknown": _("Den valgte arbejder ikke i enheden mere."),
    "there-is-nobody-to-hand-over": _("Der er ingen børn at give videre."),
    "the-bulk-is-answered-already": _("Der er allerede svaret samlet."),
    "the-bulk-is-still-under-way": _("Børnene er ved at blive tilbudt. Vent et øjeblik."),
    "idempotency-key-was-used-for-another-request": _("Formularen er allerede sendt med et andet indhold."),
    "only-a-maternity-unit-may-notify": _(
        "Kun en jordemoder på en fødeafdeling eller i et jordemodercenter kan sende en anmeldelse."
    ),
    "the-receiver-is-unknown": _("Modtageren er ukendt."),
    "the-municipality-does-not-receive-here-yet": _("Modtagerens kommune tager ikke imod her endnu."),
    "an-absence-ends-after-it-begins": _("Sidste dag ligger før den første."),
    "absences-of-one-professional-do-not-overlap": _("Der er allerede registreret fravær i den periode."),
    "the-deputy-is-another-person": _("Man kan ikke være sin egen stedfortræder."),
    "the-deputy-needs-an-open-seat": _("Stedfortræderen arbejder ikke i enheden."),
    "a-start-lies-ahead": _("Starten skal ligge i fremtiden."),
    "the-municipality-lets-the-baton-stay": _(
        "Kommunens regel er, at tovholderen bliver den samme, når barnet starter i dagtilbud."
    ),
    "the-tovholder-has-decided-that-the-baton-stays": _("Tovholderen har besluttet at blive ved starten. Beslut det om først."),
    "the-parents-have-not-agreed": _(
        "En privat institution får intet uden forældrene. Beslut først ved starten, at tovholderen skifter."
    ),
    "this-child-has-an-open-start": _("Barnet har allerede en planlagt start."),
    "the-unit-is-no-daycare-of-this-municipality": _("Enheden er ikke et dagtilbud i kommunen."),
    "only-what-failed-is-told-in-person": _("Beskeden er nået frem på anden måde."),
    "not-understood": _("Der er noget, der ikke er skrevet rigtigt."),
}


class Words:
    """The same codes in one language."""

    def __init__(self, translations: NullTranslations, language: str) -> None:
        self._translations, self._language = translations, language

    def say(self, text: str) -> str:
        return str(self._translations.ugettext(text))

    def of(self, codes: dict[str, str] | str, code: Any) -> str:
        """A code in words; one that is not known here is shown as it is, with spaces."""
        known = ALL[codes] if isinstance(codes, str) else codes
        text = known.get(str(code))
        return self.say(text) if text else str(code).replace("-", " ").replace("_", " ").capitalize()

    def choices(self, name: str) -> list[tuple[str, str]]:
        """(code, words) for a list to choose from."""
        return [(code, self.say(text)) for code, text in ALL[name].items()]

    def deadline(self, due: Deadline) -> str:
        """`Svar senest torsdag 3. december (om 4 dage)`."""
        said = self._translations.ungettext
        if due.on is None:
            return self.say(_("Ingen frist lige nu"))
        if due.urgency == "overdue":
            if due.days == 0:
                return self.say(_("Fristen er overskredet i dag"))
            return str(said("Fristen er overskredet med %(num)d dag", "Fristen er overskredet med %(num)d dage", -due.days)) % {
                "num": -due.days
            }
        if due.days == 0:
            return self.say(_("Frist i dag"))
        if due.days == 1:
            return self.say(_("Frist i morgen, %(day)s")) % {"day": self._weekday(due.on)}
        return str(said("Frist %(day)s, om %(num)d dag", "Frist %(day)s, om %(num)d dage", due.days)) % {
            "day": self._weekday(due.on),
            "num": due.days,
        }

    def age(self, found: tuple[str, int]) -> str:
        unit, number = found
        forms = {
            "days": ("%(num)d dag gammel", "%(num)d dage gammel"),
            "weeks": ("%(num)d uge gammel", "%(num)d uger gammel"),
            "months": ("%(num)d måned gammel", "%(num)d måneder gammel"),
            "years": ("%(num)d år gammel", "%(num)d år gammel"),
        }
        return str(self._translations.ungettext(*forms[unit], number)) % {"num": number}

    def _weekday(self, on: date) -> str:
        english = self._language == "en"
        return str(format_date(on, "EEEE d MMMM" if english else "EEEE 'd.' d. MMMM", locale="en" if english else "da"))


ALL: dict[str, dict[str, str]] = {
    "unit-kind": UNIT_KINDS,
    "propose": PROPOSE_REASONS,
    "reason": {**PROPOSE_REASONS, **_MORE_REASONS, **DECLINE_REASONS},
    "decline": DECLINE_REASONS,
    "handover": HANDOVER_STATES,
    "why": WHY,
    "child": CHILD_STATES,
    "delivery": DELIVERY_STATES,
    "channel": CHANNELS,
    "fact": FACTS,
    "notification": NOTIFICATION_STATES,
    "notification-kind": NOTIFICATION_KINDS,
    "visit": VISITS,
    "visit-state": VISIT_STATES,
    "start": START_STATES,
    "support": SUPPORT,
    "recipient": RECIPIENTS,
    "purpose": PURPOSES,
    "job": JOB_STATES,
    "result": RESULTS,
    "withdrawal": WITHDRAWALS,
    "matter": MATTERS,
    "basis": BASES,
    "category": {},
    "refusal": REFUSALS,
}
