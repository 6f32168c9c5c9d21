-- When a family was last given a link to the anonymous survey: the day alone, so that no link can be found by it.
create table surveyed (person uuid primary key references person, municipality char(4) not null, given_on date not null);
alter table surveyed enable row level security;
alter table surveyed force row level security;
create policy machine on surveyed to persons_machine using (true) with check (true);
create policy owner on surveyed to tovholder_owner using (true) with check (true);
create policy own on surveyed to persons_api using (is_own(person)) with check (is_own(person));
grant select, insert, update on surveyed to persons_api;
