-- What a municipality's administrator has written of its programmes: a whole programmes.yaml with the day from which it holds. Never changed, never deleted.
create table programme_file (
  id uuid primary key,
  municipality char(4) not null,
  content text not null check (length(content) <= 200000),
  from_on date not null,
  uploaded_by uuid not null,
  uploaded_at timestamptz not null,
  withdrawn_by uuid,
  withdrawn_at timestamptz,
  constraint a_withdrawal_has_an_author check ((withdrawn_by is null) = (withdrawn_at is null))
);
create index programme_file_in_force on programme_file (municipality, from_on) where withdrawn_at is null;

alter table programme_file enable row level security;
alter table programme_file force row level security;
create policy machine on programme_file to sundhedspleje_machine using (true) with check (true);
create policy by_party on programme_file to sundhedspleje_api using (may_see(municipality)) with check (may_see(municipality));
grant select on programme_file to sundhedspleje_api, sundhedspleje_machine;
grant insert, update (withdrawn_by, withdrawn_at) on programme_file to sundhedspleje_api;
