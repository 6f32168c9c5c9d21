-- Who did what to a subscription, and when: the system that owns it, or the municipality's administrator.
create table subscription_change (
  id uuid primary key, subscription uuid not null references subscription, municipality char(4), at timestamptz not null, by_professional uuid, by_system text,
  what text not null check (what in ('made', 'tested', 'secret', 'paused', 'resumed', 'replayed', 'ended')),
  constraint a_change_has_an_author check ((by_professional is null) <> (by_system is null)));
create index subscription_change_of on subscription_change (subscription, id);
alter table subscription_change enable row level security;
alter table subscription_change force row level security;
create policy machine on subscription_change to notifications_machine using (true) with check (true);
create policy by_owner on subscription_change to notifications_api using (exists (select from subscription s where s.id = subscription)) with check (exists (select from subscription s where s.id = subscription));
grant select, insert on subscription_change to notifications_api;
grant select on subscription_change to notifications_machine;
