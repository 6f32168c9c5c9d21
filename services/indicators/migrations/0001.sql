-- What was said, without whom it was said of; what was counted from it; and what families answered, as counts alone.

-- One row per event that a figure needs. `subject`, `child`, `thing`, `seat` and `before` are hashes under a key of this service alone. A row is never
-- changed: what is counted depends on the set of rows only, never on the order in which they came.
create table fact (
  kind text not null,
  subject bytea not null,
  version bigint not null,
  municipality char(4) not null,
  -- When the source said it, and when it took place where the event says so.
  at timestamptz not null,
  happened timestamptz not null,
  child bytea,
  thing bytea,
  unit uuid,
  code text,
  detail text,
  seat bytea,
  before bytea,
  primary key (kind, subject, version)
) with (fillfactor = 100);
create index fact_at on fact (at);
create index fact_child on fact (child, kind, at) where child is not null;
create index fact_thing on fact (thing, kind) where thing is not null;
create index fact_closed on fact (at) where kind = 'case-closed';

-- Since when there is anything of a municipality to count.
create table counted_since (municipality char(4) primary key, since timestamptz not null);

-- A quarter is counted once, when it has settled, and stays as it was counted. `reached`: how far each source must have been heard before.
create table quarter (starts_on date primary key, counted_at timestamptz);
create table reached (source text not null, partition smallint not null, position bigint not null, primary key (source, partition));
create table atom (
  municipality char(4) not null,
  quarter date not null references quarter,
  counter text not null,
  unit uuid,
  code text,
  marks jsonb not null,
  number int not null check (number > 0),
  amounts jsonb not null
);
create unique index one_atom on atom (municipality, quarter, counter, unit, code, marks) nulls not distinct;
-- The operator's alarm: children of running episodes whose chain of tovholdere has a gap, as last looked at.
create table broken_chain (municipality char(4) primary key, children int not null, looked_at timestamptz not null);

-- The survey. A link is a hash without a child; it is deleted by its answer, which is added to sums and stands nowhere by itself.
create table survey_link (token bytea primary key, municipality char(4) not null, unit uuid, until timestamptz not null) with (fillfactor = 90);
create index survey_link_until on survey_link (until);
create table survey_sum (
  municipality char(4) not null,
  quarter date not null,
  unit uuid,
  question text not null,
  score smallint not null check (score between 1 and 5),
  number int not null check (number > 0)
);
create unique index one_survey_sum on survey_sum (municipality, quarter, unit, question, score) nulls not distinct;
-- Tries with links that are none, by the minute: guessing is slowed down for all, an answer with a good link never.
create table survey_guess (minute timestamptz primary key, number int not null);

do $$ declare t text; begin
  foreach t in array array['fact', 'counted_since', 'atom', 'broken_chain', 'survey_link', 'survey_sum'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to indicators_machine using (true) with check (true)', t);
    execute format('create policy by_party on %I to indicators_api using (may_see(municipality)) with check (may_see(municipality))', t);
  end loop;
  foreach t in array array['fact', 'atom', 'counted_since', 'broken_chain', 'survey_link', 'survey_sum'] loop
    execute format('create policy owner on %I to tovholder_owner using (true) with check (true)', t);
  end loop;
end $$;

grant select on counted_since, quarter, atom, survey_sum, reached to indicators_api;
grant select, insert on fact, counted_since, quarter, atom, reached, broken_chain to indicators_machine;
grant update on counted_since, quarter, broken_chain to indicators_machine;
grant delete on fact, reached, broken_chain to indicators_machine;
grant insert on survey_link to indicators_api;
grant select on survey_sum to indicators_machine;
grant select, delete on survey_link, survey_guess to indicators_machine;

-- Whoever has a link has no log-in: these two functions are all that they reach. `unit` of the link is not told.
create function survey_open(p_token bytea) returns boolean language sql stable security definer set search_path = indicators as
  $$ select exists (select from survey_link where token = p_token and until > chassis.now()) $$;

-- Takes the link away and adds the answer to its sums, in one transaction. False where there is no such link (any more).
create function survey_answer(p_token bytea, p_quarter date, p_questions text[], p_scores smallint[]) returns boolean language plpgsql security definer set search_path = indicators as $$
declare l survey_link;
begin
  delete from survey_link where token = p_token and until > chassis.now() returning * into l;
  if not found then return false; end if;
  -- In one order for all, so that two answers never wait for each other in a circle.
  insert into survey_sum as s (municipality, quarter, unit, question, score, number)
    select l.municipality, p_quarter, l.unit, q, n, 1 from unnest(p_questions, p_scores) a(q, n) order by q, n
    on conflict (municipality, quarter, unit, question, score) do update set number = s.number + 1;
  return true;
end $$;

-- Counts a try with a link that is none. False where there were too many within the minute.
create function survey_guessed(p_most int) returns boolean language plpgsql security definer set search_path = indicators as $$
declare tries int;
begin
  insert into survey_guess as g values (date_trunc('minute', clock_timestamp()), 1) on conflict (minute) do update set number = g.number + 1 returning number into tries;
  return tries <= p_most;
end $$;

-- Begins anew: of these sources nothing has been heard, nothing is counted. Whoever consumed them loses the leases. What families answered stays, for
-- it is in no feed, and so does what directory says: who may log in is heard by the usual consumer alone.
create function begin_anew(p_holder uuid, p_sources text[], p_partitions int, p_seconds int) returns void language plpgsql security definer set search_path = indicators as $$
begin
  insert into position (source, partition) select s, p from unnest(p_sources) s, generate_series(0, p_partitions - 1) p on conflict do nothing;
  perform from position where source = any (p_sources) order by source, partition for update;
  update position set position = 0, topic_offset = null, epoch = epoch + 1, holder = p_holder, until = clock_timestamp() + make_interval(secs => p_seconds)
    where source = any (p_sources);
  create temporary table units on commit drop as select * from fact where kind = 'unit-changed';
  truncate fact, atom, quarter, reached, counted_since, broken_chain;
  insert into fact select * from units;
  delete from seen where source = any (p_sources);
end $$;

-- Keeps these partitions for the one who rebuilds; false, and nothing done, where another has taken one meanwhile.
create function keep_positions(p_holder uuid, p_sources text[], p_seconds int) returns boolean language plpgsql security definer set search_path = indicators as $$
begin
  perform from position where source = any (p_sources) order by source, partition for update;
  if exists (select from position where source = any (p_sources) and holder is distinct from p_holder) then return false; end if;
  update position set until = clock_timestamp() + make_interval(secs => p_seconds) where source = any (p_sources);
  return true;
end $$;

revoke execute on function survey_open, survey_answer, survey_guessed, begin_anew, keep_positions from public;
grant execute on function survey_open, survey_answer, survey_guessed to indicators_api;
grant execute on function begin_anew, keep_positions to indicators_machine;
