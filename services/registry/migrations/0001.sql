-- The baton's tables, which only commit() may change, and what the registry keeps of the directory.
-- Every child of a running episode has exactly one open assignment on an open seat: the keys below make anything else impossible.
set local search_path = registry;

-- A seat is a professional's place in a unit. Leaving is: taking = false (commits alone), ordinary decisions move what stands on the seat,
-- open = false (the keys prove it empty).
create table seat (
  professional uuid not null, unit uuid not null, municipality char(4) not null,
  open boolean not null default true, taking boolean not null default true check (open or not taking),
  primary key (professional, unit), unique (professional, unit, open)) with (fillfactor = 80);
create index seat_unit on seat (unit);

-- PostgreSQL reads a check anew for every statement that writes to its table, each as dear as half the writing. So each table of the baton has one, a
-- function that says by its name which rule is broken.
create function is_sound(p_table text, p_broken text) returns boolean language plpgsql immutable as $$
begin
  if p_broken is null then return true; end if;
  raise exception '% breaks %', p_table, p_broken using errcode = 'check_violation', schema = 'registry', table = p_table, constraint = p_broken;
end $$;
create function child_is_sound(p_id uuid, p_status text, p_was text, p_open_end timestamptz, p_life_ended text, p_merged_into uuid, p_moving_to char(4))
returns boolean language plpgsql immutable as $$
begin
  return registry.is_sound('child', case
    when (p_status = 'closed') <> (p_was is not null) then 'closed_and_was_together'
    when p_merged_into is not null and p_status <> 'closed' then 'merged_into_only_on_closed'
    when p_merged_into = p_id then 'not_merged_into_itself'
    when p_moving_to is not null and p_status = 'closed' then 'only_a_running_case_moves'
    when (p_status = 'closed') <> (p_open_end is null) or p_open_end <> 'infinity' or p_status not in ('expected', 'born', 'closed')
      or p_was not in ('expected', 'born') or p_life_ended not in ('died', 'pregnancy-ended') then 'child_check' end);
end $$;
create function link_is_sound(p_started_at timestamptz, p_finished_at timestamptz, p_prev_finished_at timestamptz, p_prev_episode int, p_prev_episode_end timestamptz)
returns boolean language plpgsql immutable as $$
begin
  return registry.is_sound('assignment', case
    when p_prev_finished_at <> p_started_at then 'no_gap'
    when p_started_at >= p_finished_at then 'forward'
    when p_prev_episode is not null and (p_prev_episode_end is null or p_prev_episode_end >= p_started_at) then 'after_the_earlier_episode' end);
end $$;
create function handover_is_sound(p_state text, p_closed_at timestamptz, p_effective_on date) returns boolean language plpgsql immutable as $$
begin
  return registry.is_sound('handover', case
    when p_state not in ('proposed', 'scheduled', 'effected', 'declined', 'withdrawn', 'superseded') or (p_closed_at is null) <> (p_state in ('proposed', 'scheduled'))
      or (p_state = 'scheduled' and p_effective_on is null) then 'handover_check' end);
end $$;

-- A child is in the care of tovholdere in episodes; while one runs, open_end is 'infinity', else null.
-- shared_with: other municipalities that see the child, by an open handover to them or a supporter of theirs.
create table child (
  id uuid primary key, municipality char(4) not null, shared_with char(4)[] not null default '{}', district uuid,
  status text not null, birth_order int not null default 1, sibling_of uuid,
  version bigint not null default 0, last_at timestamptz not null default '-infinity', episode int not null default 1,
  open_end timestamptz default 'infinity',
  -- was: the status before the closing. life_ended: a death or the end of a pregnancy, which closes nothing. moving_to: a move that waits for an
  -- open handover to end. merged_into: the reference that survives; survivor_version: its version once they were merged, by which an undo is judged.
  -- survivor_noted: what was noted of its life before that and after, which no version tells of.
  born_on date, was text, life_ended text, life_ended_on date,
  moving_to char(4), moving_by uuid, merged_into uuid references child, survivor_version bigint, survivor_noted jsonb,
  constraint sound check (child_is_sound(id, status, was, open_end, life_ended, merged_into, moving_to)), unique (id, episode, open_end)) with (fillfactor = 80);

create index ages on child (municipality, born_on) where status = 'born' and life_ended is null;
create index moves on child (moving_to) where moving_to is not null;

-- One link of the chain. Each begins where the one before ended; the last of a running episode ends at 'infinity';
-- the first of a later episode begins after a link of the episode before it.
-- seen_*: who got the baton without a click of their own says that they have seen it; the clock sets the deadline and looks again at seen_next_at.
create table assignment (
  child_id uuid not null references child, municipality char(4) not null, episode int not null, seq int not null,
  professional uuid not null, unit uuid not null, why text not null, by uuid, handover uuid, reason text, note bytea,
  started_at timestamptz not null, finished_at timestamptz not null default 'infinity', prev_finished_at timestamptz, prev_episode_end timestamptz,
  seen_at timestamptz, seen_due_at timestamptz, seen_level int not null default 0, seen_next_at timestamptz,
  unseen boolean generated always as (case when finished_at = 'infinity' and seen_at is null and why not in ('acceptance', 'effect') then true end) stored,
  prev_episode int generated always as (case when prev_finished_at is null and episode > 1 then episode - 1 end) stored,
  open boolean generated always as (case when finished_at = 'infinity' then true end) stored,
  open_end timestamptz generated always as (case when finished_at = 'infinity' then 'infinity'::timestamptz end) stored,
  primary key (child_id, episode, finished_at),                                                     -- at most one open link
  constraint no_fork unique (child_id, episode, prev_finished_at),
  constraint sound check (link_is_sound(started_at, finished_at, prev_finished_at, prev_episode, prev_episode_end)),
  constraint link_follows_link foreign key (child_id, episode, prev_finished_at)
    references assignment (child_id, episode, finished_at) deferrable initially deferred,
  constraint episode_follows_episode foreign key (child_id, prev_episode, prev_episode_end)
    references assignment (child_id, episode, finished_at) deferrable initially deferred,
  constraint holder_has_open_seat foreign key (professional, unit, open) references seat (professional, unit, open) deferrable initially deferred,
  constraint no_open_link_on_closed_child foreign key (child_id, episode, open_end) references child (id, episode, open_end) deferrable initially deferred);
create unique index one_first_link on assignment (child_id, episode) where prev_finished_at is null;
create index unseen on assignment (coalesce(seen_next_at, started_at)) where unseen;
-- By `open`, as the key of the seat asks when a seat is closed; and a look for one child's open link must never be planned over everyone's.
create index held on assignment (professional, unit) where open;
alter table child add constraint always_a_tovholder
  foreign key (id, episode, open_end) references assignment (child_id, episode, finished_at) deferrable initially deferred;

