"""What the codes of sundhedspleje and daycare are called by people, and what these two refuse."""


def _(text: str) -> str:
    """Marks a text for the catalogue; it is looked up where it is said."""
    return text


VISITS = {
    "need-visit": _("Behovsbesøg"),
    "cross-disciplinary-visit": _("Tværfagligt besøg"),
    "early-detection-visit": _("Besøg ved tidlig opsporing"),
    "eighteen-months-visit": _("Besøg ved 1½ år"),
    "three-years-visit": _("Besøg ved 3 år"),
    "extra-pregnancy-visit": _("Ekstra graviditetsbesøg"),
    "extra-newborn-visit": _("Ekstra besøg hos den nyfødte"),
}
VISIT_STATES = {"declined": _("Afslået af familien")}
WHERE = {
    "home": _("I hjemmet"),
    "clinic": _("I klinikken"),
    "institution": _("I dagtilbuddet"),
    "phone": _("Telefon"),
    "video": _("Video"),
}
DEVELOPMENT = {
    "age-appropriate": _("Alderssvarende"),
    "not-age-appropriate": _("Ikke alderssvarende"),
}
NO_VISIT = {
    "does-not-wish": _("Familien ønsker det ikke"),
    "has-other-help": _("Familien får anden hjælp"),
    "no-time": _("Familien har ikke tid"),
    "illness": _("Sygdom"),
    "away": _("Familien er bortrejst"),
    "other": _("Andet"),
}
NEEDS = {
    "feeding": _("Amning og ernæring"),
    "weight": _("Vægt"),
    "sleep": _("Søvn"),
    "crying": _("Gråd og uro"),
    "parent-child-contact": _("Kontakt mellem forældre og barn"),
    "child-well-being": _("Barnets trivsel"),
    "parent-well-being": _("Forældrenes trivsel"),
    "birth-experience": _("Fødselsoplevelsen"),
    "premature-birth": _("For tidlig fødsel"),
    "family-situation": _("Familiens situation"),
    "other": _("Andet"),
}
INSTRUMENTS = {
    "epds": _("EPDS"),
    "adbb": _("ADBB"),
    "puf": _("PUF"),
    "topi": _("TOPI"),
    "parent-child-contact": _("Kontakt mellem forældre og barn"),
}
RESULTS = {
    "green": _("Grøn"),
    "yellow": _("Gul"),
    "red": _("Rød"),
    "well-functioning": _("Velfungerende"),
    "slightly-affected": _("Let påvirket"),
    "challenged": _("Udfordret"),
}
WHOSE = {"child": _("Barnet"), "mother": _("Mor"), "other-parent": _("Den anden forælder")}
OUTCOMES = {
    "screened-again": _("Screenet igen"),
    "doctor-recommended": _("Kontakt til egen læge anbefalet"),
    "referred-to-doctor": _("Henvist til egen læge"),
    "support": _("Støtte ved psykisk reaktion eller sårbarhed"),
    "parent-group": _("Forældregruppe"),
    "contact-guidance": _("Vejledning i kontakt og samspil"),
    "parent-education": _("Forældreuddannelse i kontakt og samspil"),
    "programme-offered": _("Et forløb er tilbudt"),
    "other-area-recommended": _("Kontakt til et andet område i kommunen anbefalet"),
    "underretning": _("Underretning"),
    "nothing-more-needed": _("Der er ikke brug for mere"),
    "family-declines": _("Familien siger nej"),
    "recorded-in-error": _("Registreret ved en fejl"),
    "case-closed": _("Sagen er afsluttet"),
}
SCREENING_ERRORS = {
    "wrong-person": _("Forkert person"),
    "wrong-score": _("Forkert resultat"),
    "wrong-instrument": _("Forkert redskab"),
    "other": _("Andet"),
}
PROGRAMME_KINDS = {
    "visit-series": _("Besøg"),
    "individual-course": _("Individuelt forløb"),
    "group": _("Gruppe"),
    "parent-course": _("Forældrekursus"),
    "consultation": _("Konsultation"),
    "talk": _("Oplæg"),
    "forum": _("Forum"),
}
ENROLMENT_STATES = {
    "offered": _("Tilbudt, venter på svar"),
    "accepted": _("Sagt ja"),
    "waiting": _("På venteliste"),
    "running": _("I gang"),
    "completed": _("Gennemført"),
    "stopped": _("Stoppet"),
    "declined": _("Sagt nej"),
}
NO_PROGRAMME = {
    "no-need-felt": _("Familien oplever ikke et behov"),
    "no-time": _("Familien har ikke tid"),
    "too-far-away": _("For langt væk"),
    "language": _("Sproget"),
    "takes-part-elsewhere": _("Deltager i noget andet"),
    "does-not-want-a-group": _("Ønsker ikke en gruppe"),
    "consent-not-given": _("Vil ikke give samtykke"),
    "gives-no-reason": _("Oplyser ingen grund"),
    "other": _("Andet"),
}
STOPS = {
    "family-wishes": _("Familien ønsker det"),
    "other-effort-instead": _("En anden indsats i stedet"),
    "need-is-over": _("Der er ikke brug for det mere"),
    "moved-away": _("Familien er flyttet"),
    "other": _("Andet"),
}
MORE_STOPS = {
    "course-cancelled": _("Forløbet blev aflyst"),
    "consent-withdrawn": _("Samtykket er trukket tilbage"),
    "case-closed": _("Sagen er afsluttet"),
    "life-ended": _("Barnet er død, eller graviditeten er afsluttet"),
}
COURSE_STATES = {
    "planned": _("Planlagt"),
    "running": _("I gang"),
    "ended": _("Afsluttet"),
    "cancelled": _("Aflyst"),
}
SESSION_STATES = {"planned": _("Planlagt"), "held": _("Holdt"), "cancelled": _("Aflyst")}
ATTENDANCE = {"attended": _("Kom"), "excused": _("Afbud"), "absent": _("Kom ikke")}
COMPETENCES = {
    "sundhedsplejerske": _("Sundhedsplejerske"),
    "socialraadgiver": _("Socialrådgiver"),
    "familiebehandler": _("Familiebehandler"),
    "paedagog": _("Pædagog"),
}
# Why a family is offered something: the criteria of the programmes that come with the product. Others are shown by their code.
GROUNDS = {
    "child-expected": _("Barnet er ventet"),
    "child-born": _("Barnet er født"),
    "age-months": _("Barnets alder"),
    "weeks-before-due": _("Tid til terminen"),
    "need-visit-granted": _("Behovsbesøg"),
    "first-time-parent": _("Første barn"),
    "has-older-child": _("Familien har ældre børn"),
    "family-in-a-vulnerable-position": _("Familien er i en udsat position"),
    "first-worry": _("En begyndende bekymring"),
    "psychological-distress": _("En forælder har det svært psykisk"),
    "burdened-childhood": _("En forælder har haft en belastet barndom"),
    "serious-loss": _("Familien har lidt et alvorligt tab"),
    "traumatic-experience": _("En forælder har oplevet noget traumatisk"),
    "substance-use": _("Misbrug i familien"),
    "illness-or-disability": _("Sygdom eller handicap hos en forælder"),
    "hard-birth": _("En dårlig fødselsoplevelse"),
    "weak-network": _("Familien har et svagt netværk"),
    "unsure-in-the-parental-role": _("Usikkerhed i forældrerollen"),
    "child-does-not-thrive": _("Barnet trives ikke"),
    "young-parents": _("Unge forældre"),
    "wants-a-network": _("Familien ønsker et netværk"),
    "weak-parent-child-contact": _("Svag kontakt mellem forældre og barn"),
    "signs-of-distress-in-the-child": _("Tegn på mistrivsel hos barnet"),
}
ASSESSMENTS = {"acute": _("Der skal handles nu"), "not-acute": _("Der skal ikke handles akut")}
ITEMS = {
    "overlevering": _("Overlevering"),
    "meeting": _("Møde med forældrene"),
    "pedagogue": _("Navngiven pædagog"),
    "method": _("Metoden føres videre"),
}
OVERLEVERING = {
    "given": _("Givet"),
    "reduced": _("Givet, uden det der mangler samtykke"),
    "nothing-passed": _("Forsøgt, men intet måtte gives videre"),
    "declined-by-family": _("Familien har sagt udtrykkeligt nej"),
}
MEETINGS = {
    "planned": _("Planlagt"),
    "held": _("Holdt"),
    "declined-by-family": _("Familien sagde nej"),
    "cancelled": _("Aflyst"),
}
BATON = {"moves": _("Går med barnet"), "stays": _("Bliver hos tovholderen")}
BATON_RULES = {
    "stays": _("Kommunens regel: tovholderen fortsætter ved start i dagtilbud."),
    "tovholder-decides": _("Kommunens regel: tovholderen bestemmer."),
    "moves": _("Kommunens regel: rollen går med ved start i dagtilbud."),
}
HOLDINGS = {"held": _("Reserveret"), "taken": _("I brug"), "released": _("Frigivet")}
RELEASES = {
    "family-declined": _("Familien siger nej"),
    "no-longer-needed": _("Der er ikke brug for den mere"),
    "placed-elsewhere": _("Barnet får plads et andet sted"),
    "error": _("Reserveret ved en fejl"),
    "other": _("Andet"),
}
CANCELLATIONS = {
    "family": _("Familien ønsker det"),
    "placement": _("Pladsanvisningen har bestemt det"),
    "error": _("Planlagt ved en fejl"),
}
CATEGORIES = {
    "practical": _("Det praktiske"),
    "development": _("Udvikling"),
    "feeding": _("Mad og måltider"),
    "sleep": _("Søvn"),
    "contact-and-wellbeing": _("Kontakt og trivsel"),
    "family-situation": _("Familiens situation"),
    "mother-wellbeing": _("Mors trivsel"),
}
FACTS = {
    "pedagogue_named": _("Der er valgt en pædagog"),
    "transition_incomplete": _("Der mangler noget før starten i dagtilbud"),
    "place_reserved": _("En plusplads er reserveret"),
    "place_released": _("En plusplads er frigivet"),
    "need_visit_overdue": _("Et behovsbesøg er over fristen"),
    "systematic_screening_overdue": _("En systematisk screening er over fristen"),
    "follow_up_overdue": _("En opfølgning er over fristen"),
    "joint_visit_planned": _("Et fælles besøg er planlagt"),
    "programme_offered": _("Et forløb er tilbudt"),
    "programme_waiting": _("Familien er kommet på venteliste"),
    "programme_place_given": _("Familien har fået en plads"),
}
TASKS = {
    "visit": _("Besøg"),
    "joint": _("Fælles besøg"),
    "follow-up": _("Opfølgning"),
    "systematic": _("Systematisk screening"),
    "session": _("Gruppe eller kursus"),
    "gathering": _("Konsultation, oplæg eller forum"),
    "transition": _("Overgang til dagtilbud"),
    "plusplads": _("Svar, om en plusplads bliver holdt"),
    "untold": _("Nåede ikke frem"),
}
REFUSALS = {
    "only-the-health-visitor-plans-and-holds-visits": _(
        "Kun barnets sundhedsplejerske eller stedfortræderen kan registrere besøg."
    ),
    "the-visit-is-settled": _("Besøget er allerede afgjort."),
    "a-visit-is-held-on-a-day-that-has-come": _("Dagen skal være i dag eller tidligere, og efter at barnet blev kendt her."),
    "the-window-lies-ahead": _("Perioden skal slutte i dag eller senere og ikke før den begynder."),
    "the-child-is-no-more": _("Barnet er død, eller graviditeten er afsluttet."),
    "the-case-is-closed": _("Barnets sag er afsluttet."),
    "a-participant-works-in-an-active-unit-of-the-municipality": _("Den, der skal med, arbejder ikke i en enhed i kommunen."),
    "a-joint-visit-is-held-by-more-than-one": _("Det er et fælles besøg. Vælg, hvem der var med."),
    "the-family-agrees-to-a-joint-visit": _("Familien skal have sagt ja til, at andre er med."),
    "the-score-is-outside-the-instruments-range": _("Resultatet ligger uden for redskabets skala."),
    "the-instrument-is-for-someone-else": _("Redskabet er ikke til den, du har valgt."),
    "a-screening-is-made-on-a-day-that-has-come": _("Dagen skal være i dag eller tidligere, og barnet skal være født."),
    "the-parent-is-not-known": _("Vælg, hvem den anden forælder er."),
    "only-the-health-visitor-screens": _("Kun barnets sundhedsplejerske eller stedfortræderen kan registrere screeninger."),
    "the-follow-up-has-ended": _("Opfølgningen er allerede afsluttet."),
    "the-screening-was-withdrawn": _("Screeningen er allerede markeret som en fejl."),
    "only-the-tovholder-may-offer-a-programme": _("Kun tovholderen eller sundhedsplejersken kan tilbyde et forløb."),
    "the-family-is-not-among-those-it-is-for": _("Familien hører ikke til dem, forløbet er for. Vælg det, du vurderer."),
    "this-family-has-an-open-offer": _("Familien er allerede tilbudt forløbet."),
    "this-does-not-follow": _("Det kan ikke lade sig gøre, som tilbuddet står nu."),
    "the-consent-is-missing": _("Forløbet kræver et samtykke, og det er ikke givet endnu."),
    "this-is-another-programmes-course": _("Holdet hører til et andet forløb."),
    "this-programme-has-a-course": _("Familien skal have plads på et hold."),
    "who-continues-must-be-named": _("Vælg, hvem der fortsætter med familien."),
    "that-unit-does-not-continue-this": _("Den valgte enhed kan ikke fortsætte dette forløb."),
    "the-unit-that-continues-must-be-trained-in-the-method": _("Den, der fortsætter, skal være uddannet i metoden."),
    "the-unit-does-not-hold-courses": _("Enheden holder ikke hold eller kurser."),
    "the-programme-is-not-held-there": _("Forløbet holdes ikke på det sted."),
    "a-course-ends-after-it-begins": _("Sidste dag ligger før den første."),
    "the-course-has-more-places-than-its-programme": _("Forløbet har ikke så mange pladser."),
    "there-are-more-families-than-that": _("Der er allerede givet flere pladser end det."),
    "the-team-lacks-competences": _("Teamet mangler kompetencer. Sæt holdet, før det begynder."),
    "the-team-must-be-trained-in-the-method": _("Ingen i teamet er uddannet i metoden."),
    "the-course-is-not-open": _("Holdet er ikke åbent mere, eller det er ikke begyndt."),
    "a-course-has-no-session-beyond-its-programme": _("Der er planlagt så mange gange, som forløbet har."),
    "a-session-lies-within-its-course": _("Dagen skal ligge mellem holdets første og sidste dag."),
    "a-session-is-held-when-its-day-has-come": _("Dagen er ikke kommet endnu."),
    "only-a-planned-session-can-change": _("Gangen er allerede holdt eller aflyst."),
    "only-who-holds-it-may-change-a-course": _("Kun teamet og enhedens medarbejdere kan ændre holdet."),
    "too-few-sessions-were-held": _("Der er holdt for få gange til, at forløbet er gennemført."),
    "it-is-not-held-in-that-unit": _("Det holdes ikke i den slags enhed."),
    "this-is-no-gathering": _("Det er ikke noget, der holdes én gang for alle."),
    "a-gathering-takes-place-once": _("Det er allerede holdt eller aflyst."),
    "it-is-held-when-its-day-has-come": _("Dagen er ikke kommet endnu."),
    "these-are-not-known-here": _("En af de valgte er ikke kendt i kommunen."),
    "only-an-open-start-can-change": _("Starten er allerede sket eller aflyst."),
    "the-pedagogue-does-not-work-in-that-unit": _("Den valgte arbejder ikke i dagtilbuddet."),
    "nobody-named-the-method": _("Skriv først, hvilken metode familien har arbejdet med."),
    "the-unit-is-not-trained-in-the-method": _("Dagtilbuddet er ikke uddannet i metoden."),
    "only-the-tovholder-decides-whether-the-baton-moves": _("Kun tovholderen kan bestemme det."),
    "the-municipality-lets-the-baton-stay": _("Kommunens regel er, at tovholderen fortsætter."),
    "the-municipality-lets-the-baton-move": _("Kommunens regel er, at rollen går med barnet."),
    "the-parents-have-not-agreed": _("Forældrene har ikke givet samtykke til det private dagtilbud."),
    "a-meeting-is-held-today-or-before": _("Mødet kan ikke være holdt på en dag, der ikke er kommet."),
    "the-meeting-has-its-outcome": _("Mødet er allerede afgjort."),
    "only-a-child-who-has-started-settles": _("Barnet er ikke startet endnu, eller det er allerede faldet til."),
    "the-unit-is-full": _("Dagtilbuddet har ingen ledig plads fra den dag."),
    "no-plus-plads-is-free": _("Ingen plusplads er ledig fra den dag."),
    "the-unit-has-no-plus-plads": _("Dagtilbuddet har ingen plusplads med den metode."),
    "the-child-has-a-plus-plads-already": _("Barnet har allerede en plusplads."),
    "the-child-starts-elsewhere": _("Barnet skal starte i et andet dagtilbud. Flyt eller aflys starten først."),
    "the-place-is-released-already": _("Pladsen er allerede frigivet."),
    "the-start-needs-its-place": _("Der er ingen anden plads til barnets start. Flyt eller aflys starten først."),
    "a-child-who-has-started-leaves": _("Barnet er startet, så pladsen er i brug."),
    "a-reservation-lies-ahead": _("Pladsen kan tidligst reserveres fra i dag."),
    "an-underretning-goes-to-a-social-unit-of-the-municipality": _(
        "En underretning går til børne- og familieområdet i kommunen."
    ),
    "it-is-already-assessed": _("Underretningen er allerede vurderet."),
    "the-receipt-is-already-recorded": _("Kvitteringen er allerede registreret."),
    "only-who-receives-underretninger-assesses-them": _("Kun enheden, der har fået underretningen, kan vurdere den."),
    "one-text-cannot-be-divided": _("Skriv en tekst til hvert emne, så det, der må gives videre, kan stå alene."),
}

ALL: dict[str, dict[str, str]] = {
    "where": WHERE,
    "development": DEVELOPMENT,
    "no-visit": NO_VISIT,
    "need": NEEDS,
    "instrument": INSTRUMENTS,
    "result-of": RESULTS,
    "whose": WHOSE,
    "outcome": OUTCOMES,
    "screening-error": SCREENING_ERRORS,
    "programme-kind": PROGRAMME_KINDS,
    "enrolment": ENROLMENT_STATES,
    "no-programme": NO_PROGRAMME,
    "stop": STOPS,
    "ended-because": {**NO_PROGRAMME, **STOPS, **MORE_STOPS},
    "course": COURSE_STATES,
    "session": SESSION_STATES,
    "attendance": ATTENDANCE,
    "competence": COMPETENCES,
    "ground": GROUNDS,
    "assessment": ASSESSMENTS,
    "item": ITEMS,
    "overlevering": OVERLEVERING,
    "meeting": MEETINGS,
    "baton": BATON,
    "baton-rule": BATON_RULES,
    "holding": HOLDINGS,
    "release": RELEASES,
    "cancellation": CANCELLATIONS,
    "category": CATEGORIES,
    "task": TASKS,
}
