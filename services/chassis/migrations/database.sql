-- Once per database: the clock of promises and facts. A test or demo database gets a movable one (movable_clock.sql), which a production migration cannot install.
create schema if not exists chassis;
create or replace function chassis.now() returns timestamptz language sql volatile as 'select clock_timestamp()';
grant usage on schema chassis to public;