-- named: the receiver as proposed, also after a deputy has accepted for themselves. proposer: null where a rule has proposed (a move).
-- next_at: when the clock must look again (remind, overdue, escalate, take effect); null while a question rests the clock.
create table handover (
  id uuid primary key, child_id uuid not null references child, episode int not null,
  municipality char(4) not null, receiver_municipality char(4) not null,
  state text not null,
  giver uuid not null, giver_unit uuid not null, receiver uuid not null, receiver_unit uuid not null, named uuid not null, proposer uuid, reason text not null,
  family_wish bytea, message bytea, note bytea,
  proposed_at timestamptz not null, due_at timestamptz not null, effective_on date, question uuid, asked_at timestamptz,
  reminded_at timestamptz, overdue_at timestamptz, level int not null default 0, next_at timestamptz,
  accepted_by uuid, decline_reason text, cause text, closed_at timestamptz,
  receiver_open boolean generated always as (case when state in ('proposed', 'scheduled') then true end) stored,
  open_end timestamptz generated always as (case when state in ('proposed', 'scheduled') then 'infinity'::timestamptz end) stored,
  constraint sound check (handover_is_sound(state, closed_at, effective_on)),
  constraint receiver_has_open_seat foreign key (receiver, receiver_unit, receiver_open)
    references seat (professional, unit, open) deferrable initially deferred,
  constraint no_open_handover_on_closed_child foreign key (child_id, episode, open_end)
    references child (id, episode, open_end) deferrable initially deferred) with (fillfactor = 80);
create unique index one_open_handover on handover (child_id) where state in ('proposed', 'scheduled');
create index offered on handover (receiver, receiver_unit) where state in ('proposed', 'scheduled');
create index next_look on handover (next_at) where state in ('proposed', 'scheduled');
create index handover_by_receiver on handover (receiver, id);
create index handover_by_giver on handover (giver, id);
create index handover_by_proposer on handover (proposer, id) where proposer <> giver;
-- By `open_end`, as the key of the child asks when its case is closed.
create index open_of_child on handover (child_id) where open_end is not null;

create table question (
  id uuid primary key, handover_id uuid not null references handover, asked_by uuid not null, asked_at timestamptz not null, question bytea not null,
  answered_by uuid, answered_at timestamptz, answer bytea, check ((answered_at is null) = (answer is null)));
create unique index one_open_question on question (handover_id) where answered_at is null;
create index question_handover on question (handover_id);

-- Who stands by a child now; what was is in the ledger.
create table supporter (
  child_id uuid not null references child, professional uuid not null, unit uuid not null, municipality char(4) not null,
  role text not null check (role in ('receiver', 'giver', 'team')), since timestamptz not null, until_on date, primary key (child_id, professional, unit));
create index supporter_ends on supporter (until_on);
create index supporter_seat on supporter (professional, unit);

-- Why each episode ended, by whom (null: by rule), and for a municipality outside the product who took over and when they confirmed it.
create table closing (child_id uuid not null references child, municipality char(4) not null, episode int not null, reason text not null, by uuid, at timestamptz not null,
  confirmed_on date, receiver bytea, note bytea, primary key (child_id, episode),
  constraint outside_is_confirmed check (reason <> 'moved-to-a-municipality-outside' or (confirmed_on is not null and receiver is not null)));
-- What a leader or the intake lead is to decide: `merged` (two references became one; about: the other), `move` (to a municipality that does not use
-- the product, or of a closed case).
create table matter (id uuid primary key, child_id uuid not null references child, municipality char(4) not null,
  kind text not null check (kind in ('merged', 'move')), about uuid, to_municipality char(4), since timestamptz not null,
  decided_at timestamptz, decided_by uuid, outcome text, check ((decided_at is null) = (outcome is null)));
create unique index one_open_matter on matter (child_id, kind, coalesce(about, child_id), coalesce(to_municipality, '')) where decided_at is null;

-- What the registry keeps of the directory.
create table municipality (code char(4) primary key, active boolean not null, answer_working_days int not null, remind_working_days_before int not null,
  escalate_working_days int not null, absence_limit_days int not null, support_days int not null, closing_days date[] not null default '{}', closing_age int not null default 6);
create table absence (id uuid primary key, professional uuid not null, municipality char(4) not null, from_on date not null, until_on date, deputy uuid, deputy_unit uuid);
create index absence_professional on absence (professional);
create table unit (id uuid primary key, municipality char(4), parent uuid, leaders uuid[] not null, active boolean not null);
-- Who leads a unit, and who leads those above it: level 0 is the unit's own leader.
create table leadership (unit uuid not null, level int not null, place int not null, professional uuid not null, in_unit uuid not null, primary key (unit, level, place));
create index leadership_professional on leadership (professional);
create table intake (municipality char(4) not null, district uuid, lead uuid not null, lead_unit uuid not null, deputy uuid not null, deputy_unit uuid not null,
  leader uuid not null, leader_unit uuid not null, unique nulls not distinct (municipality, district));
-- Professionals whose seats (those that take nobody any more) are to be emptied from a date on; `leaving`: all of them, and then they are released.
create table departure (professional uuid primary key, municipality char(4) not null, leaving boolean not null, from_on date not null);
-- Registrations that found no open seat: kept until one takes, retried by the clock, never dropped.
create table waiting (id uuid primary key, municipality char(4) not null, content jsonb not null, correlation text, since timestamptz not null, tries int not null default 0);

create function today() returns date language sql volatile as $$ select (chassis.now() at time zone 'Europe/Copenhagen')::date $$;

-- Row-level security: by party; a handover across municipalities is seen by both, and the child with it as long as it is open.
create function shares(p_shared_with char(4)[]) returns boolean language sql stable as
  $$ select p_shared_with <> '{}' and current_setting('tovholder.kind', true) = 'municipality' and current_setting('tovholder.municipality', true)::bpchar = any (p_shared_with) $$;
-- Functions, not sub-selects: as a sub-select in a policy the planner hashes the whole table of children, once per acceptance.
create function sees_child(p_child uuid) returns boolean language plpgsql stable set enable_seqscan = off as
  $$ begin return exists (select from registry.child c where c.id = p_child); end $$;
create function sees_handover(p_handover uuid) returns boolean language plpgsql stable set enable_seqscan = off as
  $$ begin return exists (select from registry.handover h where h.id = p_handover); end $$;
do $$
declare t text; rule text; rules jsonb := jsonb_build_object(
  'seat', 'may_see(municipality)',
  'child', 'may_see(municipality) or shares(shared_with)',
  'assignment', 'may_see(municipality) or sees_child(child_id)',
  'handover', 'may_see(municipality) or may_see(receiver_municipality)',
  'question', 'sees_handover(handover_id)',
  'supporter', 'may_see(municipality) or sees_child(child_id)',
  'closing', 'may_see(municipality) or sees_child(child_id)',
  'matter', 'may_see(municipality) or sees_child(child_id)');
