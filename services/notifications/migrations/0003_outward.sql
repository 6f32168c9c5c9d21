-- What leaves the product: subscriptions of integrators, what each is to get, in an order of its own, and every try.
alter table unit add column kind text, add column private boolean not null default false;
-- What rules ask about a child: how old it is, where it starts, who told of it.
create table child_fact (child uuid primary key, municipality char(4) not null, born_on date, due_on date);
create table child_unit (child uuid not null, municipality char(4) not null, unit uuid not null, primary key (child, unit));
create table notification_sender (notification uuid primary key, municipality char(4) not null, organisation text not null);

-- `sequence`: the last one given; `sent`: the last one taken by the endpoint, everything up to it in order. `next_try_at` is a promise (chassis.now());
-- `in_hand_until` is machinery (the real clock), and whoever has it in hand is fenced by `epoch`.
create table subscription (
  id uuid primary key, client_id text not null, municipality char(4), organisation text, channel text not null check (channel in ('webhook', 'topic')),
  url text, principal text, rules jsonb not null, state text not null default 'active' check (state in ('active', 'paused', 'ended')),
  paused_why text, paused_at timestamptz, made_at timestamptz not null, sequence bigint not null default 0, sent bigint not null default 0,
  tries int not null default 0, failing_since timestamptz, next_try_at timestamptz not null default '-infinity', trouble text,
  in_hand_until timestamptz not null default '-infinity', holder uuid, epoch bigint not null default 0,
  tested_at timestamptz not null default '-infinity', proven_at timestamptz, topic_ready boolean not null default false,
  constraint it_goes_somewhere check ((channel = 'webhook') = (url is not null) and (channel = 'topic') = (principal is not null)),
  constraint sent_is_not_ahead check (sent <= sequence),
  constraint a_pause_says_why check ((state = 'paused') = (paused_why is not null)),
  constraint a_party_owns_it check ((municipality is null) <> (organisation is null))) with (fillfactor = 50);
create index subscription_due on subscription (next_try_at) where state = 'active' and sent < sequence;
create index subscription_client on subscription (client_id);
-- The secret itself is nowhere: it is derived from the installation's key, this salt and the number. `until`: a former one that still signs.
create table subscription_secret (subscription uuid not null references subscription, number int not null, salt bytea not null, made_at timestamptz not null, until timestamptz, primary key (subscription, number));

-- Heard, and not yet given to those whom it concerns. `meant_for`: this subscription alone.
create table outward_waiting (id bigint generated always as identity primary key, municipality char(4) not null, kind text not null, about uuid not null, units uuid[] not null default '{}', senders text[] not null default '{}',
  meant_for uuid, envelope jsonb not null) with (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0);
create table outward (subscription uuid not null references subscription, sequence bigint not null, kind text not null, envelope jsonb not null, at timestamptz not null, taken_at timestamptz, primary key (subscription, sequence));
create index outward_at on outward (at);
create table outward_try (subscription uuid not null, sequence bigint not null, number int not null, at timestamptz not null, outcome text not null, ms int not null, primary key (subscription, sequence, number),
  foreign key (subscription, sequence) references outward on delete cascade);

do $$ declare t text; begin
  foreach t in array array['child_fact', 'child_unit', 'notification_sender', 'subscription', 'subscription_secret', 'outward_waiting', 'outward', 'outward_try'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to notifications_machine using (true) with check (true)', t);
  end loop;
end $$;
-- Foreign keys are checked and followed as the owner.
create policy owner on subscription to tovholder_owner using (true) with check (true);
create policy owner on outward to tovholder_owner using (true) with check (true);
create policy owner on outward_try to tovholder_owner using (true) with check (true);
create function owns_subscription(p_municipality char(4), p_organisation text) returns boolean language sql stable as $$
  select coalesce(case current_setting('tovholder.kind', true) when 'service' then true
    when 'municipality' then p_municipality = current_setting('tovholder.municipality', true)
    when 'organisation' then p_organisation = current_setting('tovholder.organisation', true) end, false) $$;
create policy by_owner on subscription to notifications_api using (owns_subscription(municipality, organisation)) with check (owns_subscription(municipality, organisation));
create policy by_owner on subscription_secret to notifications_api using (exists (select from subscription s where s.id = subscription)) with check (exists (select from subscription s where s.id = subscription));
create policy by_owner on outward to notifications_api using (exists (select from subscription s where s.id = subscription));
create policy by_owner on outward_try to notifications_api using (exists (select from subscription s where s.id = subscription));
create policy tests on outward_waiting for insert to notifications_api with check (meant_for is not null and exists (select from subscription s where s.id = meant_for));

grant select, insert, update on child_fact, subscription to notifications_machine;
grant select, insert, delete on child_unit, outward_waiting to notifications_machine;
grant select, insert on notification_sender, subscription_secret to notifications_machine;
grant select, insert, update, delete on outward to notifications_machine;
grant select, insert on outward_try to notifications_machine;
grant select, insert on subscription, subscription_secret to notifications_api;
grant update (state, paused_why, paused_at, sent, tries, failing_since, next_try_at, trouble, epoch, in_hand_until, rules) on subscription to notifications_api;
grant update (until) on subscription_secret to notifications_api;
grant insert on outward_waiting to notifications_api;
grant select on outward, outward_try to notifications_api;
revoke execute on function owns_subscription from public;
grant execute on function owns_subscription to notifications_api, notifications_machine;
