-- What was received and answered, what became of it, and what others have said that decides it.
-- A message is the letter (MessageHeader.id) of one sender; a sending is one envelope (Bundle.id) in which it came.

create table unit (id uuid primary key, municipality char(4), kind text not null, district uuid, active boolean not null);
create table unit_sor (sor text not null, unit uuid not null references unit, primary key (sor, unit));
create table municipality (code char(4) primary key, active boolean not null, answer_working_days int not null, closing_days date[] not null,
  hospital_notification_basis boolean not null);
-- District of all zeros: the whole municipality.
create table intake (municipality char(4) not null, district uuid not null, lead uuid not null, deputy uuid not null, leader uuid not null,
  primary key (municipality, district));

create table message (
  id uuid primary key, sender text not null, header_id text not null, receiver text, organisation text not null,
  municipality char(4), unit uuid, kind text not null,
  outcome text not null check (outcome in ('ok', 'fatal-error', 'recorded')),
  answers text, answers_message uuid references message,
  body bytea, acknowledgement text, received_at timestamptz not null,
  unique (sender, header_id), check ((outcome = 'recorded') = (acknowledgement is null)));
create index message_header on message (header_id);
create index message_unlinked on message (answers) where answers_message is null;

-- Every arrival, so that a duplicate is logged though it is shown once.
create table sending (
  id bigint generated always as identity primary key, message uuid not null references message, sender text not null, bundle_id text,
  arrival text not null check (arrival in ('process', 'same-answer', 'resubmission-same-answer', 'bundle-id-reused')), at timestamptz not null);
create unique index envelope_is_used_once on sending (sender, bundle_id) where arrival in ('process', 'resubmission-same-answer');
create index sending_message on sending (message);

create table notification (
  id uuid primary key, municipality char(4) not null, unit uuid not null, organisation text not null, sent_by uuid, message_id text not null,
  kind text not null check (kind in ('pregnancy', 'birth', 'care-communication', 'hospital-notification')), category text,
  state text not null check (state in ('registering', 'registered', 'to-place', 'placed', 'listed', 'withdrawn')), received_state text not null,
  received_at timestamptz not null, place_by timestamptz, identified boolean not null default false,
  fingerprint bytea, content bytea, corrects uuid,
  placement text check (placement in ('existing', 'expected', 'not-ours')), placed_content bytea, placed_by uuid, placed_at timestamptz,
  withdrawn_at timestamptz, withdrawal_reason text,
  check ((state = 'to-place') <= (place_by is not null)), check ((state = 'withdrawn') = (withdrawn_at is not null)));
create unique index message_id_is_used_once on notification (organisation, message_id) where kind in ('pregnancy', 'birth');
create index notification_corrects on notification (corrects) where corrects is not null;
create index notification_waiting on notification (municipality, id) where state = 'to-place';
create index notification_organisation on notification (organisation, id);

-- The registry's children as far as this service needs them, and which of them a notification is about.
create table child (id uuid primary key, municipality char(4) not null, status text not null, professional uuid, unit uuid, since timestamptz) with (fillfactor = 80);
create table notification_child (notification uuid not null references notification, ord int not null, child uuid not null, primary key (notification, ord));
create index notification_child_child on notification_child (child);

-- Who sent it: an organisation's system, a municipality's system, or someone of the maternity ward that sent it.
create function is_sender(p_organisation text, p_sent_by uuid) returns boolean language sql stable set search_path = midwife as $$
  select coalesce(case current_setting('tovholder.kind', true)
    when 'organisation' then p_organisation = current_setting('tovholder.organisation', true)
    when 'municipality' then case when current_setting('tovholder.professional', true) = '' then p_organisation = 'municipality:' || current_setting('tovholder.municipality', true)
      else p_sent_by::text = current_setting('tovholder.professional', true)
        or exists (select 1 from workplace w where w.professional::text = current_setting('tovholder.professional', true) and p_organisation = 'unit:' || w.unit) end
    end, false) $$;

-- Waits until nobody else is receiving the same letter or envelope, or the letter this one answers; then tells what came before.
create function earlier(p_sender text, p_header text, p_bundle text, p_answers text)
  returns table (message uuid, acknowledgement text, header_of_bundle text) language plpgsql security definer set search_path = midwife as $$
declare k text;
begin
  for k in select distinct x from unnest(array['letter ' || p_sender || ' ' || p_header, 'envelope ' || p_sender || ' ' || p_bundle, 'answers ' || p_header, 'answers ' || p_answers]) x
    where x is not null order by x loop
    perform pg_advisory_xact_lock(hashtextextended(k, 0));
  end loop;
  return query select m.id, m.acknowledgement,
      (select e.header_id from sending s join message e on e.id = s.message where s.sender = p_sender and s.bundle_id = p_bundle and s.arrival in ('process', 'resubmission-same-answer'))
    from (select 1) one left join message m on m.sender = p_sender and m.header_id = p_header;
end $$;