begin
  for t, rule in select * from jsonb_each_text(rules) loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I for select to registry_machine using (true)', t);
    execute format('create policy by_party on %I for select to registry_api using (%s)', t, rule);
    -- Seats are looked at from every municipality: a handover may cross. What the owner's functions return of them is open or not.
    execute format('create policy owner on %I to tovholder_owner using (%s) with check (%s)', t, case t when 'seat' then 'true' else rule end, case t when 'seat' then 'true' else rule end);
    execute format('grant select on %I to registry_api, registry_machine', t);
  end loop;
end $$;
grant select, insert, update, delete on municipality, absence, unit, leadership, intake, departure, waiting to registry_machine;
-- The list of matters is by who leads and who takes in; a person says what they decided, and nothing else of it changes.
grant select on leadership, intake to registry_api;
create policy decides on matter for update to registry_api using (may_see(municipality) or sees_child(child_id)) with check (true);
grant update (decided_at, decided_by, outcome) on matter to registry_api;

-- Both functions look up by key only: one plan per statement and session, and none that scans, though it was made while a table was empty.

-- What has become of a child's life and case beside the baton; read for the clock, for closed cases, and where there is something to say.
create function life_of(c child) returns json language sql stable set search_path = registry, pg_temp as $$
  select json_build_object('born_on', c.born_on, 'ended', c.life_ended, 'ended_on', c.life_ended_on, 'moving_to', c.moving_to, 'moving_by', c.moving_by, 'was', c.was,
    'merged_into', c.merged_into, 'survivor_version', c.survivor_version, 'survivor_noted', c.survivor_noted,
    'reason', (select x.reason from closing x where x.child_id = c.id and x.episode = c.episode and c.status = 'closed'),
    'last', case when c.status = 'closed' then (select json_build_object('professional', a.professional, 'unit', a.unit) from assignment a
      where a.child_id = c.id and a.episode = c.episode order by a.finished_at desc limit 1) end) $$;

-- All that a decision about a child needs, in one call: who asks, the time, an earlier answer, the child, its tovholder, its handover (the open one, or
-- the one named), who is absent, who leads, the key of its text. p_class: what is read, for the access log. p_to: the seat a proposal is aimed at.
-- p_ladder: who could stand in and whom to turn to. Null where nobody is known by p_who; `child` is null where there is none for them.
create function load_child(p_who jsonb, p_child uuid, p_handover uuid default null, p_client text default null, p_key text default null,
    p_class text default null, p_purpose text default null, p_to jsonb default null, p_ladder boolean default false)
returns json language plpgsql security definer set search_path = registry, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare who jsonb; f answer; c child; a assignment; h handover; k sealing_key; m municipality; i intake; n timestamptz := chassis.now();
  d date := (n at time zone 'Europe/Copenhagen')::date; texts json; ladder json; path json; absences json; leaders json; supporters json; person uuid; place uuid; last_unit uuid; kind text;
begin
  if p_who->>'kind' = 'machine' then who := p_who; else who := caller(p_who); end if;
  if who is null then return null; end if;
  kind := enter(who);
  if p_key is not null then select * into f from answer where client = p_client and key = p_key; end if;
  if f.key is null then
    if p_handover is not null then select * into h from handover where id = p_handover;
    else select * into h from handover where child_id = p_child and state in ('proposed', 'scheduled'); end if;
    -- A plain variable: under row-level security a coalesce() in the condition counts as leaking and would scan every child.
    place := coalesce(p_child, h.child_id);
    select * into c from child where id = place;
  end if;
  if c.id is null then
    return json_build_object('caller', who, 'at', n, 'answer', case when f.key is not null then
      json_build_object('fingerprint', encode(f.fingerprint, 'hex'), 'status', f.status, 'body', f.body, 'version', f.version) end);
  end if;
  select * into a from assignment where child_id = c.id and episode = c.episode and finished_at = 'infinity';
  select * into m from municipality where code = c.municipality;
  select * into k from sealing_key where id = c.id;
  select * into i from intake where municipality = c.municipality and (district = c.district or district is null) order by district nulls last limit 1;
  select json_agg(json_build_object('professional', x.professional, 'deputy', x.deputy, 'unit', x.deputy_unit, 'from_on', x.from_on, 'until_on', x.until_on)) into absences
    from absence x where x.professional in (a.professional, h.receiver) and x.from_on <= d and (x.until_on is null or x.until_on >= d);
  -- Of a closed case its last unit.
  last_unit := a.unit;
  if c.status = 'closed' then select x.unit into last_unit from assignment x where x.child_id = c.id and x.episode = c.episode order by x.finished_at desc limit 1; end if;
  select json_agg(json_build_array(l.unit, l.professional)) into leaders from leadership l where l.unit in (last_unit, h.receiver_unit);
  select json_agg(json_build_object('professional', s.professional, 'unit', s.unit, 'municipality', s.municipality, 'role', s.role, 'since', s.since, 'until_on', s.until_on) order by s.since)
    into supporters from supporter s where s.child_id = c.id;
  if p_class = 'handover-text' then
    select json_build_object('message', encode(h.message, 'hex'), 'family_wish', encode(h.family_wish, 'hex'), 'note', encode(h.note, 'hex'),
      'questions', (select json_agg(json_build_object('id', q.id, 'asked_by', q.asked_by, 'asked_at', q.asked_at, 'question', encode(q.question, 'hex'),
        'answered_by', q.answered_by, 'answered_at', q.answered_at, 'answer', encode(q.answer, 'hex')) order by q.asked_at) from question q where q.handover_id = h.id)) into texts;
  end if;
  if p_ladder then
    select json_agg(json_build_object('professional', s.professional, 'unit', s.unit, 'municipality', s.municipality, 'open', s.open, 'taking', s.taking,
      'present', not exists (select from absence y where y.professional = s.professional and y.from_on <= d and (y.until_on is null or y.until_on >= d))) order by x.rank, x.place)
    into ladder from (
      select 0 as rank, 0 as place, y.deputy as professional, y.deputy_unit as unit from absence y
        where y.professional = a.professional and y.from_on <= d and (y.until_on is null or y.until_on >= d)
      union all select 1 + l.level, l.place, l.professional, l.in_unit from leadership l where l.unit = a.unit
      union all values (1001, 0, i.lead, i.lead_unit), (1002, 0, i.deputy, i.deputy_unit), (1003, 0, i.leader, i.leader_unit)) x join seat s using (professional, unit);
    select json_agg(json_build_object('professional', s.professional, 'unit', s.unit, 'municipality', s.municipality, 'open', s.open, 'taking', s.taking,
      'present', not exists (select from absence y where y.professional = s.professional and y.from_on <= d and (y.until_on is null or y.until_on >= d))) order by x.rank, x.place)
    into path from (
      select l.level as rank, l.place, l.professional, l.in_unit as unit from leadership l where l.unit = h.receiver_unit
      union all select 1000 + l.level, l.place, l.professional, l.in_unit from leadership l where l.unit = a.unit
      union all values (9999, 0, i.leader, i.leader_unit)) x join seat s using (professional, unit);
  end if;
  if p_class is not null then
    person := (who->>'professional')::uuid;
    if kind = 'service' or person in (a.professional, h.receiver, h.named, i.lead, i.deputy) or exists (select from leadership l where l.unit in (last_unit, h.receiver_unit) and l.professional = person)
        or exists (select from supporter s where s.child_id = c.id and s.professional = person) or exists (select from absence x where x.professional in (a.professional, h.receiver) and x.deputy = person) then
      insert into access (client, party, professional, subject, class, purpose)
        values (p_client, concat(kind, ':', coalesce(who->>'municipality', who->>'organisation')), person, c.id, p_class, p_purpose);
      perform set_config('synchronous_commit', 'off', true);                        -- a pure reading: blueprint I11
    end if;
  end if;
  return json_build_object('caller', who, 'at', n,
    'child', json_build_object('id', c.id, 'municipality', c.municipality, 'district', c.district, 'status', c.status, 'version', c.version, 'last_at', case when isfinite(c.last_at) then c.last_at end,
      'shared_with', c.shared_with, 'birth_order', c.birth_order, 'episode', c.episode),
    'life', case when p_ladder or c.status = 'closed' or c.life_ended is not null or c.moving_to is not null then life_of(c) end,
    'holder', case when a.child_id is not null then json_build_object('professional', a.professional, 'unit', a.unit, 'since', a.started_at,
      'unseen', case when a.unseen then json_build_object('due_at', a.seen_due_at, 'level', a.seen_level, 'next_at', nullif(a.seen_next_at, 'infinity')) end) end,
    'handover', case when h.id is not null then json_build_object('id', h.id, 'state', h.state, 'receiver_municipality', h.receiver_municipality, 'giver', h.giver, 'giver_unit', h.giver_unit,
      'receiver', h.receiver, 'receiver_unit', h.receiver_unit, 'named', h.named, 'proposer', h.proposer, 'reason', h.reason, 'proposed_at', h.proposed_at, 'due_at', h.due_at, 'effective_on', h.effective_on,
      'question', h.question, 'asked_at', h.asked_at, 'reminded_at', h.reminded_at, 'overdue_at', h.overdue_at, 'level', h.level, 'next_at', h.next_at, 'accepted_by', h.accepted_by,
      'decline_reason', h.decline_reason, 'cause', h.cause, 'closed_at', h.closed_at,
      'taking', (select s.taking from seat s where s.professional = h.receiver and s.unit = h.receiver_unit)) end,
    'supporters', supporters, 'absences', absences, 'leaders', leaders, 'intake', case when i.municipality is not null then json_build_array(i.lead, i.deputy) end,
    'rules', case when m.code is not null then row_to_json(m) end,
    'daycare', daycare_of(c, coalesce((p_to->>'unit')::uuid, h.receiver_unit)),
    'key', case when k.id is not null then json_build_object('wrapped_by', k.wrapped_by, 'wrapped', encode(k.wrapped, 'hex'), 'destroyed', k.destroyed_at is not null) end,
    'to', case when p_to is not null then (select json_build_object('municipality', s.municipality, 'taking', s.taking) from seat s
      where s.professional = (p_to->>'professional')::uuid and s.unit = (p_to->>'unit')::uuid) end,
    'texts', texts, 'ladder', ladder, 'path', path);
