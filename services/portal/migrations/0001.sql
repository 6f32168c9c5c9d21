-- Web sessions and drafts: all that the portal keeps. What a session holds is sealed under a key that only the browser has, so that
-- nobody reads it here; the table is reached through the functions alone, each of which must be shown the hash of the browser's secret.
create table web_session (
  id bytea primary key,
  issuer text, login text, provider_session text,
  content bytea,
  begun_at timestamptz not null default clock_timestamp(),
  used_at timestamptz not null default clock_timestamp(),
  ends_at timestamptz not null,
  ended_at timestamptz,
  typed bytea,
  typed_at timestamptz
) with (fillfactor = 70);
create index web_session_login on web_session (issuer, login);
create index web_session_provider on web_session (issuer, provider_session);

-- Where it stands is the real clock's matter: `idle` seconds without use end it, as does its last day.
create function begin_session(p_id bytea, p_issuer text, p_login text, p_provider_session text, p_content bytea, p_seconds int)
  returns void language sql security definer set search_path = portal as $$
  insert into web_session (id, issuer, login, provider_session, content, ends_at)
    values (p_id, p_issuer, p_login, p_provider_session, p_content, clock_timestamp() + make_interval(secs => p_seconds)) $$;

create function session_of(p_id bytea, p_idle int) returns jsonb language plpgsql security definer set search_path = portal as $$
declare s web_session; lives boolean;
begin
  select * into s from web_session where id = p_id;
  if not found then return null; end if;
  lives := s.ended_at is null and s.ends_at > clock_timestamp() and s.used_at > clock_timestamp() - make_interval(secs => p_idle);
  -- Written once a minute at most: it is only to know that somebody is there.
  if lives and s.used_at < clock_timestamp() - interval '1 minute' then update web_session set used_at = clock_timestamp() where id = p_id; end if;
  return jsonb_build_object('issuer', s.issuer, 'login', s.login, 'content', encode(s.content, 'hex'), 'lives', lives,
    'typed', encode(s.typed, 'hex'));
end $$;

-- Locked until the transaction ends: of two requests at once one renews the tokens, and a token is shown to the provider once.
create function hold_session(p_id bytea) returns text language sql security definer set search_path = portal as
  $$ select encode(content, 'hex') from web_session where id = p_id and ended_at is null for update $$;
create function write_session(p_id bytea, p_content bytea) returns void language sql security definer set search_path = portal as
  $$ update web_session set content = p_content where id = p_id and ended_at is null $$;

-- What was being typed when a session ended stays for an hour, for the same browser and the same person.
create function keep_typed(p_id bytea, p_typed bytea) returns void language sql security definer set search_path = portal as
  $$ update web_session set typed = p_typed, typed_at = clock_timestamp() where id = p_id $$;
create function end_session(p_id bytea) returns void language sql security definer set search_path = portal as
  $$ update web_session set ended_at = clock_timestamp(), content = null where id = p_id and ended_at is null $$;
create function forget_session(p_id bytea) returns void language sql security definer set search_path = portal as
  $$ delete from web_session where id = p_id $$;

-- The provider's word that somebody has logged out: one session of theirs, or all.
create function end_sessions(p_issuer text, p_login text, p_provider_session text) returns int language sql security definer set search_path = portal as $$
  with ended as (update web_session set ended_at = clock_timestamp(), content = null
    where issuer = p_issuer and ended_at is null
      and case when p_provider_session is not null then provider_session = p_provider_session and (p_login is null or login = p_login) else login = p_login end
    returning 1) select count(*)::int from ended $$;

create function forget_old_sessions() returns int language sql security definer set search_path = portal as $$
  with gone as (delete from web_session where coalesce(ended_at, ends_at) < clock_timestamp() - interval '1 day' returning 1),
  untyped as (update web_session set typed = null, typed_at = null where typed_at < clock_timestamp() - interval '1 hour')
  select count(*)::int from gone $$;

-- Something begun and not yet sent: its owner's alone. What it says is sealed under the municipality's key.
create table draft (
  id uuid primary key,
  municipality char(4) not null,
  professional uuid not null,
  kind text not null,
  content bytea,
  became text,
  begun_at timestamptz not null,
  saved_at timestamptz not null
);
create index draft_professional on draft (professional, saved_at);

alter table web_session enable row level security;
alter table web_session force row level security;
create policy owner on web_session to tovholder_owner using (true) with check (true);
alter table draft enable row level security;
alter table draft force row level security;
create policy its_writer on draft to portal_api
  using (may_see(municipality) and professional::text = current_setting('tovholder.professional', true))
  with check (may_see(municipality) and professional::text = current_setting('tovholder.professional', true));
create policy machine on draft to portal_machine using (true) with check (true);

grant select, insert, update, delete on draft to portal_api;
grant select, delete on draft to portal_machine;
revoke execute on function begin_session, session_of, hold_session, write_session, keep_typed, end_session, forget_session, end_sessions,
  forget_old_sessions from public;
grant execute on function begin_session, session_of, hold_session, write_session, keep_typed, end_session, forget_session, end_sessions to portal_api;
grant execute on function forget_old_sessions to portal_machine;
