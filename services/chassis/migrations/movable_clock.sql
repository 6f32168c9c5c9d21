-- A clock that tests and demos can move. Real time (tokens, leases, time-outs) never reads it.
create table if not exists chassis.clock (only_one boolean primary key default true check (only_one), moved_by interval not null default '0');
insert into chassis.clock default values on conflict do nothing;
create or replace function chassis.now() returns timestamptz language sql volatile as 'select clock_timestamp() + (select moved_by from chassis.clock)';
grant select on chassis.clock to public;
