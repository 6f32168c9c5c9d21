-- An answer for a plusplads that is overdue is said once for each last day, and put to a leader: of the unit, or above it.
alter table asked_plusplads add column overdue_said date, add column put_to uuid;
-- What is said is of a day that was the last one: never before it, never of another.
alter table asked_plusplads add constraint overdue_is_said_of_its_last_day check (overdue_said <= due_on);
drop index asked_due;
create index asked_due on asked_plusplads (due_on, id) where state = 'open';
create index asked_due_in on asked_plusplads (municipality, due_on, id) where state = 'open';
alter table unit add column parent uuid;
