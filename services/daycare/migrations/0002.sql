-- Places, pluspladser, the transition's checklist, meetings and agreements, and each municipality's settings.

alter table start drop constraint start_state_check,
  add constraint start_state_check check (state in ('planned', 'prepared', 'started', 'settled', 'cancelled')),
  drop constraint start_check1,
  add constraint a_start_that_took_place_has_its_time check ((state in ('started', 'settled')) = (started_at is not null)),
  add column settled_at timestamptz,
  add constraint a_settled_child_has_its_time check ((state = 'settled') = (settled_at is not null));

-- How many places a unit has from a day on, how many of them are pluspladser, and what it is trained in. The newest day that has come stands.
create table capacity (
  unit uuid not null, municipality char(4) not null, from_on date not null, places int not null check (places between 0 and 2000), plus_places int not null,
  high_quality boolean not null, methods text[] not null, recorded_at timestamptz not null, primary key (unit, from_on),
  constraint plus_places_are_among_the_places check (plus_places between 0 and places),
  constraint plus_places_are_of_high_quality_and_trained check (plus_places = 0 or (high_quality and cardinality(methods) > 0)));

-- A place has a number in its unit and pool; a holding keeps it for one child over days. No two holdings of a place share a day: the exclusion needs no
-- extension, since a range type of one's own brings what plain uuid lacks. `held`: from the reservation to the start; `taken`: from then on.
create type place_range as range (subtype = uuid);
create table place (id uuid primary key, unit uuid not null, municipality char(4) not null, kind text not null check (kind in ('ordinary', 'plus')), number int not null check (number > 0),
  unique (unit, kind, number), unique (id, kind));
create table holding (
  id uuid primary key, place uuid not null, kind text not null, foreign key (place, kind) references place (id, kind), unit uuid not null,
  child uuid not null references child, municipality char(4) not null, start uuid references start, method text,
  state text not null check (state in ('held', 'taken', 'released')), from_on date not null, until_on date, reserved_at timestamptz not null, released_at timestamptz, reason text,
  check (until_on > from_on or state = 'released'), check (kind = 'ordinary' or method is not null), check (kind = 'plus' or start is not null),
  constraint a_release_has_its_reason check ((state = 'released') = (reason is not null and released_at is not null)),
  constraint a_place_is_held_once exclude using gist (place_range(place, place, '[]') with &&, daterange(from_on, until_on) with &&) where (state <> 'released'));
create unique index a_child_has_one_plusplads on holding (child) where kind = 'plus' and state = 'held';
create unique index a_start_has_one_place on holding (start) where state <> 'released';
create index holding_unit on holding (unit, kind) where state <> 'released';
create index holding_child on holding (child);

-- What a transition needs besides its date. `warned_for`: the date of the start that was warned about.
create table checklist (
  start uuid primary key references start, municipality char(4) not null,
  overlevering text check (overlevering in ('given', 'reduced', 'nothing-passed', 'declined-by-family')), meeting text check (meeting in ('held', 'declined-by-family')),
  method text, continues boolean, baton text check (baton in ('moves', 'stays')), baton_by uuid, baton_at timestamptz, warned_for date,
  constraint what_goes_on_is_a_method check (continues is null or method is not null));

-- Meetings with a family in the institution, talks (oplæg) there, and what a cooperation agreement asks for. `participants`: professionals.
create table agreement (id uuid primary key, unit uuid not null, municipality char(4) not null, with_unit uuid not null, agreed_on date not null, every_months int not null check (every_months between 1 and 60),
  ended_on date, check (ended_on >= agreed_on));
create unique index one_agreement_between_two_units on agreement (unit, with_unit) where ended_on is null;
create table meeting (
  id uuid primary key, unit uuid not null, municipality char(4) not null, kind text not null check (kind in ('with-family', 'talk', 'agreement')),
  state text not null check (state in ('planned', 'held', 'declined-by-family', 'cancelled')), held_on date not null, child uuid references child, start uuid references start, agreement uuid references agreement,
  topic text, participants uuid[] not null, listeners int check (listeners > 0), recorded_at timestamptz not null,
  constraint a_meeting_is_about_what_it_is_for check ((kind = 'with-family') = (start is not null and child is not null) and (kind = 'agreement') = (agreement is not null) and (kind = 'talk') = (topic is not null)));
create index meeting_start on meeting (start) where start is not null;
create index meeting_unit on meeting (unit, kind, id);
create index meeting_agreement on meeting (agreement) where agreement is not null;

-- From a day on. Where none stands the defaults of the rules do.
create table setting (municipality char(4) not null, from_on date not null, baton text not null check (baton in ('stays', 'tovholder-decides', 'moves')),
  warn_days int not null check (warn_days between 1 and 90), recorded_at timestamptz not null, primary key (municipality, from_on));

-- A placement system's own name of a start.
create table placement (client text not null, reference text not null, municipality char(4) not null, start uuid not null references start, primary key (client, reference));

-- Who is asked to take the baton, and who takes children in: told by registry and directory, for who may see a start.
create table receiver (child uuid primary key, handover uuid not null, professional uuid not null, municipality char(4) not null);
create table intake (municipality char(4) not null, district uuid, lead uuid not null, deputy uuid not null, unique nulls not distinct (municipality, district));

do $$ declare t text; begin
  foreach t in array array['capacity', 'place', 'holding', 'checklist', 'agreement', 'meeting', 'setting', 'placement', 'receiver', 'intake'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to daycare_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to daycare_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;

grant select on capacity, place, holding, checklist, agreement, meeting, setting, placement, receiver, intake to daycare_api, daycare_machine;
grant insert, update on capacity, holding, checklist, agreement, meeting, setting to daycare_api;
grant insert on place, placement to daycare_api;
grant insert, update on holding, checklist to daycare_machine;
grant insert on place to daycare_machine;
grant insert, update, delete on receiver, intake to daycare_machine;