end $$;

-- Who could take in a new child of a municipality and district, in the order they are asked.
create function intake_ladder(p_municipality char(4), p_district uuid) returns json language sql security definer set search_path = registry, pg_temp as $$
  with i as (select * from intake where municipality = p_municipality and (district = p_district or district is null) order by district nulls last limit 1),
  x as (select 0 as rank, 0 as place, lead as professional, lead_unit as unit from i union all select 1, 0, deputy, deputy_unit from i
        union all select 2 + l.level, l.place, l.professional, l.in_unit from i join leadership l on l.unit = i.lead_unit union all select 1000, 0, leader, leader_unit from i)
  select json_agg(json_build_object('professional', s.professional, 'unit', s.unit, 'municipality', s.municipality, 'open', s.open, 'taking', s.taking,
    'present', not exists (select from absence y where y.professional = s.professional and y.from_on <= today() and (y.until_on is null or y.until_on >= today()))) order by x.rank, x.place)
  from x join seat s using (professional, unit) $$;

-- A municipality a child may have moved to: whether it uses the product, and who takes in children there.
create function destination(p_municipality char(4)) returns json language sql security definer set search_path = registry, pg_temp as $$
  select json_build_object('inside', exists (select from municipality where code = p_municipality) and exists (select from intake where municipality = p_municipality and district is null),
    'ladder', intake_ladder(p_municipality, null)) $$;

-- Writes what is to be noted of a child's life and case; part of commit(). p_life: the columns that change, and closing, matter, decided.
create function note_life(c child, p_life jsonb, p_texts jsonb, t timestamptz) returns void language plpgsql set search_path = registry, pg_temp as $$
begin
  update child set
      born_on = case when p_life ? 'born_on' then coalesce((p_life->>'born_on')::date, born_on) else born_on end,
      was = case when p_life ? 'was' then p_life->>'was' else was end,
      life_ended = case when p_life ? 'ended' then p_life->>'ended' else life_ended end,
      life_ended_on = case when p_life ? 'ended' then (p_life->>'ended_on')::date else life_ended_on end,
      moving_to = case when p_life ? 'moving_to' then p_life->>'moving_to' else moving_to end,
      moving_by = case when p_life ? 'moving_to' then (p_life->>'moving_by')::uuid else moving_by end,
      merged_into = case when p_life ? 'merged_into' then (p_life->>'merged_into')::uuid else merged_into end,
      survivor_version = case when p_life ? 'survivor_version' then (p_life->>'survivor_version')::bigint else survivor_version end,
      survivor_noted = case when p_life ? 'survivor_noted' then nullif(p_life->'survivor_noted', 'null') else survivor_noted end
    where child.id = c.id;
  if p_life->>'merged_into' is not null then
    update matter m set child_id = (p_life->>'merged_into')::uuid where m.child_id = c.id and decided_at is null and m.about is distinct from (p_life->>'merged_into')::uuid
      and not exists (select from matter o where o.child_id = (p_life->>'merged_into')::uuid and o.decided_at is null and o.kind = m.kind
        and o.about is not distinct from m.about and o.to_municipality is not distinct from m.to_municipality);
    update matter m set decided_at = t, outcome = 'merged' where m.child_id = c.id and decided_at is null;
  elsif p_life ? 'closing' then
    update matter m set decided_at = t, decided_by = (p_life->'closing'->>'by')::uuid, outcome = 'closed' where m.child_id = c.id and decided_at is null;
  end if;
  if p_life ? 'closing' then
    insert into closing (child_id, municipality, episode, reason, by, at, confirmed_on, receiver, note)
      select c.id, c.municipality, c.episode, x.reason, x.by, t, x.confirmed_on, decode(p_texts->>'receiver', 'hex'), decode(p_texts->>'closing', 'hex')
      from jsonb_to_record(p_life->'closing') x(reason text, by uuid, confirmed_on date);
  end if;
  if p_life ? 'matter' then
    insert into matter (id, child_id, municipality, kind, about, to_municipality, since)
      select x.id, c.id, c.municipality, x.kind, x.about, x.to_municipality, t from jsonb_to_record(p_life->'matter') x(id uuid, kind text, about uuid, to_municipality char(4))
      on conflict do nothing;
  end if;
  if p_life ? 'decided' then
    update matter m set decided_at = t, decided_by = (p_life->'decided'->>'by')::uuid, outcome = p_life->'decided'->>'outcome'
      where m.child_id = c.id and m.about = (p_life->'decided'->>'about')::uuid and decided_at is null;
  end if;
