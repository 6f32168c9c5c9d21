"""What the services' codes are called on administrators' pages: what a system may hear of, and parts of visit plans."""


def _(text: str) -> str:
    """Marks a text for the catalogue; it is looked up where it is said."""
    return text


HEARD_KINDS = {
    "tovholder_changed": _("Ny tovholder"),
    "child_registered": _("Et barn er registreret"),
    "child_born": _("Et barn er født"),
    "handover_proposed": _("En overdragelse blev foreslået"),
    "handover_accepted": _("En overdragelse blev accepteret"),
    "handover_scheduled": _("En overdragelse blev aftalt"),
    "handover_rescheduled": _("En overdragelse fik ny dato"),
    "handover_effected": _("En overdragelse trådte i kraft"),
    "handover_declined": _("En overdragelse blev afslået"),
    "handover_withdrawn": _("En overdragelse blev trukket tilbage"),
    "handover_superseded": _("En overdragelse bortfaldt"),
    "handover_overdue": _("En frist er overskredet"),
    "case_closed": _("Sagen er afsluttet"),
    "case_reopened": _("Sagen er genåbnet"),
    "case_merged": _("To registreringer er det samme barn"),
    "case_separated": _("To registreringer er to børn"),
    "start_planned": _("Start i dagtilbud planlagt"),
    "start_moved": _("Start i dagtilbud flyttet"),
    "start_cancelled": _("Start i dagtilbud aflyst"),
    "transition_prepared": _("En overgang er forberedt"),
    "child_started": _("Barnet er startet i dagtilbud"),
    "visit_planned": _("Et besøg er planlagt"),
    "overlevering_given": _("En overlevering er givet"),
    "notification_received": _("En anmeldelse er modtaget"),
    "notification_placed": _("En anmeldelse er placeret"),
    "notification_withdrawn": _("En anmeldelse er trukket tilbage"),
}
REFUSALS = {
    "no-such-system-of-the-municipality": _("Systemet findes ikke mere, eller det må ikke høre om børn."),
    "the-host-is-not-registered": _(
        "Adressen er ikke godkendt på denne installation. Driften skal først tilføje den; den skal begynde med https."
    ),
    "there-is-no-kafka-here": _("Installationen har ingen Kafka. Vælg en webadresse."),
    "this-kind-does-not-leave": _("En af hændelserne sendes ikke til systemer."),
    "an-age-ends-after-it-begins": _("Den ældste alder skal være mindst lige så høj som den yngste."),
    "a-rule-of-that-name-stands-already": _("En anden har tilføjet en regel imens. Se reglerne igennem, og tilføj den igen."),
    "a-subscription-has-no-more-rules": _("Der kan højst være 20 regler. Fjern en først."),
    "the-last-rule-stays": _("Den eneste regel kan ikke fjernes. Sæt abonnementet på pause, eller afslut det."),
    "the-subscription-has-ended": _("Abonnementet er afsluttet."),
}
PLAN_PARTS = {
    "contact": _("Besøg"),
    "criterion": _("Kriterium"),
    "decline-reason": _("Grund til et nej"),
    "need-visit-reason": _("Grund til behovsbesøg"),
}
ALL: dict[str, dict[str, str]] = {"heard-kind": HEARD_KINDS, "plan-part": PLAN_PARTS}
