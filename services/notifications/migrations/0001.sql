-- Who is to be told what, every delivery and its fate.
-- A child is known here once it has a tovholder. `version`: of the registry's event that said so, so that an older one never wins.
-- Of a closed case the intake lead is told what a tovholder would be; of a merged reference the tovholder of the one that survives.
create table child_case (child uuid primary key, municipality char(4) not null, holder uuid not null, holder_unit uuid not null, version bigint not null,
  closed boolean not null default false, merged_into uuid check (merged_into <> child));
create table notified_child (notification uuid not null, child uuid not null, municipality char(4) not null, primary key (notification, child));
create table unit (id uuid primary key, municipality char(4), district uuid, leaders uuid[] not null default '{}');
create table intake (unit uuid primary key, municipality char(4) not null, district uuid, lead uuid not null, deputy uuid not null, leader uuid not null);
create table supporter (child uuid not null, professional uuid not null, unit uuid not null, primary key (child, professional, unit));
create table absence (id uuid primary key, professional uuid not null, municipality char(4) not null, from_on date not null, until_on date, deputy uuid);
create index absence_professional on absence (professional, from_on);

create table notice (id uuid primary key, municipality char(4) not null, about uuid not null, kind text not null, event text not null, happened_at timestamptz not null,
  constraint one_notice_per_event unique (event, kind, about));
create index notice_about on notice (about);

-- One delivery per recipient and channel. `recipient` is a professional or a person of the family; null: the family, not yet asked of persons who that is.
-- Ends: delivered, seen, failed (with a reason, shown to someone), told (by that person, face to face), stopped (persons said do not contact), passed-on (the family's became one per person).
create table delivery (
  id uuid primary key, notice uuid not null references notice, municipality char(4) not null, about uuid not null, kind text not null,
  to_whom text not null check (to_whom in ('professional', 'family')), recipient uuid, why text not null,
  channel text not null check (channel in ('inbox', 'email')),
  state text not null default 'queued' check (state in ('queued', 'delivered', 'seen', 'failed', 'told', 'stopped', 'passed-on')), reason text,
  tries int not null default 0, next_try_at timestamptz not null, shown_to uuid,
  happened_at timestamptz not null, queued_at timestamptz not null, delivered_at timestamptz, seen_at timestamptz, told_by uuid, told_at timestamptz,
  constraint nobody_is_known_only_of_a_family check (recipient is not null or to_whom = 'family'),
  constraint a_failure_has_a_reason check (state <> 'failed' or reason is not null),
  constraint what_is_delivered_has_a_time check (state not in ('delivered', 'seen') or delivered_at is not null));
create unique index one_delivery on delivery (notice, to_whom, coalesce(recipient, '00000000-0000-0000-0000-000000000000'), channel);
create index delivery_due on delivery (next_try_at) where state = 'queued';
create index delivery_recipient on delivery (recipient, id);
create index delivery_about on delivery (about, id);
create index delivery_failed on delivery (municipality, id) where state = 'failed';
create table delivery_try (delivery uuid not null references delivery, number int not null, at timestamptz not null, outcome text not null, primary key (delivery, number));

do $$ declare t text; begin
  foreach t in array array['child_case', 'notified_child', 'notice', 'delivery', 'intake', 'absence'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to notifications_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to notifications_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
end $$;
-- What is told to someone is theirs to read, also where the child is another municipality's.
create policy by_recipient on delivery to notifications_api
  using (to_whom = 'professional' and recipient::text = current_setting('tovholder.professional', true))
  with check (to_whom = 'professional' and recipient::text = current_setting('tovholder.professional', true));

grant select, insert, update on child_case, unit, intake, absence, notice, delivery to notifications_machine;
grant select, insert on notified_child, delivery_try to notifications_machine;
grant select, insert, delete on supporter to notifications_machine;
grant select on child_case, intake, absence, delivery to notifications_api;
grant update (state, seen_at, told_by, told_at) on delivery to notifications_api;
