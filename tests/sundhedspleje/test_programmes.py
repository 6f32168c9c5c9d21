"""Programmes as data: whom they are for and why, what may follow what, and a file whose every mistake is told by its line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.errors import NotFound
from services.events.sundhedspleje import PlusPladsAsked
from services.sundhedspleje.domain.programmes import courses, definitions, eligibility, enrolling
from services.sundhedspleje.domain.programmes.courses import Course, Member
from services.sundhedspleje.domain.programmes.definitions import Programme, Programmes
from services.sundhedspleje.domain.programmes.eligibility import Explanation, Facts, Screened
from services.sundhedspleje.domain.programmes.enrolling import OPEN, TRANSITIONS, Continuing, Enrolment, Room
from services.sundhedspleje.repository import plans

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 9, 1)
FOLDERS = sorted(it.name for it in files("services.sundhedspleje").joinpath("plans").iterdir())
SHIPPED = {code: plans.programmes(code) for code in FOLDERS}

WRONG = """\
title: Noget
methods:
  - {key: cos-p, title: COS-P, version: v1}
programmes:
  - key: gruppe
    title: Gruppe
    kind: grupe
    effective_from: 2026-13-01
    handelguide: trin-1
  - key: kursus
    title: Kursus
    kind: group
    effective_from: 2026-01-01
    offered_to:
      any:
        - {age_months: {from: 0, to: 12}, child: born}
        - {age_months: {fra: 0, to: 12}}
"""
UNFIT = """\
title: Noget
handleguide:
  trin-1: {title: Trin 1, address: "https://handleguide.example/1"}
programmes:
  - key: gruppe
    title: Gruppe
    kind: group
    effective_from: 2026-01-01
    method: cos-p
    sessions: {min: 8, max: 6}
    capacity: 8
    places: [biblioteket]
    handleguide: trin-2
    afterwards: {programme: noget-andet}
  - key: oplaeg
    title: Oplæg
    kind: talk
    effective_from: 2026-01-01
    offered_to: {all: [{child: born}]}
    capacity: 3
