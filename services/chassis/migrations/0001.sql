-- What every service's schema carries: versions, outbox, ledger, feed, positions, dead letters, answers, sealing keys, access log and who is calling.
-- Run as owner (NOBYPASSRLS); {{schema}}_api serves HTTP, {{schema}}_machine runs relay, consumers and clock. Neither owns anything.
create schema {{schema}};
set local search_path = {{schema}};
grant usage on schema {{schema}} to {{schema}}_api, {{schema}}_machine, tovholder_bus;

-- Who is asking stands in the transaction; row-level security reads it. Not set = sees nothing.
-- Touches no table, and so needs no search_path of its own: setting one costs more than all it does.
-- Returns who it is, so that it can be called by an expression: a statement costs as much as all it does. For the same reason no statement stands in it.
create function enter(p_party jsonb) returns text language plpgsql as $$
declare own text := coalesce(p_party->>'municipality', ''); organisation text := coalesce(p_party->>'organisation', ''); professional text := coalesce(p_party->>'professional', '');
begin
  if p_party->>'kind' = 'machine' and session_user not in ('{{schema}}_machine', 'tovholder_owner') then
    raise exception 'only a machine role may act as machine' using errcode = 'TV403';
  end if;
  own := set_config('tovholder.municipality', own, true);
  organisation := set_config('tovholder.organisation', organisation, true);
  professional := set_config('tovholder.professional', professional, true);
  return set_config('tovholder.kind', p_party->>'kind', true);
end $$;

create function may_see(p_municipality char(4)) returns boolean language sql stable as
  $$ select coalesce(current_setting('tovholder.kind', true) in ('machine', 'service'), false)
         or (current_setting('tovholder.kind', true) = 'municipality' and p_municipality = current_setting('tovholder.municipality', true)) $$;

-- A version numbers a subject's events at the source; the row is locked before an outbox number is drawn.
create table subject (id uuid primary key, version bigint not null default 0, last_at timestamptz not null default '-infinity') with (fillfactor = 80);