end $$;

-- Commits decisions (usually one) with the answer to the request: the only way the baton's tables change. k events take k versions.
-- Lock order everywhere: the seats the decisions land on, in key order; then children, in order. Called once per transaction, in autocommit, or under a
-- savepoint; its deferred checks are made at its end, so that a broken rule is this call's error. Raises TV409 where a child has moved on (reload, decide
-- again), TV001 where a handover is not open, TV002 where a seat takes nobody. Returns {child: version}.
create function commit(p_party jsonb, p_decisions jsonb, p_answer jsonb default null) returns jsonb
language plpgsql security definer set search_path = registry, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare d jsonb; h jsonb; n jsonb; s record; c child; t timestamptz; link int; ended timestamptz; k int; versions jsonb := '{}'; stamp text; party text := enter(p_party);
begin
  set constraints all deferred;
  d := p_decisions->0;
  if jsonb_array_length(p_decisions) = 1 and not (d ? 'holder' and d ? 'offer') then
    -- The usual decision lands on one seat at most: nothing to put in order.
    n := coalesce(d->'holder', d->'offer');
    if n is not null then
      perform from seat where professional = (n->>'professional')::uuid and unit = (n->>'unit')::uuid and open and taking for share;
      if not found then raise exception 'this seat takes nobody' using errcode = 'TV002'; end if;
    end if;
  else
    select coalesce(jsonb_agg(value order by (value->>'child')::uuid), '[]') into p_decisions from jsonb_array_elements(p_decisions);
    for s in select distinct (x->>'professional')::uuid as professional, (x->>'unit')::uuid as unit
        from jsonb_array_elements(p_decisions) e, lateral (values (e->'holder'), (e->'offer')) v(x) where x is not null order by 1, 2 loop
      perform from seat where professional = s.professional and unit = s.unit and open and taking for share;
      if not found then raise exception 'this seat takes nobody' using errcode = 'TV002'; end if;
    end loop;
  end if;
  for place in 0 .. jsonb_array_length(p_decisions) - 1 loop
    d := p_decisions->place;
    k := jsonb_array_length(d->'events');
    if d ? 'registers' then
      insert into child (id, municipality, district, status, birth_order, sibling_of, version, last_at)
        select (d->>'child')::uuid, r.municipality, r.district, r.status, r.birth_order, r.sibling_of, k, chassis.now()
        from jsonb_to_record(d->'registers') r(municipality char(4), district uuid, status text, birth_order int, sibling_of uuid) returning * into c;
    elsif not (d ? 'status' or d ? 'reopens') then
      update child set version = version + k, last_at = case when k = 0 then last_at else greatest(chassis.now(), last_at + interval '1 microsecond') end
        where child.id = (d->>'child')::uuid and version = (d->>'expected')::bigint returning * into c;   -- the row lock, before any outbox number is drawn
    else
      update child set version = version + k, last_at = case when k = 0 then last_at else greatest(chassis.now(), last_at + interval '1 microsecond') end,
          status = coalesce(d->>'status', status), was = case when d->>'status' = 'closed' then status when d ? 'reopens' then null else was end,
          open_end = case when d->>'status' = 'closed' then null when d ? 'reopens' then 'infinity' else open_end end, episode = episode + (d ? 'reopens')::int,
          merged_into = case when d ? 'reopens' then null else merged_into end, moving_to = case when d->>'status' = 'closed' then null else moving_to end
        where child.id = (d->>'child')::uuid and version = (d->>'expected')::bigint returning * into c;
    end if;
    if c.id is null then raise exception 'the child has moved on' using errcode = 'TV409'; end if;
    if not d ? 'registers' then
      c.municipality := coalesce(d->>'municipality', c.municipality);
    end if;
    t := c.last_at;
    if d ? 'key' then
      insert into sealing_key (id, municipality, wrapped_by, wrapped) values (c.id, c.municipality, d->'key'->>'wrapped_by', decode(d->'key'->>'wrapped', 'hex'));
    end if;
    if d ? 'handover' then
      if d ? 'offer' and (d->>'new')::boolean then
        insert into handover (id, child_id, episode, municipality, receiver_municipality, state, giver, giver_unit, receiver, receiver_unit, named, proposer, reason, family_wish, message,
            proposed_at, due_at, effective_on, next_at, accepted_by)
          select h.id, c.id, c.episode, c.municipality, h.receiver_municipality, h.state, h.giver, h.giver_unit, h.receiver, h.receiver_unit, h.receiver, h.proposer, h.reason,
            decode(d->'texts'->>'family_wish', 'hex'), decode(d->'texts'->>'message', 'hex'), t, h.due_at, h.effective_on, h.next_at, h.accepted_by
          from jsonb_to_record(d->'handover') h(id uuid, receiver_municipality char(4), state text, giver uuid, giver_unit uuid, receiver uuid, receiver_unit uuid, proposer uuid,
            reason text, due_at timestamptz, effective_on date, next_at timestamptz, accepted_by uuid);
      else
        -- By expressions, here and below: jsonb_to_record() looks up each column's type anew at every call.
        h := d->'handover';
        if h->>'state' not in ('proposed', 'scheduled') then
          -- What ends it changes no promise made before.
          update handover o set state = h->>'state', receiver = (h->>'receiver')::uuid, receiver_unit = (h->>'receiver_unit')::uuid, receiver_municipality = h->>'receiver_municipality',
              effective_on = (h->>'effective_on')::date, question = (h->>'question')::uuid, next_at = null, accepted_by = (h->>'accepted_by')::uuid, decline_reason = h->>'decline_reason',
              cause = h->>'cause', closed_at = t, note = coalesce(decode(d->'texts'->>'note', 'hex'), o.note)
            where o.id = (h->>'id')::uuid and o.child_id = c.id and o.state in ('proposed', 'scheduled');
        else
          update handover o set state = h->>'state', giver = (h->>'giver')::uuid, giver_unit = (h->>'giver_unit')::uuid, receiver = (h->>'receiver')::uuid, receiver_unit = (h->>'receiver_unit')::uuid,
            receiver_municipality = h->>'receiver_municipality', due_at = (h->>'due_at')::timestamptz, effective_on = (h->>'effective_on')::date, question = (h->>'question')::uuid,
            asked_at = (h->>'asked_at')::timestamptz, reminded_at = (h->>'reminded_at')::timestamptz, overdue_at = (h->>'overdue_at')::timestamptz, level = (h->>'level')::int,
            next_at = (h->>'next_at')::timestamptz, accepted_by = (h->>'accepted_by')::uuid, decline_reason = h->>'decline_reason', cause = h->>'cause',
            note = coalesce(decode(d->'texts'->>'note', 'hex'), o.note)
          where o.id = (h->>'id')::uuid and o.child_id = c.id and o.state in ('proposed', 'scheduled');
        end if;
        if not found then raise exception 'the handover is not open' using errcode = 'TV001'; end if;
      end if;
      if d ? 'asks' then
        insert into question (id, handover_id, asked_by, asked_at, question)
          values ((d->'asks'->>'id')::uuid, (d->'handover'->>'id')::uuid, (d->'asks'->>'by')::uuid, t, decode(d->'texts'->>'question', 'hex'));
      end if;
      if d ? 'answers' then
        update question q set answered_by = (d->'answers'->>'by')::uuid, answered_at = t, answer = decode(d->'texts'->>'answer', 'hex')
          where q.id = (d->'answers'->>'id')::uuid and handover_id = (d->'handover'->>'id')::uuid and answered_at is null;
      end if;
    end if;
    if d ? 'holder' or c.status = 'closed' then
      link := null; ended := null;
      update assignment set finished_at = t where child_id = c.id and episode = c.episode and finished_at = 'infinity' returning seq into link;
      if d ? 'holder' then
        n := d->'holder';
        if d ? 'reopens' then select max(x.finished_at) into ended from assignment x where x.child_id = c.id and x.episode = c.episode - 1; end if;
        insert into assignment (child_id, municipality, episode, seq, professional, unit, why, by, handover, reason, note, started_at, prev_finished_at, prev_episode_end)
          values (c.id, c.municipality, c.episode, coalesce(link, 0) + 1, (n->>'professional')::uuid, (n->>'unit')::uuid, n->>'why', (n->>'by')::uuid, (n->>'handover')::uuid, n->>'reason',
            decode(d->'texts'->>'override', 'hex'), t, case when link is not null then t end, ended);
      end if;
    end if;
    if d ? 'seen' then
      update assignment set seen_at = t where child_id = c.id and episode = c.episode and finished_at = 'infinity' and unseen;
    elsif d ? 'unseen' then
      update assignment set seen_due_at = (d->'unseen'->>'due_at')::timestamptz, seen_level = (d->'unseen'->>'level')::int,
          seen_next_at = coalesce((d->'unseen'->>'next_at')::timestamptz, 'infinity')
        where child_id = c.id and episode = c.episode and finished_at = 'infinity' and unseen;
    end if;
    if d ? 'leaves' then
      delete from supporter u using jsonb_array_elements(d->'leaves') x where u.child_id = c.id and u.professional = (x->>'professional')::uuid and u.unit = (x->>'unit')::uuid;
    end if;
    if d ? 'joins' then
      insert into supporter as u (child_id, professional, unit, municipality, role, since, until_on)
        select c.id, (x->>'professional')::uuid, (x->>'unit')::uuid, x->>'municipality', x->>'role', t, (x->>'until_on')::date from jsonb_array_elements(d->'joins') x
        on conflict (child_id, professional, unit) do update set role = excluded.role, since = excluded.since, until_on = excluded.until_on;
    end if;
    if d ? 'life' then perform note_life(c, d->'life', d->'texts', t); end if;
    if d ? 'municipality' or d ? 'shared_with' then
      -- Last, and not as the party: with this it may give up its own sight of the child, which its policy would refuse.
      perform set_config('tovholder.kind', 'service', true);
      update child set municipality = c.municipality,
          shared_with = case when d ? 'shared_with' then array(select jsonb_array_elements_text(d->'shared_with'))::char(4)[] else shared_with end
        where child.id = c.id;
      party := enter(p_party);
    end if;
    stamp := to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    with said as (select e, c.version - k + o as version from jsonb_array_elements(d->'events') with ordinality u(e, o)),
      queued as (insert into outbox (partition, subject, version) select (d->>'partition')::smallint, c.id, said.version from said order by said.version)
    insert into ledger (subject, version, at, type, envelope)
      select c.id, said.version, t, e->>'type',
        case when e->'data' ? 'since' then jsonb_set(e, '{data,since}', to_jsonb(stamp)) else e end || jsonb_build_object('version', said.version, 'time', stamp)
      from said;
    versions := versions || jsonb_build_object(c.id::text, c.version);
  end loop;
  if p_answer is not null then
    insert into answer (client, key, fingerprint, status, body, version)
      values (p_answer->>'client', p_answer->>'key', decode(p_answer->>'fingerprint', 'hex'), (p_answer->>'status')::smallint, p_answer->'body', (p_answer->>'version')::bigint);
  end if;
  set constraints all immediate;
  return versions;