"""


def born(months: float, **more: object) -> Facts:
    return replace(Facts(TODAY, "born", born_on=TODAY - timedelta(days=round(months * 30.5))), **more)  # type: ignore[arg-type]


def of(code: str, key: str, on: date = TODAY) -> Programme:
    found = SHIPPED[code].programme(key, on)
    assert found is not None
    return found


def explain(code: str, key: str, facts: Facts) -> Explanation:
    return eligibility.explain(of(code, key).offered_to, facts)


# -- Whom it is for -----------------------------------------------------------------------------------------------------------


def test_an_expecting_woman_is_chosen_for_klar_til_baby_in_the_right_weeks_and_for_a_reason() -> None:
    expected = Facts(TODAY, "expected", due_on=TODAY + timedelta(weeks=12))

    chosen = explain("0992", "klar-til-baby", eligibility.judged(expected, ["young-parents"]))
    without, too_late = explain("0992", "klar-til-baby", expected), replace(expected, due_on=TODAY + timedelta(weeks=1))

    assert (chosen.met, chosen.codes) == (True, ["child-expected", "weeks-before-due", "judged:young-parents"])
    assert (without.met, without.if_judged) == (False, ("unsure-in-the-parental-role", "young-parents"))
    assert explain("0992", "klar-til-baby", too_late).lacking[0].code == "weeks-before-due"


def test_family_training_is_for_those_whose_screening_of_contact_is_at_or_above_the_threshold() -> None:
    """The source document: if the screening points to a need for support of the relation, a training is begun."""
    above, below, mothers = Screened("adbb", "child", True), Screened("adbb", "child", False), Screened("epds", "mother", True)

    assert explain("0993", "familietraening", born(5, screenings=(above,))).codes == ["age-months", "screening-adbb-child"]
    for others in ((below,), (mothers,), ()):
        assert not explain("0993", "familietraening", born(5, screenings=others)).met
    assert not explain("0993", "familietraening", born(30, screenings=(above,))).met


@pytest.mark.parametrize("code", ["psychological-distress", "burdened-childhood", "serious-loss"])
def test_two_more_visits_are_for_families_with_distress_a_burdened_childhood_or_a_serious_loss(code: str) -> None:
    found = explain("0995", "to-besoeg-mere", born(17, vulnerabilities=frozenset({code})))

    assert (found.met, found.codes) == (True, ["age-months", f"vulnerability:{code}"])
    assert not explain("0995", "to-besoeg-mere", born(17)).met


def test_what_is_not_known_of_a_family_is_never_taken_as_so() -> None:
    group = of("0996", "familiegruppe").offered_to

    assert not eligibility.explain(group, born(3, first_time_parent=None)).met
    assert not eligibility.explain(group, replace(born(3, first_time_parent=True), born_on=None)).met
    assert eligibility.explain(group, born(3, first_time_parent=True)).met


@given(st.sampled_from(sorted(SHIPPED)), st.integers(0, 40), st.sets(st.sampled_from(["serious-loss", "weak-network"])))
def test_every_answer_has_its_reason(code: str, months: int, vulnerable: set[str]) -> None:
    for programme in SHIPPED[code].in_force(TODAY):
        found = eligibility.explain(programme.offered_to, born(months, vulnerabilities=frozenset(vulnerable)))

        assert found.because or found.lacking or found.one_of or programme.offered_to.open_to_all
        assert not (found.met and (found.lacking or found.one_of))
        assert all(finding.says for finding in (*found.because, *found.lacking, *found.one_of))


# -- What may follow what -------------------------------------------------------------------------------------------------------


def enrolment(state: str = "offered", programme: str = "familiegruppe", **more: object) -> Enrolment:
    made = Enrolment(uuid4(), uuid4(), "0996", programme, "group", TODAY, "offered", (), uuid4(), uuid4())
    return replace(made, state=state, **more)  # type: ignore[arg-type]


def acts(of: Enrolment) -> Iterator[tuple[str, object]]:
    """Everything that can be tried with an enrolment, by the state it leads to."""
    course = of.waits_for or of.course or uuid4()
    yield "accepted", lambda: enrolling.accept(of, None, True)
    yield "declined", lambda: enrolling.decline(of, "no-time")
    yield "waiting", lambda: enrolling.place(of, Room(course, of.programme, False, 0))
    yield "running", lambda: enrolling.begin(of)
    yield "completed", lambda: enrolling.complete(of, of_no_unit(), None)
    yield "stopped", lambda: enrolling.stop(of, "family-wishes")


def of_no_unit() -> Programme:
    return of("0994", "cos-p-gruppe")


@pytest.mark.parametrize("state", sorted(TRANSITIONS))
def test_only_what_the_table_allows_can_follow_and_each_step_is_said(state: str) -> None:
    at = enrolment(state, waits_for=uuid4() if state == "waiting" else None)

    for leads_to, act in acts(at):
        if leads_to in TRANSITIONS[state]:  # type: ignore[index]
            decided = act()  # type: ignore[operator]
            assert decided.enrolment.state == leads_to
            assert decided.events
        else:
            with pytest.raises(enrolling.ThisDoesNotFollow):
                act()  # type: ignore[operator]


def test_an_end_is_an_end() -> None:
    assert {state for state, following in TRANSITIONS.items() if not following} == set(TRANSITIONS) - set(OPEN)


def test_a_place_in_a_running_course_begins_at_once_and_a_full_course_makes_wait() -> None:
    offered = enrolment()
    running, full = (Room(uuid4(), offered.programme, True, free) for free in (1, 0))

    begun, waiting = enrolling.accept(offered, running, True), enrolling.accept(offered, full, True)

    assert (begun.enrolment.state, begun.enrolment.course) == ("running", running.course)
    assert [type(event).__name__ for event in begun.events] == ["ProgrammeAccepted", "ProgrammeStarted"]
    assert (waiting.enrolment.state, waiting.enrolment.waits_for, waiting.enrolment.course) == ("waiting", full.course, None)
    assert enrolling.next_in_line(waiting.enrolment, False).enrolment.course == full.course
    with pytest.raises(enrolling.ThisIsAnotherProgrammesCourse):
        enrolling.accept(offered, replace(running, programme="another"), True)


def test_without_the_consent_that_is_needed_there_is_no_yes() -> None:
    with pytest.raises(enrolling.TheConsentIsMissing):
        enrolling.accept(enrolment(), None, consented=False)


def test_a_daycare_goes_on_only_where_somebody_is_trained_in_the_same_method() -> None:
    """The source document: the institution is trained in the method of the family training, and can go on with it."""
    training, running = of("0993", "familietraening"), enrolment("running", "familietraening")
    trained = Continuing(uuid4(), "institution", True, None, True, True)

    done = enrolling.complete(running, training, trained)

    assert (done.enrolment.continues, training.afterwards.plusplads) == (trained.unit, True)
    # That institution is asked for a plusplads, in this method; where the programme reserves none, nobody is.
    (asked,) = [event for event in done.events if isinstance(event, PlusPladsAsked)]
    assert (asked.unit, asked.method, asked.enrolment) == (trained.unit, training.method, running.id)
    without = training.model_copy(update={"afterwards": training.afterwards.model_copy(update={"plusplads": False})})
    assert [type(event).__name__ for event in enrolling.complete(running, without, trained).events] == ["ProgrammeEnded"]
    with pytest.raises(enrolling.TheUnitThatContinuesMustBeTrainedInTheMethod):
        enrolling.complete(running, training, replace(trained, trained=False))
    for wrong in (replace(trained, kind="dagpleje"), replace(trained, active=False), replace(trained, works_there=False)):
        with pytest.raises(enrolling.ThatUnitDoesNotContinueThis):
            enrolling.complete(running, training, wrong)
    with pytest.raises(enrolling.WhoContinuesMustBeNamed):
        enrolling.complete(running, training, None)


def test_only_the_tovholder_or_the_deputy_offers_and_a_stranger_learns_nothing() -> None:
    enrolling.may_offer({"deputy"})
    with pytest.raises(enrolling.OnlyTheTovholderMayOfferAProgramme):
        enrolling.may_offer({"leader", "team"})
    with pytest.raises(NotFound):
        enrolling.may_offer(set())


# -- Courses --------------------------------------------------------------------------------------------------------------------


def planned(**more: object) -> Course:
    training, ends_on = of("0993", "familietraening"), TODAY + timedelta(weeks=12)
    course, _ = courses.plan(uuid4(), "0993", training, uuid4(), TODAY, ends_on, None, None, [])
    return replace(course, **more)  # type: ignore[arg-type]


def member(*competences: str, trained: tuple[tuple[str, str], ...] = ()) -> Member:
    return Member(uuid4(), True, frozenset(competences), frozenset(trained))


def test_family_training_is_held_by_a_team_with_three_competences_and_the_method_in_a_version_that_counts() -> None:
    """The source document: a team with the competences of health visitor, social worker and family therapist."""
    training, method = of("0993", "familietraening"), SHIPPED["0993"].method("familietraening")
    nurse, social = member("sundhedsplejerske"), member("socialraadgiver")
    therapist = member("familiebehandler", trained=(("familietraening", "v1"),))
    assert method is not None

    assert courses.start(planned(), training, method, [nurse, social, therapist]).state == "running"
    with pytest.raises(courses.TheTeamLacksCompetences) as refused:
        courses.start(planned(), training, method, [nurse, therapist])
    assert refused.value.more == {"lacking": ["socialraadgiver"]}
    for version in (("familietraening", "v0"), ("cos-p", "v2")):
        with pytest.raises(courses.TheTeamMustBeTrainedInTheMethod):
            courses.start(planned(), training, method, [nurse, social, member("familiebehandler", trained=(version,))])


def test_an_expecting_woman_of_whom_the_midwife_has_told_is_visited_before_the_usual_visit() -> None:
    early = of("0993", "tidlig-indsats-foer-foedslen")
    (visit,) = [each for each in plans.visit_plans("0993").plans[-1].contacts if each.kind in early.visits]
    (usual,) = [each for each in plans.visit_plans("0993").plans[-1].contacts if each.kind == "pregnancy-visit"]

    assert early.offered_to.grounds() == {"told-by-the-midwife"}
    assert visit.until_week is not None
    assert usual.from_week is not None
    assert visit.until_week < usual.from_week


def test_family_training_has_eight_to_ten_sessions() -> None:
    course = planned(state="running")
    sessions: list[courses.Session] = []
    for week in range(10):
        session = courses.plan_session(uuid4(), course, sessions, TODAY + timedelta(weeks=week))
        sessions.append(replace(session, state="held"))

    with pytest.raises(courses.ACourseHasNoSessionBeyondItsProgramme):
        courses.plan_session(uuid4(), course, sessions, TODAY)
    with pytest.raises(courses.TooFewSessionsWereHeld):
        courses.end(course, held=7)
    assert courses.end(course, held=8).state == "ended"
    assert [session.number for session in sessions] == list(range(1, 11))


def test_a_parent_course_is_held_at_one_of_its_three_places() -> None:
    parents = of("0995", "foraeldrekursus")

    held = [
        courses.plan(uuid4(), "0995", parents, uuid4(), TODAY, TODAY, place, None, [])[0].place
        for place in ("mindsteby", "skovhusene", "moelleaasen")
    ]

    assert held == parents.places
    for place in (None, "elsewhere"):
        with pytest.raises(courses.TheProgrammeIsNotHeldThere):
            courses.plan(uuid4(), "0995", parents, uuid4(), TODAY, TODAY, place, None, [])


# -- The file -------------------------------------------------------------------------------------------------------------------


def written(folder: Path, text: str) -> Path:
    file = folder / "programmes.yaml"
    file.write_text(text)
    return file


def told(file: Path) -> list[str]:
    with pytest.raises(plans.TheFileMakesNoSense) as wrong:
        plans.read(file, Programmes)
    return [mistake.partition("programmes.yaml:")[2] for mistake in wrong.value.mistakes]


def test_every_mistake_is_told_by_its_line_with_what_is_allowed(tmp_path: Path) -> None:
    found = told(written(tmp_path, WRONG))

    assert sorted(line.split(":")[0] for line in found) == ["16", "17", "17", "7", "8", "9"], found
    assert found[0].startswith("7: programmes.0.kind is none of those there are. Allowed: 'visit-series', 'individual-course'")
    assert "Allowed: a date, like 2026-08-01" in found[1]
    assert "programmes.0.handelguide is not known. Allowed: key, title, kind" in found[2]
    assert any("exactly one thing. Allowed: child, age_months" in line for line in found)
    assert any(line.endswith("age_months.fra is not known. Allowed: from, to") for line in found)
    assert any(line.endswith("age_months.from is missing. Allowed: from, to") for line in found)


def test_what_does_not_fit_together_is_told_too(tmp_path: Path) -> None:
    found = told(written(tmp_path, UNFIT))

    assert found == [
        "9: programmes.0.method: cos-p is not one of methods. Allowed: none, as there are none",
        "10: programmes.0.sessions.max: is less than min. Allowed: 8 or more",
        "12: programmes.0.places.0: biblioteket is not one of places. Allowed: none, as there are none",
        "13: programmes.0.handleguide: trin-2 is not a step of handleguide. Allowed: trin-1",
        "14: programmes.0.afterwards.programme: noget-andet is not one of programmes. Allowed: gruppe, oplaeg",
        "19: programmes.1.offered_to: a talk is for staff. Allowed: held_in instead",
        "20: programmes.1.capacity: a talk has no capacity. Allowed: to leave it out",
    ]


@pytest.mark.parametrize(
    "text", ["title: A\ntitle: B\n", "title: [\n", "", "- title\n", "title: A\nprogrammes: {}\n", "a: &a [*a]"]
)
def test_whatever_stands_there_instead_is_told_by_its_line_and_never_a_crash(tmp_path: Path, text: str) -> None:
    assert told(written(tmp_path, text))[0].split(":")[0] in ("1", "2")


def test_a_change_counts_from_its_date_and_rewrites_nothing_planned_before() -> None:
    before = of("0992", "klar-til-baby")
    after = before.model_copy(update={"effective_from": date(2027, 1, 1), "capacity": 4})
    both = Programmes(title="x", methods=SHIPPED["0992"].methods, programmes=[before, after])

    assert both.programme("klar-til-baby", date(2026, 12, 31)) == before
    assert both.programme("klar-til-baby", date(2027, 1, 1)) == after
    assert both.as_offered("klar-til-baby", before.effective_from) == before
    assert list(definitions.changes(both)) == [definitions.Change("klar-til-baby", date(2027, 1, 1), ("capacity",))]


def test_the_visits_of_a_visit_series_stand_in_the_visit_plan_of_the_same_municipality() -> None:
    for code, shipped in SHIPPED.items():
        known = {contact.kind for plan in plans.visit_plans(code).plans for contact in plan.contacts}
        assert {visit for programme in shipped.programmes for visit in programme.visits} <= known, code


def test_what_counts_as_recorded_of_a_family_can_be_recorded_there_and_what_counts_as_screened_be_screened() -> None:
    for code, shipped in SHIPPED.items():
        criteria = {each.code for each in plans.visit_plans(code).criteria}
        instruments = {each.code: set(each.whose) for each in plans.screenings(code).instruments}
        asked = [each for it in shipped.programmes for each in (*it.offered_to.all, *it.offered_to.any)]
        assert {code for each in asked for code in each.vulnerability or ()} <= criteria, code
        for screening in (each.screening for each in asked if each.screening):
            assert screening.of is None or screening.of in instruments[screening.instrument], code


def test_each_of_the_five_towns_has_every_effort_at_its_step_of_the_handleguide() -> None:
    fives = {code: shipped for code, shipped in SHIPPED.items() if code != plans.STANDARD}

    assert len(fives) == 5
    for shipped in fives.values():
        for programme in shipped.programmes:
            step = shipped.step(programme.handleguide)
            assert step is not None
            assert step.address.startswith("https://")


def test_the_page_of_the_programmes_names_only_tests_and_programmes_that_are_there() -> None:
    page = (ROOT / "docs" / "programmes.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    named = set(re.findall(r"`(test_\w+)…?`", page))
    unknown = {name for name in named if f"def {name}" not in tests}
    keys = set(re.findall(r"\| 099\d `([a-z-]+)`", page))

    assert named
    assert unknown == set()
    assert keys <= {programme.key for shipped in SHIPPED.values() for programme in shipped.programmes}