-- Rows wait here until the relay has given them a place in the feed. Never read by a cursor over id. That no event stands here twice is held by the ledger's key,
-- in the same commit, and by the feed's.
create table outbox (id bigint generated always as identity primary key, partition smallint not null, subject uuid not null, version bigint not null)
  with (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
create table ledger (subject uuid not null, version bigint not null, at timestamptz not null, type text not null, envelope jsonb not null, primary key (subject, version));
create table feed (partition smallint not null, position bigint not null, subject uuid not null, version bigint not null, primary key (partition, position), unique (subject, version));
-- One row per partition: the dense end of the feed, how far Kafka has it, how far the compacted topic is derived from it, and who may move it (lease on the real clock, with a fencing epoch).
create table relay (partition smallint primary key, position bigint not null default 0, sent bigint not null default 0,
  derived bigint not null default 0, epoch bigint not null default 0, holder uuid, until timestamptz not null default '-infinity') with (fillfactor = 50);
-- Subjects whose present state is to be sent again to the compacted topic; `asked` tells a later asking from the one that was answered.
create table republish (subject uuid primary key, partition smallint not null, asked uuid not null default gen_random_uuid()) with (autovacuum_vacuum_threshold = 1000);
create index republish_partition on republish (partition);

-- What this service has applied of each source.
create table position (source text not null, partition smallint not null, position bigint not null default 0, topic_offset bigint,
  epoch bigint not null default 0, holder uuid, until timestamptz not null default '-infinity', primary key (source, partition)) with (fillfactor = 50);
create table seen (source text not null, subject uuid not null, version bigint not null, primary key (source, subject)) with (fillfactor = 80);
create table parked (source text not null, subject uuid not null, version bigint not null, envelope jsonb not null, since timestamptz not null default clock_timestamp(), primary key (source, subject, version));
create table kept (id bigint generated always as identity primary key, about uuid not null, source text not null, subject uuid not null, version bigint not null, envelope jsonb not null,
  since timestamptz not null default clock_timestamp(), unique (source, subject, version));
create index kept_about on kept (about);
create table dead_letter (id uuid primary key default gen_random_uuid(), source text not null, partition smallint, position bigint, subject uuid, version bigint, type text,
  body text not null, reason text not null, tries int not null default 1, first_at timestamptz not null default clock_timestamp(), last_at timestamptz not null default clock_timestamp(),
  resolved_at timestamptz, resolved_by text, resolution text);
create unique index one_dead_letter on dead_letter (source, subject, version) where resolved_at is null;

-- Answers to changes, so that a repeated request gets the same one.
create table answer (client text not null, key text not null, fingerprint bytea not null, status smallint not null, body jsonb not null, version bigint, at timestamptz not null default clock_timestamp(), primary key (client, key));

-- Keys of sealed text: one per child or message, wrapped by the municipality's key. Erasure destroys the wrapped key.
create table sealing_key (id uuid primary key, municipality char(4) not null, wrapped_by text not null, wrapped bytea, destroyed_at timestamptz);

-- Every reading of a person's data, written before the answer leaves.
create table access (id bigint generated always as identity primary key, at timestamptz not null default clock_timestamp(), client text not null, party text not null, professional uuid,
  subject uuid not null, class text not null, purpose text not null);
create index access_subject on access (subject, at);

-- Who is who: a token says only who; authority stands here, as told by the directory.
create table professional (id uuid primary key, municipality char(4) not null, issuer text, login text, state text not null default 'active');
-- Not unique: the directory keeps a log-in to one professional, but the facts about two of them arrive in any order.
create index professional_login on professional (issuer, login) where state <> 'left';
create table workplace (professional uuid not null, unit uuid not null, unit_kind text not null, leads boolean not null default false, primary key (professional, unit));
create table client (client_id text primary key, id uuid not null, kind text not null check (kind in ('service', 'organisation', 'municipality')),
  municipality char(4), organisation text, sends_for text[] not null default '{}', roles text[] not null default '{}', active boolean not null default true);

-- The caller behind a verified token, or null. {issuer, login} or {client_id}; `municipality` names the acting one where there are seats in several.
create function caller(p_who jsonb) returns jsonb language plpgsql stable security definer set search_path = {{schema}} as $$
declare c client; mine uuid[]; own char(4); seats jsonb;
begin
  if p_who ? 'client_id' then
    select * into c from client where client_id = p_who->>'client_id' and active;
    if not found then return null; end if;
    return jsonb_build_object('kind', c.kind, 'client_id', c.client_id, 'client', c.id, 'municipality', c.municipality, 'organisation', c.organisation, 'sends_for', to_jsonb(c.sends_for), 'roles', to_jsonb(c.roles));
  end if;
  select array_agg(p.id), min(p.municipality) into mine, own from professional p
    where p.issuer = p_who->>'issuer' and p.login = p_who->>'login' and p.state <> 'left' and (p_who->>'municipality' is null or p.municipality = p_who->>'municipality');
  -- A log-in on its way from one professional to another is nobody's until both facts have arrived.
  if cardinality(mine) is distinct from 1 then return null; end if;
  select coalesce(jsonb_agg(jsonb_build_object('unit', w.unit, 'unit_kind', w.unit_kind, 'leads', w.leads) order by w.unit), '[]') into seats from workplace w where w.professional = mine[1];
  return jsonb_build_object('kind', 'municipality', 'professional', mine[1], 'municipality', own, 'seats', seats);
end $$;

-- Opens a change or a reading in one round trip: who asks, what was answered before under this key, what time it is.
create function open_request(p_who jsonb, p_client text default null, p_key text default null) returns jsonb language plpgsql security definer set search_path = {{schema}} as $$
declare c jsonb := caller(p_who); a answer; kind text;
begin
  if c is null then return null; end if;
  kind := enter(c);
  if p_key is not null then select * into a from answer where client = p_client and key = p_key; end if;
  return jsonb_build_object('caller', c, 'at', chassis.now(), 'answer', case when a.key is not null then jsonb_build_object('fingerprint', encode(a.fingerprint, 'hex'), 'status', a.status, 'body', a.body, 'version', a.version) end);
end $$;

-- Publishes events in one transaction with what caused them. p_decisions: [{subject, expected?, partition, events: [envelope]}]; subjects are locked in order.
-- Returns {subject: last version}; raises TV409 where a subject has moved on.
create function publish(p_decisions jsonb) returns jsonb language plpgsql security definer set search_path = {{schema}} as $$
declare d jsonb; v bigint; t timestamptz; k int; versions jsonb := '{}';
begin
  for d in select value from jsonb_array_elements(p_decisions) order by (value->>'subject')::uuid loop
    k := jsonb_array_length(d->'events');
    insert into subject as s (id, version, last_at) values ((d->>'subject')::uuid, k, chassis.now())
      on conflict (id) do update set version = s.version + k, last_at = greatest(chassis.now(), s.last_at + interval '1 microsecond')
      returning version - k, last_at into v, t;
    if d ? 'expected' and (d->>'expected')::bigint <> v then raise exception 'moved on' using errcode = 'TV409', detail = v::text; end if;
    insert into outbox (partition, subject, version) select (d->>'partition')::smallint, (d->>'subject')::uuid, v + o from generate_series(1, k) o order by o;
    insert into ledger select (d->>'subject')::uuid, v + o, t, e->>'type', e || jsonb_build_object('version', v + o, 'time', to_char(t at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
      from jsonb_array_elements(d->'events') with ordinality u(e, o);
    versions := versions || jsonb_build_object(d->>'subject', v + k);
  end loop;
  return versions;
end $$;

create function store_answer(p_client text, p_key text, p_fingerprint bytea, p_status int, p_body jsonb, p_version bigint) returns void language sql security definer set search_path = {{schema}} as
  $$ insert into answer (client, key, fingerprint, status, body, version) values (p_client, p_key, p_fingerprint, p_status::smallint, p_body, p_version) $$;

-- The processes at work, each by its holder's number; whoever has not said so for a lease's time is gone.
create table worker (work text not null, holder uuid not null, until timestamptz not null, primary key (work, holder)) with (fillfactor = 50);
create function fair_share(p_work text, p_holder uuid, p_seconds int, p_places int) returns int language sql security definer set search_path = {{schema}} as $$
  insert into worker values (p_work, p_holder, clock_timestamp() + make_interval(secs => p_seconds)) on conflict (work, holder) do update set until = excluded.until;
  delete from worker where work = p_work and until < clock_timestamp() - interval '1 minute';
  select p_places / count(*)::int + (count(*) filter (where holder < p_holder) < p_places % count(*))::int from worker where work = p_work and until >= clock_timestamp() $$;

-- Leases of partitions: takes what is free up to a fair share, renews what is held; returns what is held now with its epoch. What is beyond the share is
-- given back where p_gives: the caller has nothing on its way of it.
create function take_relay(p_holder uuid, p_partitions int, p_seconds int, p_gives boolean) returns table (partition smallint, epoch bigint) language plpgsql security definer set search_path = {{schema}} as $$
declare share int := fair_share('relay', p_holder, p_seconds, p_partitions); held int;
begin
  insert into relay (partition) select generate_series(0, p_partitions - 1) on conflict do nothing;
  if p_gives then
    update relay r set until = '-infinity', holder = null where r.holder = p_holder and r.partition in (select x.partition from relay x where x.holder = p_holder order by x.partition offset share);
  end if;
  select count(*) into held from relay r where r.holder = p_holder;
  return query with mine as materialized (
      select x.partition from relay x where x.holder = p_holder or x.until < clock_timestamp() order by x.holder is distinct from p_holder, x.partition limit greatest(share, held) for update)
    update relay r set epoch = r.epoch + (r.holder is distinct from p_holder)::int, holder = p_holder, until = clock_timestamp() + make_interval(secs => p_seconds)
    from mine where r.partition = mine.partition and (r.holder = p_holder or r.until < clock_timestamp()) returning r.partition, r.epoch;
end $$;

-- Moves outbox rows into the feed, dense and in order of id; fenced: null when a lease was lost. Returns how many.
create function relay_move(p_partitions smallint[], p_epochs bigint[], p_limit int) returns int language plpgsql security definer set search_path = {{schema}} as $$
declare held int; moved int;
begin
  select count(*) into held from (select r.partition from relay r join unnest(p_partitions, p_epochs) l(partition, epoch) on r.partition = l.partition and r.epoch = l.epoch order by r.partition for update of r) x;
  if held <> cardinality(p_partitions) then return null; end if;
  with gone as (delete from outbox where id in (select id from outbox where partition = any (p_partitions) order by id limit p_limit) returning *),
  placed as (insert into feed select g.partition, r.position + row_number() over (partition by g.partition order by g.id), g.subject, g.version
             from gone g join relay r on r.partition = g.partition returning feed.partition, feed.position),
  ends as (update relay r set position = p.position from (select x.partition, max(x.position) as position from placed x group by x.partition) p where r.partition = p.partition returning 1)
  select count(*) into moved from placed;
  return moved;
end $$;

-- Not waited for on disk: what a crash of PostgreSQL loses of it is sent again.
create function relay_sent(p_partition smallint, p_epoch bigint, p_position bigint) returns boolean language sql security definer set search_path = {{schema}} as
  $$ select set_config('synchronous_commit', 'off', true); update relay set sent = p_position where partition = p_partition and epoch = p_epoch and sent < p_position returning true $$;

create function ask_republish(p_subjects uuid[], p_partitions smallint[]) returns void language sql security definer set search_path = {{schema}} as $$
  insert into republish (subject, partition) select distinct * from unnest(p_subjects, p_partitions) order by 1 on conflict (subject) do update set asked = gen_random_uuid() $$;

-- Marks what was sent to the compacted topic, if every lease was held until then. If not, another may have sent newer values before: all are asked for again.
create function relay_derived(p_partitions smallint[], p_epochs bigint[], p_ends bigint[], p_asked uuid[], p_askings uuid[], p_sent uuid[], p_sent_partitions smallint[])
returns boolean language plpgsql security definer set search_path = {{schema}} as $$
declare held int;
begin
  select count(*) into held from (select r.partition from relay r join unnest(p_partitions, p_epochs) l(partition, epoch) on r.partition = l.partition and r.epoch = l.epoch order by r.partition for update of r) x;
  if held <> cardinality(p_partitions) then perform ask_republish(p_sent, p_sent_partitions); return false; end if;
  update relay r set derived = e.position from unnest(p_partitions, p_ends) e(partition, position) where r.partition = e.partition and r.derived < e.position;
  delete from republish r using unnest(p_asked, p_askings) a(subject, asked) where r.subject = a.subject and r.asked = a.asked;
  return true;
end $$;

-- The same for what is consumed of a source.
create function take_positions(p_holder uuid, p_sources text[], p_partitions int, p_seconds int, p_gives boolean)
  returns table (source text, partition smallint, epoch bigint, "position" bigint, topic_offset bigint) language plpgsql security definer set search_path = {{schema}} as $$
declare share int := fair_share('consumer', p_holder, p_seconds, cardinality(p_sources) * p_partitions); held int;
begin
  insert into position (source, partition) select s, p from unnest(p_sources) s, generate_series(0, p_partitions - 1) p on conflict do nothing;
  if p_gives then
    update position r set until = '-infinity', holder = null where r.holder = p_holder
      and (r.source, r.partition) in (select x.source, x.partition from position x where x.holder = p_holder order by x.partition, x.source offset share);
  end if;
  select count(*) into held from position r where r.holder = p_holder;
  return query with mine as materialized (
      select x.source, x.partition from position x where x.source = any (p_sources) and (x.holder = p_holder or x.until < clock_timestamp())
      order by x.holder is distinct from p_holder, x.partition, x.source limit greatest(share, held) for update)
    update position r set epoch = r.epoch + (r.holder is distinct from p_holder)::int, holder = p_holder, until = clock_timestamp() + make_interval(secs => p_seconds)
    from mine where r.source = mine.source and r.partition = mine.partition and (r.holder = p_holder or r.until < clock_timestamp())
    returning r.source, r.partition, r.epoch, r.position, r.topic_offset;
end $$;

-- Opens a consumer's transaction in one round trip: moves the positions, fenced by their epochs and locked until its end, and says what has been applied of
-- these subjects. Null where a lease was lost. Two statements, so that the second sees what a replay had done while the first waited for it.
create function hear(p_source text, p_partitions smallint[], p_epochs bigint[], p_positions bigint[], p_offsets bigint[], p_subjects uuid[]) returns jsonb language plpgsql as $$
declare moved int;
begin
  update {{schema}}.position p set position = n.position, topic_offset = n.topic_offset
    from unnest(p_partitions, p_epochs, p_positions, p_offsets) n(partition, epoch, position, topic_offset)
    where p.source = p_source and p.partition = n.partition and p.epoch = n.epoch and p.position < n.position;
  get diagnostics moved = row_count;
  if moved <> cardinality(p_partitions) then return null; end if;
  return coalesce((select jsonb_agg(jsonb_build_array(s.subject, coalesce(v.version, 0),
      exists (select from {{schema}}.dead_letter d where d.source = p_source and d.subject = s.subject and d.resolved_at is null)))
    from unnest(p_subjects) s(subject) left join {{schema}}.seen v on v.source = p_source and v.subject = s.subject), '[]');
end $$;

-- The whole of hearing what concerns nobody here, in one commit: of each subject the versions p_firsts to p_lasts, without a gap. False, and nothing done,
-- where one of them is not the next or waits behind a dead letter; null where a lease was lost. Not waited for on disk: what a crash of PostgreSQL loses of it
-- is heard again.
create function pass_by(p_source text, p_partitions smallint[], p_epochs bigint[], p_positions bigint[], p_offsets bigint[], p_subjects uuid[], p_firsts bigint[], p_lasts bigint[])
returns boolean language plpgsql as $$
declare held int; wait text := set_config('synchronous_commit', 'off', true);
begin
  select count(*) into held from (select from {{schema}}.position p join unnest(p_partitions, p_epochs, p_positions) n(partition, epoch, position)
    on p.source = p_source and p.partition = n.partition and p.epoch = n.epoch and p.position < n.position order by p.partition for update of p) x;
  if held <> cardinality(p_partitions) then return null; end if;
  if exists (select from unnest(p_subjects, p_firsts, p_lasts) s(subject, first, last) left join {{schema}}.seen v on v.source = p_source and v.subject = s.subject
      where coalesce(v.version, 0) not between s.first - 1 and s.last
        or exists (select from {{schema}}.dead_letter d where d.source = p_source and d.subject = s.subject and d.resolved_at is null)) then
    return false;
  end if;
  update {{schema}}.position p set position = n.position, topic_offset = n.topic_offset
    from unnest(p_partitions, p_positions, p_offsets) n(partition, position, topic_offset) where p.source = p_source and p.partition = n.partition;
  insert into {{schema}}.seen as v (source, subject, version) select p_source, s.subject, s.last from unnest(p_subjects, p_lasts) s(subject, last)
    on conflict (source, subject) do update set version = excluded.version where v.version < excluded.version;
  return true;
end $$;

create table lease (name text primary key, epoch bigint not null default 0, holder uuid, until timestamptz not null default '-infinity');
create function take_lease(p_name text, p_holder uuid, p_seconds int) returns bigint language sql security definer set search_path = {{schema}} as $$
  insert into lease as l (name, epoch, holder, until) values (p_name, 1, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
  on conflict (name) do update set epoch = l.epoch + (l.holder is distinct from p_holder)::int, holder = p_holder, until = excluded.until
    where l.holder = p_holder or l.until < clock_timestamp() returning epoch $$;
create function free_leases(p_holder uuid) returns void language sql security definer set search_path = {{schema}} as $$
  delete from worker where holder = p_holder;
  update lease set until = '-infinity', holder = null where holder = p_holder;
  update relay set until = '-infinity', holder = null where holder = p_holder;
  update position set until = '-infinity', holder = null where holder = p_holder $$;

do $$ declare t text; begin
  foreach t in array array['access', 'kept', 'sealing_key', 'dead_letter'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to {{schema}}_machine using (true) with check (true)', t);
  end loop;
end $$;
create policy owner on access to tovholder_owner using (true) with check (true);
create policy writes on access for insert to {{schema}}_api with check (true);
create policy reads on access for select to {{schema}}_api using (current_setting('tovholder.kind', true) = 'service');
create policy by_party on sealing_key to {{schema}}_api using (may_see(municipality)) with check (true);
create policy owner on sealing_key to tovholder_owner using (true) with check (true);
create policy operators on dead_letter to {{schema}}_api using (current_setting('tovholder.kind', true) = 'service') with check (current_setting('tovholder.kind', true) = 'service');

grant select on subject, ledger, feed, relay, position, seen, answer, professional, workplace, client, lease to {{schema}}_api, {{schema}}_machine;
grant select on dead_letter, sealing_key, access to {{schema}}_api;
grant update (tries, resolved_at, resolved_by, resolution) on dead_letter to {{schema}}_api;
grant insert on access, sealing_key to {{schema}}_api;
grant select, insert, update, delete on seen, parked, kept, dead_letter, professional, workplace, client to {{schema}}_machine;
grant select, insert, update on sealing_key to {{schema}}_machine;
grant select, insert on access to {{schema}}_machine;
grant select on outbox, republish, worker to {{schema}}_machine;
grant update (position, topic_offset) on position to {{schema}}_machine;
grant delete on answer to {{schema}}_machine;
grant select on feed, ledger to tovholder_bus;
revoke execute on all functions in schema {{schema}} from public;
grant execute on function enter, may_see, caller, open_request, publish, store_answer to {{schema}}_api, {{schema}}_machine;
grant execute on function may_see to tovholder_bus;
grant execute on function take_relay, relay_move, relay_sent, ask_republish, relay_derived, take_positions, hear, pass_by, take_lease, free_leases to {{schema}}_machine;
