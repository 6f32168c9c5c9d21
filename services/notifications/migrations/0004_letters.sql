-- Letters to families: when a municipality sends the first one, and each letter as it was written, its words sealed.
create table letter_rule (municipality char(4) primary key, first_after_working_days smallint not null check (first_after_working_days between 0 and 20), set_by uuid, set_at timestamptz not null);
create table letter (delivery uuid primary key references delivery, municipality char(4) not null, child uuid not null, person uuid not null, kind text not null, tovholder uuid not null,
  made_at timestamptz not null, words bytea not null);
create index letter_child on letter (child);
-- The municipality's days off, for working days.
create table closing_days (municipality char(4) primary key, days date[] not null);

do $$ declare t text; begin
  foreach t in array array['letter_rule', 'letter', 'closing_days'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to notifications_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to notifications_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;

grant select, insert, update on letter_rule to notifications_api;
grant select on letter, closing_days to notifications_api;
grant select on letter_rule to notifications_machine;
grant select, insert, update on letter to notifications_machine;
grant select, insert, update on closing_days to notifications_machine;
