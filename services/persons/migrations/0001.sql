-- Who people are. The index of identifiers is unique across municipalities and read through `match` alone.

create table person (
  id uuid primary key, municipality char(4) not null, kind text not null check (kind in ('child', 'adult')),
  status text check (status in ('expected', 'born')),
  mother uuid references person, pregnancy uuid, birth_order smallint check (birth_order between 1 and 9),
  particulars bytea, contact bytea,                    -- sealed: name, sex, time of birth, due date with the time each was told; e-mail, phone, address
  notified_at timestamptz not null, custody_registered boolean not null default false,
  protected boolean not null default false, do_not_contact boolean not null default false,
  -- `…_at`: recorded when. `life_said_*`: the newest word on whether this person lives, and whose it was.
  died_at timestamptz, died_on date, pregnancy_ended_at timestamptz, pregnancy_ended_on date, life_said_at timestamptz, life_said_by text check (life_said_by in ('person', 'hospital')),
  closed boolean not null default false,               -- the registry has closed the child's case
  merged_into uuid references person,                  -- nothing is copied: the survivor is read together with all that live on as it, and a separation gives each its own back
  constraint the_older_reference_survives check (merged_into < id),
  constraint only_a_child_still_expected_ends_a_pregnancy check (pregnancy_ended_at is null or kind = 'child'),
  constraint a_child_has_a_place_in_a_pregnancy check ((kind = 'child') = (status is not null) and (kind = 'child') = (pregnancy is not null and birth_order is not null)),
  constraint one_child_per_order_of_a_pregnancy unique (pregnancy, birth_order) deferrable initially immediate);
create index children_of on person (mother);
create index merged_with on person (merged_into) where merged_into is not null;

-- An identifier is the pair of system and value; D-eCPR repeat between regions. `blind` is an HMAC of both: CPR has some 10^9 values, an unkeyed hash is open in seconds.
-- `brought_by`: the notifications (roots of their corrections) that say so; the nil id stands for a person's hand.
create table identifier (
  blind bytea not null, person uuid not null references person, municipality char(4) not null, kind text not null, sealed bytea not null,
  brought_by uuid[] not null, added_at timestamptz not null, removed_at timestamptz, primary key (blind, person, added_at));
create unique index an_identifier_stands_on_one_person on identifier (blind) where removed_at is null;
create index identifiers_of on identifier (person) where removed_at is null;

create table custody (child uuid not null references person, holder uuid not null references person, municipality char(4) not null, from_on date not null, until_on date,
  primary key (child, holder, from_on), constraint custody_ends_after_it_begins check (until_on >= from_on));

create table consent (
  id uuid primary key, child uuid not null references person, municipality char(4) not null, about text not null check (about in ('child', 'mother')), given_by uuid not null references person,
  recipient_kind text not null, purpose text not null, categories text[] not null check (cardinality(categories) > 0), from_on date not null, until_on date check (until_on >= from_on),
  recorded_by uuid, recorded_at timestamptz not null, withdrawn_by uuid, withdrawn_at timestamptz);
create index consents_of on consent (child);

-- Every answer to "may this be disclosed", as it was given.
create table decision (
  id uuid primary key, child uuid not null references person, municipality char(4) not null, recipient_kind text not null, to_unit uuid, purpose text not null, invoked text,
  basis text not null, allowed text[] not null, withheld text[] not null, bases jsonb not null, asked_by text not null, at timestamptz not null);
create index decisions_of on decision (child, at);

-- `root` is the first notification of a chain of corrections; `corrected_at` on it the time of the newest correction applied.
create table notification (id uuid primary key, municipality char(4) not null, root uuid not null, told_at timestamptz not null, corrected_at timestamptz, withdrawn_at timestamptz);
create index chain_of on notification (root);
create table notification_person (notification uuid not null references notification, person uuid not null references person, municipality char(4) not null, primary key (notification, person));
create index notified_about on notification_person (person);

-- What people are to decide: someone moved here; two records are one person; all that told of a child was withdrawn; a hospital's word on life or death goes
-- against a person's, or is about an adult. `other` is the second of two records. A move is decided at the registry.
create table proposal (id uuid primary key, kind text not null check (kind in ('move', 'merge', 'withdrawn', 'died', 'lives')), person uuid not null, other uuid, from_municipality char(4) not null, municipality char(4) not null,
  notification uuid, proposed_at timestamptz not null, decided_at timestamptz, decided_by uuid, decision text check (decision in ('merge', 'keep-apart', 'noted', 'moved')), reason text,
  constraint a_decision_is_whole check ((decided_at is null) = (decision is null)), unique nulls not distinct (kind, person, other, municipality, notification));
