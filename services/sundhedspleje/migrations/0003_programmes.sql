-- Programmes: enrolments of families, courses with places, sessions and attendance, gatherings, trainings, and who is competent in what.

create table course (
  id uuid primary key,
  municipality char(4) not null,
  programme text not null,
  kind text not null check (kind in ('individual-course', 'group', 'parent-course')),
  -- Of the definition it was planned by; what that said is kept here and no later change rewrites it.
  effective_from date not null,
  unit uuid not null,
  state text not null check (state in ('planned', 'running', 'ended', 'cancelled')),
  place text,
  begins_on date not null,
  ends_on date not null check (ends_on >= begins_on),
  capacity int not null check (capacity between 1 and 500),
  sessions_min int not null check (sessions_min >= 1),
  sessions_max int not null check (sessions_max >= sessions_min),
  team uuid[] not null default '{}',
  -- The last number drawn for the waiting list.
  last_turn bigint not null default 0,
  planned_by uuid not null,
  planned_at timestamptz not null,
  unique (id, programme, capacity),
  unique (id, begins_on, ends_on, sessions_max)
) with (fillfactor = 70);
create index course_programme on course (municipality, programme, begins_on);

create table enrolment (
  id uuid primary key,
  child uuid not null references child_case,
  municipality char(4) not null,
  programme text not null,
  kind text not null,
  effective_from date not null,
  state text not null check (state in ('offered', 'accepted', 'waiting', 'running', 'completed', 'stopped', 'declined')),
  because text[] not null,
  offered_by uuid not null,
  unit uuid not null,
  offered_at timestamptz not null,
  answered_at timestamptz,
  ended_at timestamptz,
  course uuid,
  course_capacity int,
  place_number int,
  waits_for uuid references course,
  turn bigint,
  -- The consent that the definition asks for: recipient, purpose, categories.
  consent jsonb,
  reason text,
  continues uuid,
  continued_by uuid,
  sealed bytea,
  -- A family's place has a number, each number one family, and no number lies above the capacity: never over capacity.
  foreign key (course, programme, course_capacity) references course (id, programme, capacity) on update cascade,
  constraint never_over_capacity check (place_number is null or (course is not null and place_number between 1 and course_capacity)),
  constraint a_course_has_its_capacity check ((course is null) = (course_capacity is null)),
  constraint a_place_is_held_or_free check ((place_number is not null) = (course is not null and state in ('accepted', 'running', 'completed'))),
  constraint who_waits_has_a_turn check ((state = 'waiting') = (waits_for is not null) and (waits_for is null) = (turn is null)),
  constraint an_end_has_its_reason check ((state in ('declined', 'stopped')) = (reason is not null)),
  unique (id, course)
) with (fillfactor = 70);
create unique index one_open_enrolment on enrolment (child, programme) where state in ('offered', 'accepted', 'waiting', 'running');
create unique index one_family_on_a_place on enrolment (course, place_number) where place_number is not null;
create unique index one_family_in_a_turn on enrolment (waits_for, turn) where waits_for is not null;
create index enrolment_child on enrolment (child, offered_at);
create index enrolment_programme on enrolment (municipality, programme, id);

create table session (
  id uuid primary key,
  course uuid not null,
  municipality char(4) not null,
  number int not null check (number >= 1),
  on_date date not null,
  state text not null check (state in ('planned', 'held', 'cancelled')),
  held_by uuid[] not null default '{}',
  begins_on date not null,
  ends_on date not null,
  sessions_max int not null,
  foreign key (course, begins_on, ends_on, sessions_max) references course (id, begins_on, ends_on, sessions_max) on update cascade,
  constraint within_its_course check (state = 'cancelled' or on_date between begins_on and ends_on),
  unique (course, number),
  unique (id, course)
) with (fillfactor = 70);

-- Only of a session of the course in which the family is enrolled.
create table attendance (
  session uuid not null,
  enrolment uuid not null,
  course uuid not null,
  municipality char(4) not null,
  attendance text not null check (attendance in ('attended', 'excused', 'absent')),
  recorded_by uuid not null,
  recorded_at timestamptz not null,
  primary key (session, enrolment),
  constraint a_session_of_this_course foreign key (session, course) references session (id, course),
  constraint only_the_enrolled_attend foreign key (enrolment, course) references enrolment (id, course)
);
create index attendance_enrolment on attendance (enrolment);

create table gathering (
  id uuid primary key,
  municipality char(4) not null,
  programme text not null,
  kind text not null check (kind in ('consultation', 'talk', 'forum')),
  effective_from date not null,
  unit uuid not null,
  held_in uuid,
  on_date date not null,
  hosts uuid[] not null,
  state text not null check (state in ('planned', 'held', 'cancelled')),
  planned_by uuid not null,
  planned_at timestamptz not null
) with (fillfactor = 70);
create index gathering_on on gathering (municipality, on_date, id);
create table participant (
  gathering uuid not null references gathering,
  municipality char(4) not null,
  professional uuid,
  child uuid references child_case,
  check (num_nonnulls(professional, child) = 1),
  unique nulls not distinct (gathering, professional, child)
);
create index participant_child on participant (child) where child is not null;

create table training (
  id uuid primary key,
  municipality char(4) not null,
  method text not null,
  version text not null,
  held_on date not null,
  recorded_by uuid not null,
  recorded_at timestamptz not null
);
create table trained (
  professional uuid not null,
  method text not null,
  version text not null,
  municipality char(4) not null,
  trained_on date not null,
  training uuid not null references training,
  primary key (professional, method, version)
);
create index trained_method on trained (municipality, method);

-- Kept of directory: what professionals are competent in.
create table competence (
  professional uuid not null,
  municipality char(4) not null,
  competence text not null,
  from_on date not null,
  until_on date,
  primary key (professional, competence, from_on)
);

do $$ declare t text; begin
  foreach t in array array['course', 'enrolment', 'session', 'attendance', 'gathering', 'participant', 'training', 'trained', 'competence'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to sundhedspleje_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to sundhedspleje_api using (may_see(municipality)) with check (may_see(municipality))', t);
    execute format('grant select on %I to sundhedspleje_api, sundhedspleje_machine', t);
  end loop;
end $$;

grant insert, update on course, enrolment, session, attendance, gathering to sundhedspleje_api;
grant insert on participant, training, trained to sundhedspleje_api;
grant update on course, enrolment to sundhedspleje_machine;
grant insert, delete on competence to sundhedspleje_machine;
