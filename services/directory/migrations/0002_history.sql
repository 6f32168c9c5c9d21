-- Who changed what in the directory, and when: written in the change's own transaction, never changed, never deleted.
create table change (
  id uuid primary key,
  municipality char(4) not null,
  at timestamptz not null,
  -- A professional, or a system; neither: the operator's import, or the organisation system that is followed.
  by_professional uuid,
  by_system text,
  sign char(1) not null check (sign in ('+', '~', '-')),
  kind text not null,
  key text not null,
  -- The fields that differ, by id and code; of people no name and no address.
  says text[] not null,
  constraint a_change_has_one_author check (by_professional is null or by_system is null)
);
create index change_municipality on change (municipality, id);
create index change_key on change (key, id);

alter table change enable row level security;
alter table change force row level security;
create policy machine on change to directory_machine using (true) with check (true);
create policy by_party on change to directory_api using (may_see(municipality)) with check (may_see(municipality));
grant select, insert on change to directory_api, directory_machine;