create index proposals_open on proposal (municipality, id) where decided_at is null;

-- What registry, daycare and directory have said, for who may see whom.
create table standing (child uuid not null, role text not null check (role in ('holder', 'receiver', 'supporter', 'daycare')), professional uuid, unit uuid not null, about uuid, municipality char(4) not null);
create index standing_of on standing (child);
create table intake (municipality char(4) not null, district uuid, lead uuid not null, deputy uuid not null, unique nulls not distinct (municipality, district));
create table absence (id uuid primary key, professional uuid not null, municipality char(4) not null, from_on date not null, until_on date, deputy uuid);
create index absence_of on absence (professional);
create table unit (id uuid primary key, kind text not null, municipality char(4), private boolean not null, active boolean not null);

do $$ declare t text; begin
  foreach t in array array['person', 'identifier', 'custody', 'consent', 'decision', 'notification', 'notification_person', 'proposal', 'standing', 'intake', 'absence'] loop
    execute format('alter table %I enable row level security', t);
    execute format('alter table %I force row level security', t);
    execute format('create policy machine on %I to persons_machine using (true) with check (true)', t);
    if t <> 'proposal' then
      execute format('create policy by_party on %I to persons_api using (may_see(municipality)) with check (may_see(municipality))', t);
    end if;
  end loop;
end $$;
create policy matched on identifier for select to tovholder_owner using (true);
create policy matched on person for select to tovholder_owner using (true);
create policy matched on custody for select to tovholder_owner using (true);
-- Whoever raises a proposed move may not read it: it would show where else someone is known.
create policy raised on proposal for insert to persons_api with check (may_see(municipality));
create policy seen on proposal for select to persons_api using (kind <> 'move' and may_see(municipality));
create policy decided on proposal for update to persons_api using (kind <> 'move' and may_see(municipality)) with check (kind <> 'move' and may_see(municipality));

grant select on unit, person, custody, consent, decision, notification, notification_person, standing, intake, absence to persons_api, persons_machine;
grant select (person, municipality, kind, sealed, brought_by, added_at, removed_at) on identifier to persons_api, persons_machine;
grant insert on person, custody, consent, decision, notification, notification_person, proposal to persons_api, persons_machine;
grant update on person, custody, consent, notification to persons_api, persons_machine;
grant delete on custody to persons_api;
grant select on proposal to persons_api, persons_machine;
grant update (decided_at, decided_by, decision, reason) on proposal to persons_api;
grant insert, update, delete on standing, intake, absence, unit to persons_machine;

-- The reference that a merged one lives on as, itself if it was never merged; and all that live on as one, itself first.
create function lives_on_as(p_person uuid) returns uuid language sql stable set search_path = persons as $$
  with recursive up as (select p.id, p.merged_into from person p where p.id = p_person union all select p.id, p.merged_into from person p join up on p.id = up.merged_into)
  select coalesce((select id from up where merged_into is null), p_person) $$;
create function stands_for(p_person uuid) returns setof uuid language sql stable set search_path = persons as $$
  with recursive down as (select p_person id union all select p.id from person p join down on p.merged_into = down.id) select id from down $$;

-- Whom a move is about: the child itself, or the children of an adult, as mother or holder of custody, whose case is open.
create function concerned(p_person uuid) returns uuid[] language sql stable security definer set search_path = persons as $$
  select coalesce(array_agg(p.id order by p.id), '{}') from person p where p.kind = 'child' and p.merged_into is null and not p.closed
    and p.municipality = (select municipality from person where id = p_person)
    and (p.id = lives_on_as(p_person) or exists (select from person m where m.id in (select stands_for(p.id)) and m.mother in (select stands_for(lives_on_as(p_person))))
      or exists (select from custody c where c.child in (select stands_for(p.id)) and c.holder in (select stands_for(lives_on_as(p_person))) and c.until_on is null)) $$;

-- Whose these identifiers are, wherever they live: no more than the person's reference and municipality.
create function match(p_blinds bytea[]) returns table (blind bytea, person uuid, municipality char(4)) language sql stable security definer set search_path = persons as
  $$ select i.blind, lives_on_as(i.person), i.municipality from identifier i where i.blind = any (p_blinds) and i.removed_at is null $$;

