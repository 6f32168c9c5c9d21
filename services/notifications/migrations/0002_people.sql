-- What became of each telling in more detail, what people have chosen, and in which order an inbox filled.
alter table delivery drop constraint delivery_state_check, drop constraint delivery_channel_check;
alter table delivery
  add constraint delivery_state_check check (state in ('queued', 'sent', 'delivered', 'seen', 'failed', 'told', 'stopped', 'passed-on', 'replaced')),
  add constraint delivery_channel_check check (channel in ('inbox', 'email', 'letter', 'sms')),
  -- When it was first to be made: what is held back on purpose (a digest, a letter that waits) is not late before.
  add column due_at timestamptz not null default '-infinity',
  -- Tries before a person had it tried again: the next ones are counted from there.
  add column tried_before int not null default 0 check (tried_before <= tries),
  add column digest boolean not null default false,
  add column sent_at timestamptz,
  add column told_how text check (told_how in ('in-person', 'phone', 'printed')),
  add column spoke_to uuid,
  add column replaced_by uuid,
  -- Which transaction wrote it: below the oldest one still open, an inbox is complete, whatever commits in which order.
  add column written_in xid8 not null default pg_current_xact_id(),
  add constraint what_is_sent_has_a_time check (state <> 'sent' or sent_at is not null),
  add constraint who_told_is_named check (state <> 'told' or (told_by is not null and told_at is not null));
create index delivery_inbox on delivery (recipient, written_in, id) where channel = 'inbox' and to_whom = 'professional';
create index delivery_written on delivery (written_in) where channel = 'inbox' and to_whom = 'professional';
create index delivery_letters on delivery (about) where channel = 'letter' and state in ('queued', 'sent');

-- How a professional wants to be told by e-mail, by kind of notice: at-once, digest or never; `digest_hour` in Copenhagen.
create table preference (professional uuid primary key, municipality char(4) not null, email jsonb not null default '{}', digest_hour smallint not null default 7 check (digest_hour between 0 and 23));

do $$ declare t text; begin
  foreach t in array array['preference', 'delivery_try'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to notifications_machine using (true) with check (true)', t);
  end loop;
end $$;
create policy own on preference to notifications_api
  using (professional::text = current_setting('tovholder.professional', true)) with check (professional::text = current_setting('tovholder.professional', true));
create policy with_its_delivery on delivery_try to notifications_api using (exists (select from delivery d where d.id = delivery)) with check (exists (select from delivery d where d.id = delivery));

grant select, insert, update on preference to notifications_api;
grant select on preference to notifications_machine;
grant select on delivery_try to notifications_api;
grant insert on delivery to notifications_api;
grant update (state, reason, seen_at, told_by, told_at, told_how, spoke_to, next_try_at, due_at, tried_before, shown_to, replaced_by, digest) on delivery to notifications_api;
