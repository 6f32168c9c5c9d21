-- Cases, their visits, overleveringer exactly as given, and what is kept of registry and directory to know who may see and give them.
create table child_case (
  child uuid primary key,
  municipality char(4) not null,
  mother uuid,
  status text not null check (status in ('expected', 'born', 'closed')),
  birth_order int not null,
  sibling_of uuid,
  due_on date,
  born_on date,
  corrected boolean not null default false,
  corrected_born_on date,
  holder uuid,
  holder_unit uuid,
  since timestamptz,
  version bigint not null,
  opened_at timestamptz not null,
  -- Closed, or a life that has ended: nothing is planned. merged_into: the file of the reference that survives; both are kept, linked.
  closed boolean not null default false,
  life_ended boolean not null default false,
  merged_into uuid check (merged_into <> child)
) with (fillfactor = 70);
create index caseload on child_case (holder, child);
create index linked on child_case (merged_into) where merged_into is not null;

create table visit (
  id uuid primary key,
  child uuid not null references child_case,
  municipality char(4) not null,
  kind text not null,
  from_on date not null,
  until_on date not null check (until_on >= from_on),
  state text not null default 'planned' check (state in ('planned', 'lapsed'))
) with (fillfactor = 70);
create unique index one_visit_of_a_kind on visit (child, kind);

create table overlevering (
  id uuid primary key,
  child uuid not null references child_case,
  municipality char(4) not null,
  to_unit uuid not null,
  to_professional uuid,
  start uuid,
  recipient_kind text not null,
  purpose text not null,
  basis text not null,
  bases jsonb not null,
  categories text[] not null,
  withheld text[] not null,
  given_by uuid not null,
  given_at timestamptz not null,
  sealed bytea not null
);
create index overlevering_child on overlevering (child, given_at);

create table unit (id uuid primary key, municipality char(4), kind text not null, active boolean not null);
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
  foreach t in array array['child_case', 'visit', 'overlevering', 'unit', 'absence', 'supporter'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to sundhedspleje_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to sundhedspleje_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;

-- An overlevering is kept exactly as it was given: nobody may change or delete it here.
grant select on child_case, visit, overlevering, unit, absence, supporter to sundhedspleje_api, sundhedspleje_machine;
grant insert on overlevering to sundhedspleje_api;
grant insert, update on child_case, visit, unit, absence, supporter to sundhedspleje_machine;
grant delete on supporter to sundhedspleje_machine;
