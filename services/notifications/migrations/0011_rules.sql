-- A subscription's rules change while it runs; its history says so.
alter table subscription_change drop constraint subscription_change_what_check;
alter table subscription_change add constraint subscription_change_what_check
  check (what in ('made', 'tested', 'secret', 'paused', 'resumed', 'replayed', 'ended', 'rule-added', 'rule-removed'));
