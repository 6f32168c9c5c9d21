"""What the services' codes are called on a family's own page: what was looked at and why, consents, letters."""


def _(text: str) -> str:
    """Marks a text for the catalogue; it is looked up where it is said."""
    return text


CONSENT_RECIPIENTS = {
    "health": _("Sundhedsplejen og andre i sundhedsvæsenet"),
    "daycare": _("Jeres dagtilbud: vuggestue, børnehave eller dagpleje"),
    "social": _("Kommunens børne- og familieområde"),
    "school": _("Skolen"),
    "other": _("Andre"),
}
CONSENT_PURPOSES = {
    "transition": _("Til en god start i dagtilbud"),
    "treatment": _("Til behandling og pleje"),
    "cooperation": _("Til samarbejde om jer"),
    "family-training": _("Til familietræning"),
    "group": _("Til et gruppeforløb"),
}
ABOUT_CHILD = {
    "identity": _("Barnets navn og fødselsdag"),
    "start": _("At barnet skal begynde, og hvornår"),
    "address": _("Adresse"),
    "practical": _("Praktiske forhold"),
    "development": _("Barnets udvikling"),
    "sleep": _("Barnets søvn"),
    "feeding": _("Barnets mad"),
    "contact-and-wellbeing": _("Kontakt og trivsel"),
    "family-situation": _("Familiens situation"),
}
ABOUT_MOTHER = {
    "mother-wellbeing": _("Min trivsel"),
    "mother-mood": _("Mit humør efter fødslen"),
    "mother-health": _("Mit helbred"),
}
CONSENT_STATES = {
    "given": _("Gælder"),
    "ahead": _("Begynder senere"),
    "ended": _("Udløbet"),
    "withdrawn": _("Trukket tilbage"),
}
LOOKED_AT = {
    "baton": _("Hvem der er tovholder"),
    "handover-text": _("Beskeder i en overdragelse"),
    "identity": _("Navn og fødselsdag"),
    "name": _("Barnets navn"),
    "mother": _("Mors oplysninger"),
    "notification": _("Fødestedets anmeldelse"),
    "overlevering": _("Oplysninger, der er givet videre"),
    "consent": _("Samtykker"),
    "start": _("Start i dagtilbud"),
    "transition": _("Forberedelse af starten"),
    "place": _("Plads i dagtilbud"),
    "visits": _("Besøg"),
    "screenings": _("Undersøgelser"),
    "parent-health": _("En forælders helbred"),
    "deliveries": _("Breve og beskeder"),
    "programmes": _("Tilbud og forløb"),
    "protected-address": _("Den beskyttede adresse"),
    "lookup": _("Søgning på CPR-nummer"),
    "contact": _("Kontaktoplysninger"),
    "pass": _("Log ind på jeres egen side"),
    "own-page": _("Jeres egen side"),
}
LOOKED_FOR = {
    "care": _("Hjælp til familien"),
    "call": _("Familien havde henvendt sig"),
    "notification": _("En anmeldelse"),
    "notice": _("For at give besked"),
    "plusplads": _("En plusplads skulle besluttes"),
    "supervision": _("Ledelse eller tilsyn"),
    "own-access": _("Jeres egen adgang"),
    "list": _("En liste over børn"),
    "caseload": _("En liste over egne børn"),
    "arrivals": _("En liste over børn på vej"),
    "registration": _("Registrering af barnet"),
    "preview": _("Et udkast"),
}
LOOKING_PARTIES = {
    "municipality": _("Et af kommunens systemer"),
    "organisation": _("Fødestedets system"),
    "service": _("Tovholder-systemet selv"),
    "family": _("Jer selv"),
}
LETTER_KINDS = {
    "tovholder_changed": _("Jeres tovholder"),
    "case_closed": _("I har ikke længere en tovholder"),
}
LETTER_STATES = {
    "queued": _("På vej"),
    "sent": _("Sendt"),
    "delivered": _("Leveret"),
    "seen": _("Læst"),
    "failed": _("Kom ikke frem med posten"),
    "told": _("Fortalt personligt"),
}
UNAVAILABLE = {
    "registry": _("hvem der er tovholder"),
    "daycare": _("start i dagtilbud"),
    "sundhedspleje": _("besøg og forløb"),
}
TAKING_PART = {
    "offered": _("I har fået tilbuddet og kan sige ja eller nej til jeres sundhedsplejerske"),
    "accepted": _("I har sagt ja"),
    "waiting": _("I står på ventelisten"),
    "running": _("I er i gang"),
}
REFUSALS = {
    "the-consent-is-already-withdrawn": _("Samtykket er allerede trukket tilbage."),
    "only-who-gave-a-consent-withdraws-it": _("Det er en anden, der har givet samtykket. Dit eget kan du trække tilbage."),
    "one-survey-in-ninety-days": _("I har fået et link til spørgeskemaet for nylig. I kan få et nyt senere."),
    "custody-is-not-registered-yet": _(
        "Forældremyndigheden er ikke registreret endnu. Indtil da er det mor, der giver samtykke."
    ),
    "only-a-holder-of-custody-may-consent": _("Kun den, der har forældremyndigheden, kan give samtykke for barnet."),
    "only-the-mother-may-consent-for-herself": _("Kun mor kan give samtykke til oplysninger om sig selv."),
    "a-consent-ends-after-it-begins": _("Den sidste dag ligger før i dag."),
    "a-consent-names-what-it-covers": _("Vælg mindst én oplysning."),
    "nobody-has-a-child-by-this-log-in": _("Du har ikke længere adgang til et barn her."),
}
ALL: dict[str, dict[str, str]] = {
    "consent-recipient": CONSENT_RECIPIENTS,
    "family-purpose": CONSENT_PURPOSES,
    "about-child": ABOUT_CHILD,
    "about-mother": ABOUT_MOTHER,
    "about-both": {**ABOUT_CHILD, **ABOUT_MOTHER},
    "family-consent-state": CONSENT_STATES,
    "looked-at": LOOKED_AT,
    "looked-for": LOOKED_FOR,
    "looking-party": LOOKING_PARTIES,
    "letter-kind": LETTER_KINDS,
    "letter-state": LETTER_STATES,
    "unavailable": UNAVAILABLE,
    "taking-part": TAKING_PART,
}
