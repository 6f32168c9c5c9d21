-- A visit's life, need-based visits and their systematic screening, screenings with thresholds and follow-ups, what is recorded of a family, underretninger.
-- Rules that must not break stand here once more, beside the pure code.

-- Who visits: the last tovholder of a unit of sundhedspleje or of the intake. plan_on: date of effect of the plan the visits follow; null asks the clock to plan them again.
alter table child_case add column visitor uuid, add column visitor_unit uuid, add column plan_on date;
create index caseload_of_visitor on child_case (visitor, child);
create index visitor_unknown on child_case (holder_unit) where visitor is null;
create index to_plan_again on child_case (municipality, plan_on nulls first) where not closed and not life_ended;

create table municipality (code char(4) primary key, closing_days date[] not null);

drop index one_visit_of_a_kind;
alter table visit drop constraint visit_state_check;
alter table visit
  add column by_hand boolean not null default false,
  add column because text[] not null default '{}',
  add column reason text,
  add column declined_reason text,
  add column joint_with text[] not null default '{}',
  add column held_on date,
  add column development text check (development in ('age-appropriate', 'not-age-appropriate')),
  add column held_where text check (held_where in ('home', 'clinic', 'institution', 'phone', 'video')),
  add column settled_by uuid,
  add column granted_by uuid,
  add column granted_at timestamptz,
  add column overdue_said boolean not null default false,
  add constraint visit_state_check check (state in ('planned', 'held', 'missed', 'declined', 'lapsed')),
  add constraint only_a_visit_held_found_something check (development is null or state = 'held'),
  add constraint a_visit_is_held_on_a_day check ((state = 'held') = (held_on is not null and held_where is not null)),
  add constraint a_visit_is_declined_with_a_reason check ((state = 'declined') = (declined_reason is not null)),
  add constraint a_need_visit_is_granted_with_a_reason check ((kind = 'need-visit') = (reason is not null and granted_by is not null));
create unique index one_visit_of_a_kind on visit (child, kind) where kind <> 'need-visit';
create index visits_of_child on visit (child, from_on);
create index visits_ahead on visit (from_on, id) where state = 'planned';
create index need_visits_ahead on visit (until_on) where state = 'planned' and kind = 'need-visit' and not overdue_said;

create table visit_participant (
  visit uuid not null references visit,
  professional uuid not null,
  unit uuid not null,
  unit_kind text not null,
  municipality char(4) not null,
  took_part boolean,
  primary key (visit, professional, unit)
);
create index invited on visit_participant (professional, visit);

-- Why a family may be offered more than all are; recorded by whom and when. About parents: seen apart.
create table family_criterion (
  id uuid primary key,
  child uuid not null references child_case,
  municipality char(4) not null,
  criterion text not null,
  recorded_by uuid not null,
  recorded_at timestamptz not null,
  ended_by uuid,
  ended_at timestamptz,
  check ((ended_by is null) = (ended_at is null))
);
create unique index a_criterion_stands_once on family_criterion (child, criterion) where ended_at is null;

-- The systematic screening that a need-based visit opens, one row each; its parts are done by screenings made since.
create table systematic_screening (
  id uuid primary key,
  visit uuid not null unique references visit,
  child uuid not null references child_case,
  municipality char(4) not null,
  opened_on date not null,
  due_on date not null check (due_on >= opened_on),
  parts text[] not null check (cardinality(parts) > 0),
  parts_done text[] not null default '{}' check (parts_done <@ parts),
  state text not null default 'open' check (state in ('open', 'done', 'lapsed')),
  overdue_said boolean not null default false,
  constraint a_screening_is_done_with_all_its_parts check ((state = 'done') = (parts <@ parts_done))
);
create index systematic_open on systematic_screening (due_on) where state = 'open';
create index systematic_of_child on systematic_screening (child);

create table threshold (
  municipality char(4) not null,
  instrument text not null,
  whose text not null check (whose in ('child', 'mother', 'other-parent')),
  from_on date not null,
  score int not null check (score between 0 and 1000),
  set_by uuid not null,
  set_at timestamptz not null,
  primary key (municipality, instrument, whose, from_on)
);
create function threshold_goes_forward() returns trigger language plpgsql as $$ begin
  perform pg_advisory_xact_lock(hashtextextended('threshold ' || new.municipality || new.instrument || new.whose, 0));
  if new.from_on < (new.set_at at time zone 'Europe/Copenhagen')::date or exists (select from threshold t
      where t.municipality = new.municipality and t.instrument = new.instrument and t.whose = new.whose and t.from_on >= new.from_on) then
    raise exception 'a threshold changes only forward in time' using errcode = 'check_violation', constraint = 'a_threshold_changes_only_forward';
  end if;
  return new;
end $$;
create trigger threshold_goes_forward before insert on threshold for each row execute function threshold_goes_forward();

-- subject: whose record it is, the child's or a parent's. The range and the threshold are those it was measured by.
create table screening (
  id uuid primary key,
  child uuid not null references child_case,
  subject uuid not null,
  whose text not null check (whose in ('child', 'mother', 'other-parent')),
  municipality char(4) not null,
  instrument text not null,
  score int not null,
  lowest int not null,
  highest int not null,
  threshold int,
  scored_on date not null,
  by_professional uuid not null,
  by_unit uuid not null,
  recorded_at timestamptz not null,
  follow_up uuid unique,
  withdrawn_at timestamptz,
  withdrawn_by uuid,
  withdrawn_reason text,
  constraint a_score_is_in_the_instruments_range check (score between lowest and highest),
  constraint a_childs_result_is_the_childs check ((whose = 'child') = (subject = child)),
  constraint a_score_at_the_threshold_is_followed_up check ((threshold is not null and score >= threshold) = (follow_up is not null)),
  check ((withdrawn_at is null) = (withdrawn_by is null) and (withdrawn_at is null) = (withdrawn_reason is null))
);
create index screening_of_child on screening (child, scored_on);

