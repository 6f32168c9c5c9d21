-- What the directory owns. Names and e-mail addresses of employees stand here and nowhere else; other services know ids.
-- The chassis's own tables professional, workplace and client (who may call) stand beside these; employee and system are their source.
create table municipality (
  code char(4) primary key check (code ~ '^\d{4}$'),
  name text not null,
  enabled boolean not null,
  -- Only while the intake's lead, deputy and leader are three open seats (decided in domain.py).
  active boolean not null,
  answer_working_days int not null check (answer_working_days > 0),
  remind_working_days_before int not null check (remind_working_days_before >= 0),
  escalate_working_days int not null check (escalate_working_days > 0),
  absence_limit_days int not null check (absence_limit_days > 0),
  support_days int not null check (support_days >= 0),
  closing_days date[] not null,
  hospital_notification_basis boolean not null,
  -- A child's case closes on 1 August of the year in which it turns so many years.
  closing_age int not null check (closing_age > 0)
);

create table unit (
  id uuid primary key,
  municipality char(4) references municipality (code),
  organisation text,
  kind text not null check (kind in ('sundhedspleje', 'institution', 'dagpleje', 'social', 'maternity', 'midwife-centre', 'intake', 'placement')),
  name text not null,
  parent uuid references unit (id),
  district uuid references unit (id),
  private boolean not null,
  active boolean not null,
  constraint a_unit_belongs_somewhere check ((municipality is null) <> (organisation is null))
);
create index unit_municipality on unit (municipality);

create table sor_number (
  sor text primary key check (sor ~ '^\d{6,18}$'),
  unit uuid not null references unit (id),
  municipality char(4)
);
create index sor_number_unit on sor_number (unit);

create table employee (
  id uuid primary key,
  municipality char(4) not null references municipality (code),
  name text not null,
  email text,
  issuer text,
  login text,
  state text not null check (state in ('active', 'leaving', 'left')),
  leaving_on date,
  -- Speaks for the municipality in this directory: imports, units, log-ins. Authority here and nowhere else.
  administers boolean not null,
  constraint who_leaves_has_a_date check ((state = 'active') = (leaving_on is null))
);
create index employee_municipality on employee (municipality, name, id);
create unique index employee_login on employee (issuer, login) where state <> 'left';

create table seat (
  professional uuid not null references employee (id),
  unit uuid not null references unit (id),
  municipality char(4) not null,
  leads boolean not null,
  deputy uuid,
  deputy_unit uuid,
  -- The function's UUID in FK Organisation; several people may stand on one.
  function uuid,
  primary key (professional, unit),
  constraint deputy_is_another_person check (deputy <> professional),
  constraint deputy_has_a_unit check ((deputy is null) = (deputy_unit is null))
);
create index seat_unit on seat (unit);
create index seat_municipality on seat (municipality);

create table competence (
  professional uuid not null references employee (id),
  competence text not null check (competence ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  from_on date not null,
  until_on date,
  municipality char(4) not null,
  primary key (professional, competence, from_on),
  constraint competence_ends_after_it_begins check (until_on >= from_on)
);
create index competence_held on competence (municipality, competence);

create table intake (
  unit uuid primary key references unit (id),
  municipality char(4) not null references municipality (code),
  district uuid references unit (id),
  lead uuid not null, lead_unit uuid not null,
  deputy uuid not null, deputy_unit uuid not null,
  leader uuid not null, leader_unit uuid not null,
  constraint one_intake_per_district unique nulls not distinct (municipality, district)
);

create table absence (
  id uuid primary key,
  professional uuid not null references employee (id),
  municipality char(4) not null,
  from_on date not null,
  until_on date,
  deputy uuid,
  deputy_unit uuid,
  -- The first day back.
  ended_on date,
  -- Nobody: it came from the municipality's own system, which may also take it back.
  registered_by uuid,
  registered_at timestamptz not null,
  constraint absence_ends_after_it_begins check (until_on >= from_on),
  constraint absence_deputy_is_another_person check (deputy <> professional)
);
create index absence_professional on absence (professional, from_on);
create index absence_municipality on absence (municipality);

create table system (
  client_id text primary key,
  id uuid not null,
  kind text not null check (kind in ('service', 'organisation', 'municipality')),
  municipality char(4) references municipality (code),
  organisation text,
  sends_for text[] not null,
  roles text[] not null,
  active boolean not null,
  constraint one_system_per_id unique (id)
);

do $$ declare t text; begin
  foreach t in array array['municipality', 'unit', 'sor_number', 'employee', 'seat', 'competence', 'intake', 'absence', 'system'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to directory_machine using (true) with check (true)', t);
    execute format('grant select, insert, update, delete on %I to directory_machine', t);
  end loop;
  foreach t in array array['employee', 'seat', 'competence', 'intake', 'absence'] loop
    execute format('create policy by_party on %I to directory_api using (may_see(municipality)) with check (may_see(municipality))', t);
    execute format('grant select, insert, update on %I to directory_api', t);
  end loop;
end $$;
create policy by_party on municipality to directory_api using (may_see(code)) with check (may_see(code));
-- A maternity ward belongs to no municipality and is no secret to any; who writes a row must be who it belongs to.
create policy by_party on unit for select to directory_api using (municipality is null or may_see(municipality));
create policy by_party on sor_number for select to directory_api using (municipality is null or may_see(municipality));
create policy by_owner on unit for insert to directory_api with check (may_see(municipality));
create policy by_owner_still on unit for update to directory_api using (may_see(municipality)) with check (may_see(municipality));
create policy by_owner on sor_number for insert to directory_api with check (may_see(municipality));
create policy by_owner_gone on sor_number for delete to directory_api using (may_see(municipality));
-- Keys are the operator's: over HTTP only the product's own services write them.
create policy by_party on system for select to directory_api using (may_see(municipality));
create policy by_service on system for insert to directory_api with check (current_setting('tovholder.kind', true) = 'service');
create policy by_service_still on system for update to directory_api using (current_setting('tovholder.kind', true) = 'service');
grant select, insert, update on municipality, unit, system to directory_api;
grant select, insert, delete on sor_number to directory_api;
grant delete on seat, competence, intake to directory_api;
