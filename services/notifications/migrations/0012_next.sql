-- Who is to be the next tovholder, by a child's last question; `agreed`: a day was named for it, and the family told; `open`: it is not over.
create table next_tovholder (child uuid primary key, municipality char(4) not null, handover uuid not null, professional uuid not null, unit uuid not null, agreed boolean not null, open boolean not null);
alter table next_tovholder enable row level security;
alter table next_tovholder force row level security;
create policy machine on next_tovholder to notifications_machine using (true) with check (true);
grant select, insert, update on next_tovholder to notifications_machine;

-- What is due by e-mail and what is due otherwise are taken apart, and so are the family's: a slow mail server holds up mails alone, persons away the family's.
drop index delivery_due;
create index delivery_due on delivery ((channel = 'email'), (to_whom = 'family'), next_try_at) where state = 'queued';
