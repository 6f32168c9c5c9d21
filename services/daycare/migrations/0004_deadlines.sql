-- How long an institution has to say whether it holds a plusplads that a programme asks for; the last day stands with the task.
alter table setting add column plusplads_days int not null default 7 check (plusplads_days between 1 and 90);
alter table asked_plusplads add column due_on date not null default ((now() at time zone 'Europe/Copenhagen')::date + 7);
alter table asked_plusplads alter column due_on drop default;
create index asked_due on asked_plusplads (municipality, due_on, id) where state = 'open';
