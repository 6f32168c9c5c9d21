-- Starts, and what is kept of registry and directory to know who may plan them and where.
create table child (
  id uuid primary key,
  municipality char(4) not null,
  status text not null check (status in ('expected', 'born', 'closed')),
  holder uuid,
  holder_unit uuid,
  version bigint not null,
  -- Nothing is planned for a closed case or a life that has ended. merged_into: the reference that survives.
  closed boolean not null default false,
  life_ended boolean not null default false,
  merged_into uuid check (merged_into <> id)
) with (fillfactor = 70);

create table start (
  id uuid primary key,
  child uuid not null references child,
  municipality char(4) not null,
  unit uuid not null,
  starts_on date not null,
  pedagogue uuid,
  state text not null check (state in ('planned', 'prepared', 'started', 'cancelled')),
  private boolean not null,
  overlevering uuid,
  cause text,
  planned_at timestamptz not null,
  started_at timestamptz,
  cancelled_at timestamptz,
  check ((state = 'cancelled') = (cause is not null and cancelled_at is not null)),
  check ((state = 'started') = (started_at is not null)),
  check (state <> 'prepared' or overlevering is not null)
) with (fillfactor = 70);
create unique index one_open_start on start (child) where state in ('planned', 'prepared');
create index start_due on start (starts_on) where state in ('planned', 'prepared');
create index start_unit on start (unit, id);
create index start_child on start (child, id);

create table unit (id uuid primary key, municipality char(4), kind text not null, private boolean not null, active boolean not null);
create table absence (
  id uuid primary key,
  professional uuid not null,
  municipality char(4) not null,
  from_on date not null,
  until_on date,
  deputy uuid,
  ended_on date
);
create index absence_professional on absence (professional);
create table supporter (
  child uuid not null, professional uuid not null, unit uuid not null, municipality char(4) not null, until_on date, primary key (child, professional, unit)
);

do $$ declare t text; begin
  foreach t in array array['child', 'start', 'unit', 'absence', 'supporter'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to daycare_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to daycare_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;

grant select on child, start, unit, absence, supporter to daycare_api, daycare_machine;
grant insert, update on start to daycare_api;
grant insert, update on child, start, unit, absence, supporter to daycare_machine;
grant delete on supporter to daycare_machine;