create table follow_up (
  id uuid primary key,
  screening uuid not null unique references screening,
  child uuid not null references child_case,
  municipality char(4) not null,
  instrument text not null,
  whose text not null,
  opened_on date not null,
  due_on date not null,
  state text not null default 'open' check (state in ('open', 'ended')),
  outcome text,
  ended_by uuid,
  ended_at timestamptz,
  overdue_said boolean not null default false,
  constraint a_follow_up_ends_in_something check ((state = 'ended') = (outcome is not null and ended_at is not null))
);
alter table screening add foreign key (follow_up) references follow_up deferrable initially deferred;
create index follow_up_open on follow_up (due_on) where state = 'open';
create index follow_up_of_child on follow_up (child);

create table underretning (
  id uuid primary key,
  child uuid not null references child_case,
  municipality char(4) not null,
  notifier uuid not null,
  notifier_unit uuid not null,
  to_unit uuid not null,
  given_at timestamptz not null,
  assess_by timestamptz not null,
  receipt_by timestamptz not null,
  sealed bytea,
  assessed_at timestamptz,
  assessed_by uuid,
  assessment text check (assessment in ('acute', 'not-acute')),
  receipt_at timestamptz,
  receipt_recorded_by uuid,
  said text[] not null default '{}' check (said <@ array['assessment', 'receipt']),
  constraint an_underretning_is_assessed_within_24_hours check (assess_by = given_at + interval '24 hours'),
  check (receipt_by > given_at),
  check ((assessed_at is null) = (assessed_by is null) and (assessed_at is null) = (assessment is null)),
  check ((receipt_at is null) = (receipt_recorded_by is null))
);
create index underretning_given on underretning (notifier, given_at, id);
create index underretning_received on underretning (to_unit, given_at, id);
create index underretning_to_assess on underretning (assess_by) where assessed_at is null and not 'assessment' = any (said);
create index underretning_to_acknowledge on underretning (receipt_by) where receipt_at is null and not 'receipt' = any (said);

-- Of a closed case, a dead child or a pregnancy that has ended nothing is planned, whoever writes it and in whatever order.
create function no_visit_of_a_child_that_is_no_more() returns trigger language plpgsql as $$ begin
  if exists (select from visit v join child_case c using (child) where c.child = new.child and v.state = 'planned' and (c.closed or c.life_ended)) then
    raise exception 'nothing is planned for a child that is no more' using errcode = 'check_violation', constraint = 'no_visit_of_a_child_that_is_no_more';
  end if;
  return null;
end $$;
create constraint trigger no_visit_of_a_child_that_is_no_more after insert or update of state on visit
  deferrable initially deferred for each row when (new.state = 'planned') execute function no_visit_of_a_child_that_is_no_more();
create constraint trigger no_visit_of_a_child_that_is_no_more after update of closed, life_ended on child_case
  deferrable initially deferred for each row when (new.closed or new.life_ended) execute function no_visit_of_a_child_that_is_no_more();

-- A child that moves takes its file along; an overlevering and an underretning stay as and where they were given. The clock plans its visits again.
create function the_file_moves_along() returns trigger language plpgsql as $$ begin
  update visit set municipality = new.municipality where child = new.child;
  update visit_participant set municipality = new.municipality where visit in (select id from visit where child = new.child);
  update family_criterion set municipality = new.municipality where child = new.child;
  update systematic_screening set municipality = new.municipality where child = new.child;
  update screening set municipality = new.municipality where child = new.child;
  update follow_up set municipality = new.municipality where child = new.child;
  return null;
end $$;
create trigger the_file_moves_along after update of municipality on child_case
  for each row when (old.municipality is distinct from new.municipality) execute function the_file_moves_along();

do $$ declare t text; begin
  foreach t in array array['visit_participant', 'family_criterion', 'systematic_screening', 'threshold', 'screening', 'follow_up', 'underretning'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to sundhedspleje_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to sundhedspleje_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;

grant select on municipality, visit_participant, family_criterion, systematic_screening, threshold, screening, follow_up, underretning to sundhedspleje_api, sundhedspleje_machine;
-- What people do over HTTP. Nothing is deleted but who was invited; a result, a threshold and an underretning are never rewritten.
grant insert, update (from_on, until_on, state, by_hand, because, declined_reason, joint_with, held_on, held_where, settled_by, development, overdue_said) on visit to sundhedspleje_api;
grant update (plan_on) on child_case to sundhedspleje_api;
grant insert, update (took_part), delete on visit_participant to sundhedspleje_api;
grant insert, update (ended_by, ended_at) on family_criterion to sundhedspleje_api;
grant insert, update (parts_done, state) on systematic_screening to sundhedspleje_api;
grant insert on threshold to sundhedspleje_api;
grant insert, update (withdrawn_at, withdrawn_by, withdrawn_reason) on screening to sundhedspleje_api;
grant insert, update (state, outcome, ended_by, ended_at) on follow_up to sundhedspleje_api;
grant insert, update (assessed_at, assessed_by, assessment, receipt_at, receipt_recorded_by) on underretning to sundhedspleje_api;
grant insert, update on municipality to sundhedspleje_machine;
grant update on visit_participant, family_criterion, systematic_screening, screening, follow_up, underretning to sundhedspleje_machine;