end $$;

-- The same as commit() for many decisions of a bulk, a statement per table instead of one per child: the same locks in the same order, the same refusals,
-- the same deferred checks. It knows proposals and answers and refuses, before anything is written, a decision that says more.
create function commit_many(p_party jsonb, p_decisions jsonb) returns jsonb
language plpgsql security definer set search_path = registry, pg_temp set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare s record; n int := jsonb_array_length(p_decisions); found_rows int; versions jsonb;
  ids uuid[]; expected bigint[]; counts int[]; partitions smallint[]; answered int;
begin
  if exists (select from jsonb_array_elements(p_decisions) e, jsonb_object_keys(e) k
      where k <> all (array['child', 'expected', 'partition', 'events', 'handover', 'new', 'offer', 'holder', 'joins', 'leaves', 'municipality', 'shared_with', 'texts', 'key', 'seen'])) then
    raise exception 'a bulk proposes and answers, no more' using errcode = '22023';
  end if;
  perform enter(p_party);
  set constraints all deferred;
  for s in select distinct (x->>'professional')::uuid as professional, (x->>'unit')::uuid as unit
      from jsonb_array_elements(p_decisions) e, lateral (values (e->'holder'), (e->'offer')) v(x) where x is not null order by 1, 2 loop
    perform from seat where professional = s.professional and unit = s.unit and open and taking for share;
    if not found then raise exception 'this seat takes nobody' using errcode = 'TV002'; end if;
  end loop;
  select array_agg((e->>'child')::uuid order by (e->>'child')::uuid), array_agg((e->>'expected')::bigint order by (e->>'child')::uuid),
      array_agg(jsonb_array_length(e->'events') order by (e->>'child')::uuid), array_agg((e->>'partition')::smallint order by (e->>'child')::uuid)
    into ids, expected, counts, partitions from jsonb_array_elements(p_decisions) e;
  perform from (select from child where id = any (ids) order by id for update) locked;
  update child c set version = c.version + x.k, last_at = greatest(chassis.now(), c.last_at + interval '1 microsecond')
    from unnest(ids, expected, counts) x(id, expected, k) where c.id = x.id and c.version = x.expected;
  get diagnostics found_rows = row_count;
  if found_rows <> n then raise exception 'a child has moved on' using errcode = 'TV409'; end if;
  insert into sealing_key (id, municipality, wrapped_by, wrapped)
    select c.id, coalesce(e->>'municipality', c.municipality), e->'key'->>'wrapped_by', decode(e->'key'->>'wrapped', 'hex')
    from jsonb_array_elements(p_decisions) e join child c on c.id = (e->>'child')::uuid where e ? 'key';
  insert into handover (id, child_id, episode, municipality, receiver_municipality, state, giver, giver_unit, receiver, receiver_unit, named, proposer, reason, family_wish, message,
      proposed_at, due_at, effective_on, next_at, accepted_by)
    select (h->>'id')::uuid, c.id, c.episode, coalesce(e->>'municipality', c.municipality), h->>'receiver_municipality', h->>'state', (h->>'giver')::uuid, (h->>'giver_unit')::uuid,
      (h->>'receiver')::uuid, (h->>'receiver_unit')::uuid, (h->>'receiver')::uuid, (h->>'proposer')::uuid, h->>'reason', decode(e->'texts'->>'family_wish', 'hex'),
      decode(e->'texts'->>'message', 'hex'), c.last_at, (h->>'due_at')::timestamptz, (h->>'effective_on')::date, (h->>'next_at')::timestamptz, (h->>'accepted_by')::uuid
    from jsonb_array_elements(p_decisions) e cross join lateral (select e->'handover') x(h) join child c on c.id = (e->>'child')::uuid where e ? 'offer' and (e->>'new')::boolean;
  get diagnostics found_rows = row_count;
  update handover o set state = h->>'state', giver = (h->>'giver')::uuid, giver_unit = (h->>'giver_unit')::uuid, receiver = (h->>'receiver')::uuid, receiver_unit = (h->>'receiver_unit')::uuid,
      receiver_municipality = h->>'receiver_municipality', due_at = (h->>'due_at')::timestamptz, effective_on = (h->>'effective_on')::date, question = (h->>'question')::uuid,
      asked_at = (h->>'asked_at')::timestamptz, reminded_at = (h->>'reminded_at')::timestamptz, overdue_at = (h->>'overdue_at')::timestamptz, level = (h->>'level')::int,
      next_at = (h->>'next_at')::timestamptz, accepted_by = (h->>'accepted_by')::uuid, decline_reason = h->>'decline_reason', cause = h->>'cause',
      closed_at = case when h->>'state' not in ('proposed', 'scheduled') then c.last_at end
    from jsonb_array_elements(p_decisions) e cross join lateral (select e->'handover') x(h) join child c on c.id = (e->>'child')::uuid
    where h is not null and not (e ? 'offer' and (e->>'new')::boolean) and o.id = (h->>'id')::uuid and o.child_id = c.id and o.state in ('proposed', 'scheduled');
  get diagnostics answered = row_count;
  if found_rows + answered <> (select count(*) from jsonb_array_elements(p_decisions) e where e ? 'handover') then
    raise exception 'a handover is not open' using errcode = 'TV001';
  end if;
  if exists (select from jsonb_array_elements(p_decisions) e where e ? 'holder') then
    -- One by one, here and below: joined, a plan made while the table was small would go through everyone's open links.
    for s in select c.id, c.episode, c.last_at from jsonb_array_elements(p_decisions) e join child c on c.id = (e->>'child')::uuid where e ? 'holder' loop
      update assignment set finished_at = s.last_at where child_id = s.id and episode = s.episode and finished_at = 'infinity';
    end loop;
    insert into assignment (child_id, municipality, episode, seq, professional, unit, why, by, handover, reason, started_at, prev_finished_at)
      select c.id, coalesce(e->>'municipality', c.municipality), c.episode, a.seq + 1, (h->>'professional')::uuid, (h->>'unit')::uuid, h->>'why', (h->>'by')::uuid, (h->>'handover')::uuid,
        h->>'reason', c.last_at, a.finished_at
      from jsonb_array_elements(p_decisions) e cross join lateral (select e->'holder') x(h) join child c on c.id = (e->>'child')::uuid
        join assignment a on a.child_id = c.id and a.episode = c.episode and a.finished_at = c.last_at where h is not null;
  end if;
  delete from supporter u using jsonb_array_elements(p_decisions) e, jsonb_array_elements(e->'leaves') l
    where u.child_id = (e->>'child')::uuid and u.professional = (l->>'professional')::uuid and u.unit = (l->>'unit')::uuid;
  for s in select c.id, c.episode, c.last_at from jsonb_array_elements(p_decisions) e join child c on c.id = (e->>'child')::uuid where e ? 'seen' loop
    update assignment set seen_at = s.last_at where child_id = s.id and episode = s.episode and finished_at = 'infinity' and unseen;
  end loop;
  insert into supporter as u (child_id, professional, unit, municipality, role, since, until_on)
    select c.id, (j->>'professional')::uuid, (j->>'unit')::uuid, j->>'municipality', j->>'role', c.last_at, (j->>'until_on')::date
    from jsonb_array_elements(p_decisions) e cross join lateral jsonb_array_elements(e->'joins') j join child c on c.id = (e->>'child')::uuid
    on conflict (child_id, professional, unit) do update set role = excluded.role, since = excluded.since, until_on = excluded.until_on;
  insert into outbox (partition, subject, version)
    select x.partition, x.id, x.expected + o from unnest(ids, expected, counts, partitions) x(id, expected, k, partition), generate_series(1, x.k) o order by x.id, o;
  insert into ledger (subject, version, at, type, envelope)
    select c.id, (e->>'expected')::bigint + o, c.last_at, v->>'type',
      case when v->'data' ? 'since' then jsonb_set(v, '{data,since}', to_jsonb(stamp)) else v end || jsonb_build_object('version', (e->>'expected')::bigint + o, 'time', stamp)
    from jsonb_array_elements(p_decisions) e join child c on c.id = (e->>'child')::uuid
      cross join lateral (select to_char(c.last_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) y(stamp)
      cross join lateral jsonb_array_elements(e->'events') with ordinality u(v, o);
  select jsonb_object_agg(x.id, x.expected + x.k) into versions from unnest(ids, expected, counts) x(id, expected, k);
  if exists (select from jsonb_array_elements(p_decisions) e where e ? 'municipality' or e ? 'shared_with') then
    -- Last, and not as the party: with this it may give up its own sight of a child, which its policy would refuse.
    perform set_config('tovholder.kind', 'service', true);
    update child c set municipality = coalesce(e->>'municipality', c.municipality),
        shared_with = case when e ? 'shared_with' then array(select jsonb_array_elements_text(e->'shared_with'))::char(4)[] else c.shared_with end
      from jsonb_array_elements(p_decisions) e where c.id = (e->>'child')::uuid and (e ? 'municipality' or e ? 'shared_with');
    perform enter(p_party);
  end if;
  set constraints all immediate;
  return versions;
end $$;

-- Seats as the directory says. A seat that is no longer said takes nobody from now on and is emptied by the clock; one that is said opens, unless its
-- professional is leaving.
create function put_seats(p_professional uuid, p_municipality char(4), p_units uuid[]) returns void language plpgsql security definer set search_path = registry, pg_temp as $$
declare leaves boolean := exists (select from departure where professional = p_professional and leaving);
begin
  perform enter('{"kind": "machine"}');
  perform from seat where professional = p_professional order by unit for update;
  insert into seat (professional, unit, municipality, taking) select p_professional, u, p_municipality, not leaves from unnest(p_units) u order by u
    on conflict (professional, unit) do update set open = true, taking = not leaves, municipality = excluded.municipality;
  update seat set taking = false where professional = p_professional and open and unit <> all (p_units);
  if found and not leaves then
    insert into departure values (p_professional, p_municipality, false, today()) on conflict do nothing;
  end if;
end $$;

-- The first step of leaving: no seat of this professional takes anything any more.
create function stop_taking(p_professional uuid, p_municipality char(4), p_from_on date) returns void language plpgsql security definer set search_path = registry, pg_temp as $$
begin
  perform enter('{"kind": "machine"}');
  update seat set taking = false where professional = p_professional and taking;
  insert into departure values (p_professional, p_municipality, true, p_from_on) on conflict (professional) do update set leaving = true, from_on = excluded.from_on;
end $$;

-- The last step: the keys prove the seat empty (23503 where something still stands on it).
create function close_seat(p_professional uuid, p_unit uuid) returns void language plpgsql security definer set search_path = registry, pg_temp as $$
begin
  perform enter('{"kind": "machine"}');
  set constraints all immediate;
  update seat set open = false where professional = p_professional and unit = p_unit and not taking;
end $$;

-- Who leads what, through all levels: rebuilt when a unit of the municipality changes.
create function put_leadership(p_municipality char(4)) returns void language sql security definer set search_path = registry, pg_temp as $$
  delete from leadership l using unit u where l.unit = u.id and u.municipality = p_municipality;
  with recursive above as (
    select u.id as unit, u.id as in_unit, u.parent, u.leaders, 0 as level from unit u where u.municipality = p_municipality
    union all select a.unit, p.id, p.parent, p.leaders, a.level + 1 from above a join unit p on p.id = a.parent where a.level < 10)
  insert into leadership select a.unit, a.level, l.place, l.professional, a.in_unit from above a, unnest(a.leaders) with ordinality l(professional, place) $$;

-- A bulk handover is a stored job: many children asked of one receiver, worked off in chunks by the clock, and answered in one act. What becomes of each
-- child stands in the same commit as its own decision, so that each is done at most once. `message` lies here, sealed, until all have been asked.
create table bulk (
  id uuid primary key, municipality char(4) not null, receiver_municipality char(4) not null, by uuid not null, receiver uuid not null, receiver_unit uuid not null,
  reason text not null, effective_on date, message bytea, correlation text,
  state text not null default 'proposing' check (state in ('proposing', 'proposed', 'answering', 'answered')),
  asked_at timestamptz not null, worked_at timestamptz not null default clock_timestamp(), proposed_at timestamptz,
  answered_by uuid, answered_in char(4), answered_at timestamptz, finished_at timestamptz,
  check ((answered_by is null) = (state in ('proposing', 'proposed'))), unique (id, municipality, receiver_municipality));
create index bulk_to_work on bulk (worked_at) where state in ('proposing', 'answering');
-- The job's municipalities stand with each of its children: whoever looks at thousands of them is not asked about the job once for each.
create table bulk_child (
  bulk_id uuid not null, child_id uuid not null, municipality char(4) not null, receiver_municipality char(4) not null,
  state text not null default 'waiting' check (state in ('waiting', 'offered', 'refused', 'answering', 'accepted', 'declined', 'unanswered')),
  handover uuid, reason text, refusal text,
  check ((handover is null) = (state in ('waiting', 'refused'))), check ((refusal is null) = (state not in ('refused', 'unanswered'))), primary key (bulk_id, child_id),
  foreign key (bulk_id, municipality, receiver_municipality) references bulk (id, municipality, receiver_municipality));
create index bulk_child_to_do on bulk_child (bulk_id, child_id) where state in ('waiting', 'answering');
do $$
declare t text; rule text := 'may_see(municipality) or may_see(receiver_municipality)';
begin
  foreach t in array array['bulk', 'bulk_child'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to registry_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to registry_api using (%s) with check (%s)', t, rule, rule);
    execute format('grant select, insert on %I to registry_api', t);
    execute format('grant select, update on %I to registry_machine', t);
  end loop;
end $$;
grant update (state, worked_at, answered_by, answered_in, answered_at) on bulk to registry_api;
grant update (state, reason) on bulk_child to registry_api;

-- A seat anywhere: of which municipality, and whether it takes anything; null where there is none.
create function seat_of(p_professional uuid, p_unit uuid) returns json language sql stable security definer set search_path = registry, pg_temp as
  $$ select json_build_object('municipality', municipality, 'taking', open and taking) from seat where professional = p_professional and unit = p_unit $$;

-- Who stands for whom today: what a list of handovers needs of the absences, and no more.
create view deputised as select professional, deputy from absence where from_on <= today() and (until_on is null or until_on >= today()) and deputy is not null;
grant select on deputised to registry_api, registry_machine;

revoke execute on all functions in schema registry from public;
grant execute on function enter, may_see, shares, sees_child, sees_handover, seat_of, today, caller, load_child, commit, destination to registry_api, registry_machine;
grant execute on function intake_ladder, put_seats, stop_taking, close_seat, put_leadership, commit_many to registry_machine;

-- When the audit of the whole installation last came to its end, on the real clock, and what it found.
create table audit (id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(), differences int not null);
-- An installation begins without a difference: the alarm for an audit that does not run counts from here.
insert into audit (differences) values (0);
grant select, insert on audit to registry_machine;
