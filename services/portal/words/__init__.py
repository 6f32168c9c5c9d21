"""What the services' codes are called by people: reasons, states, kinds, and refusals."""

import re
from datetime import date
from typing import Any

from babel.dates import format_date
from babel.support import NullTranslations

from services.portal.domain import care_words
from services.portal.domain.deadlines import Deadline
from services.portal.words import family, systems, waiting


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
    "sent": _("Sendt"),
    "passed-on": _("Sendt til hver i familien"),
    "replaced": _("Prøvet ad en anden vej"),
    "delivered": _("Leveret"),
    "seen": _("Set"),
    "failed": _("Nåede ikke frem"),
    "told": _("Fortalt personligt"),
    "stopped": _("Stoppet"),
}
CHANNELS = {"inbox": _("Indbakke"), "email": _("E-mail"), "letter": _("Brev")}
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
    "plus_plads_overdue": _("Svaret om en plusplads er over fristen"),
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
    **care_words.FACTS,
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
    **care_words.VISITS,
}
VISIT_STATES = {
    "planned": _("Planlagt"),
    "held": _("Gennemført"),
    "missed": _("Ikke gennemført"),
    "lapsed": _("Bortfaldet"),
    "cancelled": _("Aflyst"),
    **care_words.VISIT_STATES,
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
CATEGORIES = {
    "practical": _("Praktiske oplysninger"),
    "development": _("Udvikling"),
    "feeding": _("Mad og amning"),
    "sleep": _("Søvn"),
    "language": _("Sprog"),
    "health": _("Helbred"),
    "identity": _("Hvem barnet er"),
    "start": _("At og hvornår barnet starter"),
    "mother-mood": _("Mors psykiske trivsel"),
    "mother-birth": _("Mors oplevelse af fødslen"),
    "mother-health": _("Mors helbred"),
}
CONSENT_PURPOSES = {
    "transition": _("Overgang til dagtilbud"),
    "treatment": _("Behandling i sundhedsvæsenet"),
    "support": _("Støtte til familien"),
    "cooperation": _("Samarbejde om barnet"),
}
CONSENT_STATES = {
    "given": _("Gælder"),
    "ahead": _("Gælder senere"),
    "ended": _("Udløbet"),
    "withdrawn": _("Trukket tilbage"),
}
SEEN_CLASSES = {
    "baton": _("Tovholder og overdragelser"),
    "identity": _("Hvem barnet er"),
    "name": _("Hvad barnet hedder"),
    "mother": _("Mor og forældre"),
    "protected-address": _("Beskyttet adresse"),
    "consent": _("Samtykker"),
    "notification": _("Anmeldelsen"),
    "overlevering": _("Overlevering"),
    "start": _("Start i dagtilbud"),
    "transition": _("Overgang til dagtilbud"),
    "place": _("Plads i dagtilbud"),
    "visits": _("Besøg"),
    "screenings": _("Screeninger"),
    "parent-health": _("Forældrenes screeninger"),
    "programmes": _("Indsatser"),
    "deliveries": _("Beskeder og breve"),
    "access-log": _("Hvem der har set oplysningerne"),
    "lookup": _("Søgning"),
    "own-page": _("Familiens egen side"),
}
SEEN_PURPOSES = {
    "care": _("Hjælp til familien"),
    "call": _("Familien har henvendt sig"),
    "notification": _("Der er kommet en anmeldelse"),
    "supervision": _("Ledelse eller tilsyn"),
    "registration": _("Registrering"),
    "notice": _("Besked skulle sendes"),
    "plusplads": _("En plusplads skulle besluttes"),
    "list": _("Overblik over egne børn"),
    "caseload": _("Overblik over egne børn"),
    "arrivals": _("Børn på vej i dagtilbud"),
    "preview": _("Forberedelse af overlevering"),
    "own-access": _("Familien selv"),
}
LETTERS = {"first": _("Den første tovholder"), "changed": _("Ny tovholder"), "closed": _("Sagen er afsluttet")}
SUBSCRIPTIONS = {"active": _("I gang"), "paused": _("På pause"), "ended": _("Afsluttet")}
PAUSES = {"by-owner": _("sat på pause af en person eller systemet selv"), "failing": _("modtageren har ikke svaret i tre dage"),
          "gone": _("modtageren siger, at den ikke findes mere")}  # fmt: skip
SUBSCRIPTION_CHANGES = {
    "made": _("Oprettet"),
    "tested": _("Prøve sendt"),
    "secret": _("Ny hemmelighed"),
    "paused": _("Sat på pause"),
    "resumed": _("Fortsat"),
    "replayed": _("Sendt igen fra et tidligere punkt"),
    "rule-added": _("En regel tilføjet"),
    "rule-removed": _("En regel fjernet"),
    "ended": _("Afsluttet"),
}
PROGRAMME_CHANGES = {"new": _("Ny"), "changed": _("Ændret"), "ended": _("Slutter")}
PARTS = {
    "baton": _("Tovholder og overdragelser"),
    "visits": _("Besøg"),
    "programmes": _("Indsatser"),
    "screenings": _("Screeninger og udvikling"),
    "daycare": _("Dagtilbud"),
    "outcome": _("Hvad der kommer ud af det"),
}
COUNTED = {
    **VISITS,
    **DECLINE_REASONS,
    "accepted": _("Sagt ja"),
    "declined": _("Sagt nej"),
    "withdrawn": _("Trukket tilbage"),
    "superseded": _("Bortfaldet"),
    "held": _("Gennemført"),
    "missed": _("Ikke gennemført"),
    "none": _("Andet"),
    "completed": _("Gennemført forløb"),
    "stopped": _("Stoppet før tid"),
    "knew-tovholder": _("Vi vidste hele tiden, hvem der var vores tovholder"),
    "listened-to": _("Vi blev lyttet til"),
    "coherent": _("Der var sammenhæng, når en ny person tog over"),
    "helped": _("Tilbuddet hjalp os i hverdagen med vores barn"),
}
COUNTED_UNITS = {"days": _("dage"), "score": _("i snit"), "sessions": _("mødegange")}
PROFESSIONALS = {"active": _("Ansat"), "leaving": _("Fratræder"), "left": _("Fratrådt")}
RULES = {
    "answer_working_days": _("Arbejdsdage til at svare på en overdragelse"),
    "remind_working_days_before": _("Påmindelse så mange arbejdsdage før fristen"),
    "escalate_working_days": _("Arbejdsdage efter fristen, før en leder inddrages"),
    "absence_limit_days": _("Dages fravær, før en anden træder i stedet"),
    "support_days": _("Dage, en tidligere tovholder støtter"),
    "closing_age": _("Sagen afsluttes 1. august i det år, barnet fylder"),
}
CHANGED_KINDS = {
    "municipality": _("Kommunens regler"),
    "unit": _("Enhed"),
    "professional": _("Medarbejder"),
    "intake": _("Modtagelse"),
    "client": _("System"),
    "absence": _("Fravær"),
}
SIGNS = {"+": _("Oprettet"), "~": _("Ændret"), "-": _("Afsluttet")}
CHANGED = {
    **RULES,
    "name": _("Navn"),
    "email": _("E-mail"),
    "login": _("Log ind"),
    "issuer": _("Log ind-tjeneste"),
    "state": _("Tilstand"),
    "leaving_on": _("Sidste dag"),
    "administers": _("Administrator"),
    "seats": _("Pladser"),
    "competences": _("Kompetencer"),
    "kind": _("Slags"),
    "parent": _("Hører under"),
    "district": _("Distrikt"),
    "private": _("Privat"),
    "active": _("I brug"),
    "sor": _("SOR-numre"),
    "enabled": _("Med i systemet"),
    "closing_days": _("Lukkedage"),
    "hospital_notification_basis": _("Hjemmel til beskeder om indlæggelse"),
    "lead": _("Tager imod"),
    "deputy": _("Stedfortræder"),
    "leader": _("Leder"),
    "from_on": _("Fra"),
    "until_on": _("Til og med"),
    "ended_on": _("Tilbage den"),
    "roles": _("Roller"),
    "sends_for": _("Sender for"),
}
_VALUES = {"True": _("ja"), "False": _("nej"), "None": _("ingen"), "none": _("ingen")}
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
    "only-a-holder-of-custody-may-consent": _("Kun den, der har forældremyndighed, kan give samtykke."),
    "custody-is-not-registered-yet": _("Forældremyndigheden er ikke registreret; indtil da giver mor alene samtykke."),
    "only-the-mother-may-consent-for-herself": _("Kun mor kan give samtykke om sig selv."),
    "a-consent-ends-after-it-begins": _("Sidste dag ligger før den første."),
    "a-consent-names-what-it-covers": _("Samtykket siger ikke klart, hvad det omfatter."),
    "the-consent-is-already-withdrawn": _("Samtykket er allerede trukket tilbage."),
    "a-day-of-effect-lies-ahead": _("Filen kan tidligst gælde fra i morgen."),
    "another-file-is-coming": _("En anden fil venter på sin dag. Tag den tilbage først."),
    "only-a-coming-file-is-taken-back": _("Filen er trådt i kraft. En ny fil ændrer den fra en senere dag."),
    "a-login-belongs-to-one-professional": _("En anden medarbejder har allerede det log ind."),
    "a-sor-number-stands-for-one-unit": _("En anden enhed har allerede det SOR-nummer."),
    **family.REFUSALS,
    **systems.REFUSALS,
    **waiting.REFUSALS,
    **care_words.REFUSALS,
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

    def party(self, text: str) -> str:
        """`municipality:0990` as `Kommune 0990`: on whose behalf somebody looked."""
        kind, _sign, code = text.partition(":")
        names = {
            "municipality": self.say(_("Kommune")),
            "organisation": self.say(_("Region")),
            "family": self.say(_("Familien selv")),
            "service": self.say(_("Systemet selv")),
            "machine": self.say(_("Systemet selv")),
        }
        found = names.get(kind, kind)
        return f"{found} {code}".strip() if kind in ("municipality", "organisation") else found

    def period(self, text: str) -> str:
        """`2026-Q1` as `1. kvartal 2026`, a year as it is."""
        year, _sign, quarter = text.partition("-Q")
        return self.say(_("%(number)s. kvartal %(year)s")) % {"number": quarter, "year": year} if quarter else year

    def difference(self, said: str) -> str:
        """A line of the directory's history: `private False → True` as `Privat: nej → ja`."""
        name, _, rest = said.partition(" ")
        rest = re.sub(r"\b(True|False|None|none)\b", lambda value: self.say(_VALUES[value[0]]), rest).replace(" in ", ", ")
        return f"{self.of('changed', name)}: {rest}" if rest else self.of("changed", name)

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
    "professional": PROFESSIONALS,
    "rule": RULES,
    "part": PARTS,
    "programme-change": PROGRAMME_CHANGES,
    "consent-category": CATEGORIES,
    "consent-purpose": CONSENT_PURPOSES,
    "consent-state": CONSENT_STATES,
    "seen-class": SEEN_CLASSES,
    "seen-purpose": SEEN_PURPOSES,
    "letter": LETTERS,
    "subscription": SUBSCRIPTIONS,
    "pause": PAUSES,
    "subscription-change": SUBSCRIPTION_CHANGES,
    "counted": COUNTED,
    "counted-unit": COUNTED_UNITS,
    "changed-kind": CHANGED_KINDS,
    "changed": CHANGED,
    "sign": SIGNS,
    "refusal": REFUSALS,
    **family.ALL,
    **systems.ALL,
    **waiting.ALL,
    **care_words.ALL,
}
