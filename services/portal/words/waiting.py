"""What the services' codes are called of what others wait for: a plusplads that is asked for, a notice that reached nobody."""


def _(text: str) -> str:
    """Marks a text for the catalogue; it is looked up where it is said."""
    return text


WHY_NO_PLUSPLADS = {
    "none-is-free": _("Der er ingen ledig"),
    "not-trained-in-the-method": _("Dagtilbuddet er ikke uddannet i metoden"),
    "family-declined": _("Familien siger nej"),
    "placed-elsewhere": _("Barnet får plads et andet sted"),
    "other": _("Andet"),
}
ASKED_STATES = {
    "open": _("Venter på svar"),
    "reserved": _("Reserveret"),
    "declined": _("Afslået"),
    "lapsed": _("Bortfaldet, for barnets sag er afsluttet"),
}
TOLD_HOW = {"phone": _("I telefonen"), "in-person": _("Ansigt til ansigt"), "printed": _("I et brev, jeg selv har printet")}
WHY_FAILED = {
    "no-address": _("der er ingen adresse"),
    "family-unknown": _("familien er ikke kendt"),
    "no-postal-address": _("der er ingen adresse at sende brevet til"),
    "returned": _("brevet kom retur"),
    "refused": _("modtageren afviste det"),
    "refused-by-print": _("trykkeriet afviste brevet"),
    "no-receipt": _("trykkeriet har ikke svaret"),
    "no-adapter": _("kommunen sender ikke på den måde"),
    "address-malformed": _("adressen er ikke skrevet rigtigt"),
    "went-wrong": _("der gik noget galt hos os"),
    "no-mail-server": _("e-mail er ikke sat op"),
    "mail-server-away": _("mailserveren svarede ikke"),
    "mail-server-slow": _("mailserveren svarede for sent"),
    "accepted": _("taget imod"),
    "laid-for-print": _("lagt til print"),
    "do-not-contact": _("der skal ikke skrives til familien"),
    "no-longer-concerned": _("modtageren har ikke længere forældremyndigheden"),
}
REFUSALS = {
    "it-is-answered-already": _("Der er allerede svaret på det."),
    "only-who-leads-the-unit-or-places-children-answers": _(
        "Kun dagtilbuddets leder, barnets tovholder eller pladsanvisningen svarer."
    ),
    "only-what-failed-is-mended": _("Beskeden er nået frem på anden måde, eller nogen har taget sig af den."),
    "this-channel-does-not-reach-them": _("Den vej kan ikke bruges her. Vælg en anden."),
}
ALL: dict[str, dict[str, str]] = {
    "no-plusplads": WHY_NO_PLUSPLADS,
    "asked-state": ASKED_STATES,
    "told-how": TOLD_HOW,
    "failed-why": WHY_FAILED,
}