-- Links a message to what it answers, whichever of the two came first; only between parties of the message answered.
create function link_answers(p_message uuid) returns void language sql security definer set search_path = midwife as $$
  update message r set answers_message = o.id from message o
    where (r.id = p_message or o.id = p_message) and r.id <> o.id and r.answers = o.header_id and r.answers_message is null and r.sender in (o.sender, o.receiver) $$;

-- One structured message at a time per sender and message id.
create function take_turn(p_organisation text, p_message_id text) returns void language sql set search_path = midwife as
  $$ select pg_advisory_xact_lock(hashtextextended('notification ' || p_organisation || ' ' || p_message_id, 0)) $$;

-- What a correction names: the sender's own message id, or the id of any notification (whose it is decides the rule).
create function corrected(p_organisation text, p_corrects uuid)
  returns table (id uuid, organisation text, municipality char(4), kind text, state text) language sql stable security definer set search_path = midwife as $$
  select n.id, n.organisation, n.municipality, n.kind, n.state from notification n
    where n.id = p_corrects or (n.organisation = p_organisation and n.message_id = p_corrects::text and n.kind in ('pregnancy', 'birth'))
    order by n.organisation = p_organisation desc limit 1 $$;

-- A notification is registered once it is known who it is about and each of these children has a tovholder.
create function settle(p_child uuid) returns void language sql set search_path = midwife as $$
  update notification n set state = 'registered'
    where n.state = 'registering' and n.identified and n.id in (select l.notification from notification_child l where l.child = p_child)
      and not exists (select 1 from notification_child l left join child c on c.id = l.child where l.notification = n.id and c.professional is null) $$;

-- The child's row is taken first, so that of two sources speaking at once the second sees what the first said.
create function child_is(p_child uuid, p_municipality char(4), p_status text, p_professional uuid, p_unit uuid, p_since timestamptz)
  returns void language plpgsql set search_path = midwife as $$
begin
  insert into child as c values (p_child, p_municipality, coalesce(p_status, 'expected'), p_professional, p_unit, p_since)
    on conflict (id) do update set municipality = excluded.municipality, status = coalesce(p_status, c.status),
      professional = coalesce(excluded.professional, c.professional), unit = coalesce(excluded.unit, c.unit), since = coalesce(excluded.since, c.since);
  perform settle(p_child);
end $$;

create function children_are(p_notification uuid, p_municipality char(4), p_orders int[], p_children uuid[], p_statuses text[])
  returns void language plpgsql set search_path = midwife as $$
begin
  insert into child as c (id, municipality, status) select x, p_municipality, s from unnest(p_children, p_statuses) u(x, s) order by x
    on conflict (id) do update set municipality = c.municipality;
  insert into notification_child (notification, ord, child) select p_notification, o, x from unnest(p_orders, p_children) u(o, x)
    on conflict (notification, ord) do update set child = excluded.child;
  update notification set identified = true where id = p_notification;
  perform settle(p_children[1]);
end $$;

do $$ declare t text; begin
  foreach t in array array['message', 'sending', 'notification', 'notification_child', 'child'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to midwife_machine using (true) with check (true)', t);
    execute format('create policy owner on %I to tovholder_owner using (true) with check (true)', t);
  end loop;
end $$;
create policy receiver on message to midwife_api using (may_see(municipality)) with check (may_see(municipality));
create policy sender on message to midwife_api using (is_sender(organisation, null)) with check (is_sender(organisation, null));
create policy of_message on sending to midwife_api using (exists (select 1 from message m where m.id = message)) with check (true);
create policy receiver on notification to midwife_api using (may_see(municipality)) with check (may_see(municipality));
create policy sender on notification to midwife_api using (is_sender(organisation, sent_by)) with check (is_sender(organisation, sent_by));
create policy of_notification on notification_child to midwife_api using (exists (select 1 from notification n where n.id = notification)) with check (exists (select 1 from notification n where n.id = notification));
create policy here on child to midwife_api using (may_see(municipality));
create policy of_notification on child for select to midwife_api using (exists (select 1 from notification_child l where l.child = child.id));
-- A sender, of no municipality or of a ward in another one, opens what it sealed itself.
create policy sender on sealing_key for select to midwife_api using (exists (select 1 from notification n where n.id = sealing_key.id)
  or exists (select 1 from message m where m.id = sealing_key.id));

grant select on unit, unit_sor, municipality, intake, child to midwife_api;
grant select, insert on message, sending, notification, notification_child to midwife_api;
grant update (state, placement, placed_content, placed_by, placed_at, withdrawn_at, withdrawal_reason) on notification to midwife_api;
grant update (child) on notification_child to midwife_api;
grant select, insert, update, delete on unit, unit_sor, municipality, intake, child, notification, notification_child to midwife_machine;
grant select on message, sending to midwife_machine;
revoke execute on function is_sender, earlier, link_answers, take_turn, corrected, settle, child_is, children_are from public;
grant execute on function is_sender, earlier, link_answers, take_turn, corrected to midwife_api;
grant execute on function is_sender, settle, child_is, children_are to midwife_machine;