-- Two messages about the same people wait for each other, in order of key.
create function take_turns(p_blinds bytea[]) returns void language plpgsql set search_path = persons as $$
declare b bytea; begin
  for b in select u from unnest(p_blinds) u order by u loop perform pg_advisory_xact_lock(hashtextextended(encode(b, 'hex'), 7)); end loop;
end $$;

-- Writes one identifier: stands already, also on a record that lives on as this one = its sources, gone = removed, else new.
-- The table's unique index refuses a second owner.
create function claim(p_blind bytea, p_person uuid, p_municipality char(4), p_kind text, p_sealed bytea, p_sources uuid[]) returns void language plpgsql security definer set search_path = persons as $$
begin
  update identifier i set brought_by = p_sources where i.blind = p_blind and i.person in (select stands_for(p_person)) and i.removed_at is null;
  if not found then
    if exists (select from person p where p.id = p_person and p.merged_into is not null) then
      raise exception 'a merged record takes no identifier' using errcode = 'check_violation', constraint = 'a_merged_record_takes_no_identifier';
    end if;
    insert into identifier (blind, person, municipality, kind, sealed, brought_by, added_at) values (p_blind, p_person, coalesce((select p.municipality from person p where p.id = p_person), p_municipality), p_kind, p_sealed, p_sources, chassis.now());
  end if;
end $$;
create function disclaim(p_blind bytea, p_person uuid) returns void language sql security definer set search_path = persons as
  $$ update identifier i set removed_at = chassis.now() where i.blind = p_blind and i.person in (select stands_for(p_person)) and i.removed_at is null $$;

-- A person and all that live on as it belong to another municipality from now on. Consents and decisions stay where they were given: they were given to that municipality.
create function belongs_to(p_person uuid, p_municipality char(4)) returns void language plpgsql security definer set search_path = persons as $$
declare who uuid[] := array(select stands_for(p_person)); begin
  update identifier set municipality = p_municipality where person = any (who);
  update person set municipality = p_municipality where id = any (who);
  update custody set municipality = p_municipality where child = any (who);
  update standing set municipality = p_municipality where child = any (who);
  update proposal set from_municipality = p_municipality, municipality = p_municipality where kind <> 'move' and person = any (who) and decided_at is null;
  update proposal set decided_at = chassis.now(), decision = 'moved' where kind = 'move' and person = any (who) and municipality = p_municipality and decided_at is null;
end $$;
create policy claimed on identifier for insert to tovholder_owner with check (may_see(municipality));
create policy changed on identifier for update to tovholder_owner using (may_see(municipality)) with check (may_see(municipality));
do $$ declare t text; begin
  foreach t in array array['person', 'custody', 'standing', 'proposal'] loop
    execute format($p$create policy moved on %I to tovholder_owner using (current_setting('tovholder.kind', true) = 'machine') with check (current_setting('tovholder.kind', true) = 'machine')$p$, t);
  end loop;
end $$;
revoke execute on function lives_on_as, stands_for, match, take_turns, claim, disclaim, belongs_to, concerned from public;
grant execute on function lives_on_as, stands_for, concerned, match, take_turns, claim, disclaim to persons_api, persons_machine;
grant execute on function belongs_to to persons_machine;

-- How someone stands to a child; empty for a stranger. Units: where they work; led: which of them they lead.
create function relations(p_child uuid, p_municipality char(4), p_professional uuid, p_units uuid[], p_led uuid[]) returns text[] language sql stable set search_path = persons as $$
  select coalesce(array_agg(distinct role), '{}') from (
    select s.role from standing s where s.child = p_child and (s.professional = p_professional or (s.role = 'daycare' and s.unit = any (p_units)))
    union all select 'leader' from standing s where s.child = p_child and s.role = 'holder' and s.unit = any (p_led)
    union all select 'deputy' from standing s join absence a on a.professional = s.professional where s.child = p_child and s.role = 'holder' and a.deputy = p_professional
      and (chassis.now() at time zone 'Europe/Copenhagen')::date between a.from_on and coalesce(a.until_on, 'infinity')
    union all select 'intake-lead' from intake i where i.municipality = p_municipality and p_professional in (i.lead, i.deputy)) r $$;
revoke execute on function relations from public;
grant execute on function relations to persons_api, persons_machine;
