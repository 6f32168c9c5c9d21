-- A family's own log-in: which person a log-in is, found once by the number it carries, and passes of a few minutes that name the children.
create table login (issuer text not null, login text not null, person uuid not null references person, municipality char(4) not null, known_at timestamptz not null, primary key (issuer, login));
-- `hash` of the pass; the pass itself is nowhere. It ends on the real clock. `children`: as they were when it was given; a change of custody voids it.
create table pass (hash bytea primary key, person uuid not null references person, municipality char(4) not null, children uuid[] not null, ends_at timestamptz not null);
create index pass_person on pass (person);
create index custody_holder on custody (holder);

do $$ declare t text; begin
  foreach t in array array['login', 'pass'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to persons_machine using (true) with check (true)', t);
    execute format('create policy owner on %I to tovholder_owner using (true) with check (true)', t);
  end loop;
end $$;
grant select on login, pass to persons_machine;

-- The children that are someone's to answer for today: as a holder of custody, or as their mother while nobody has said who holds it.
create function children_of(p_person uuid) returns uuid[] language sql stable security definer set search_path = persons as $$
  with own as (select stands_for(lives_on_as(p_person)) as id),
    near as (select distinct lives_on_as(c.child) as id from custody c where c.holder in (select id from own)
      union select lives_on_as(p.id) from person p where p.mother in (select id from own) and p.kind = 'child')
  select coalesce(array_agg(n.id order by n.id), '{}') from near n where case
    when exists (select from person m where m.id in (select stands_for(n.id)) and m.custody_registered) then
      exists (select from custody c where c.child in (select stands_for(n.id)) and c.holder in (select id from own)
        and (chassis.now() at time zone 'Europe/Copenhagen')::date between c.from_on and coalesce(c.until_on, 'infinity')
        and (c.child = n.id or not (select custody_registered from person where id = n.id)))
    else exists (select from person m where m.id in (select stands_for(n.id)) and m.mother in (select id from own)) end $$;

-- A pass for whoever a log-in is. `p_blinds`: of the number that the log-in carries, none where it carries none. A number maps a log-in once: one that names
-- somebody else afterwards, like one that nobody here is known by, gets null.
create function give_pass(p_issuer text, p_login text, p_blinds bytea[], p_hash bytea, p_seconds int) returns jsonb language plpgsql security definer set search_path = persons as $$
declare known uuid; named uuid; who uuid; place char(4); found uuid[]; begin
  select lives_on_as(l.person) into known from login l where l.issuer = p_issuer and l.login = p_login;
  select m.person into named from match(p_blinds) m join person p on p.id = m.person and p.kind = 'adult';
  if cardinality(p_blinds) > 0 and named is null or known <> named then return null; end if;
  who := coalesce(known, named);
  if who is null then return null; end if;
  select p.municipality into place from person p where p.id = who;
  found := children_of(who);
  if found = '{}' then return null; end if;
  insert into login values (p_issuer, p_login, who, place, chassis.now()) on conflict do nothing;
  delete from pass where person = who and ends_at < clock_timestamp();
  insert into pass values (p_hash, who, place, found, clock_timestamp() + make_interval(secs => p_seconds));
  insert into access (client, party, subject, class, purpose) values ('family|' || who, 'family:' || place, who, 'pass', 'own-access');
  return jsonb_build_object('person', who, 'children', to_jsonb(found));
end $$;

-- Who calls: also a family by its pass, as long as its children are the same. What it sees are its children, and what was merged into them.
alter function caller(jsonb) rename to professional_or_system;
create function caller(p_who jsonb) returns jsonb language plpgsql stable security definer set search_path = persons as $$
declare held pass; begin
  if not p_who ? 'pass' then return professional_or_system(p_who); end if;
  select * into held from pass where hash = decode(p_who->>'pass', 'hex') and person::text = p_who->>'person' and ends_at > clock_timestamp();
  if held.hash is null or children_of(held.person) <> held.children then return null; end if;
  return jsonb_build_object('kind', 'family', 'municipality', held.municipality, 'person', lives_on_as(held.person), 'children', to_jsonb(held.children),
    'own', (select jsonb_agg(s) from stands_for(lives_on_as(held.person)) s), 'sees', (select jsonb_agg(s) from unnest(held.children) c, stands_for(c) s));
end $$;
alter function enter(jsonb) rename to enter_party;
create function enter(p_party jsonb) returns text language plpgsql as $$
begin
  perform set_config('tovholder.person', coalesce(p_party->>'person', ''), true), set_config('tovholder.children', coalesce(p_party->>'children', '[]'), true),
          set_config('tovholder.own', coalesce(p_party->>'own', '[]'), true), set_config('tovholder.sees', coalesce(p_party->>'sees', '[]'), true);
  return persons.enter_party(p_party);
end $$;
create function is_family() returns boolean language sql stable as $$ select coalesce(current_setting('tovholder.kind', true) = 'family', false) $$;
create function sees(p_child uuid) returns boolean language sql stable as
  $$ select persons.is_family() and coalesce(nullif(current_setting('tovholder.sees', true), ''), '[]')::jsonb ? p_child::text $$;
create function is_own(p_person uuid) returns boolean language sql stable as
  $$ select persons.is_family() and coalesce(nullif(current_setting('tovholder.own', true), ''), '[]')::jsonb ? p_person::text $$;

create policy family on person for select to persons_api using (sees(id));
create policy family on custody for select to persons_api using (sees(child));
-- An underretning is not shown to the family: people decide whether and when it is spoken of.
create policy family on decision for select to persons_api using (sees(child) and invoked is distinct from 'underretning');
-- What is about the mother is hers alone; a consent is withdrawn by whoever gave it.
create policy family on consent for select to persons_api using (sees(child) and (about = 'child' or is_own(given_by)));
create policy family_gives on consent for insert to persons_api with check (sees(child) and is_own(given_by));
create policy family_withdraws on consent for update to persons_api using (sees(child) and is_own(given_by)) with check (sees(child) and is_own(given_by));

revoke execute on function children_of, give_pass, professional_or_system, caller, enter_party, enter, is_family, sees, is_own from public;
grant execute on function give_pass, professional_or_system, caller, enter_party, enter, is_family, sees, is_own to persons_api, persons_machine;
