-- What has taken effect of a municipality's folder, as it was on that day: a later change of the file gives it no other content.
create table configuration (
  municipality char(4) not null,
  what text not null check (what in ('visit-plan', 'programme')),
  key text not null,
  from_on date not null,
  content jsonb not null,
  replaces date check (replaces < from_on),
  changed text[] not null default '{}',
  in_force_since timestamptz not null,
  primary key (municipality, what, key, from_on)
);
alter table configuration enable row level security;
alter table configuration force row level security;
create policy machine on configuration to sundhedspleje_machine using (true) with check (true);
create policy by_party on configuration for select to sundhedspleje_api using (may_see(municipality));
grant select on configuration to sundhedspleje_api, sundhedspleje_machine;
grant insert on configuration to sundhedspleje_machine;
