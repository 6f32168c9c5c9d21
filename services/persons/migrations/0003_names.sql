-- Names are sealed; each word of one stands here as a keyed hash, by which whole words are found and nothing is read. See decision 0016.
create table name_word (
  word bytea not null, person uuid not null references person, municipality char(4) not null, primary key (word, person));
create index name_words_of on name_word (person);
alter table name_word enable row level security;
alter table name_word force row level security;
create policy machine on name_word to persons_machine using (true) with check (true);
create policy by_party on name_word to persons_api using (may_see(municipality)) with check (may_see(municipality));
create policy owner on name_word to tovholder_owner using (may_see(municipality)) with check (may_see(municipality));
grant insert, delete on name_word to persons_api, persons_machine;
grant select (person, municipality) on name_word to persons_api, persons_machine;

-- Children of the asking party's municipality one of whose names has all these words: their own, their mother's, or a holder of custody's.
create function named(p_words bytea[], p_limit int) returns setof uuid language sql stable security definer set search_path = persons as $$
  with hit as (select distinct lives_on_as(w.person) as id from name_word w where w.word = any (p_words) and may_see(w.municipality)
      group by w.person having count(distinct w.word) = cardinality(p_words)),
    own as (select h.id as hit, s as id from hit h, stands_for(h.id) s),
    near as (select p.id from person p join hit h on h.id = p.id where p.kind = 'child'
      union select p.id from person p join own o on p.mother = o.id where p.kind = 'child'
      union select c.child from custody c join own o on c.holder = o.id
        where (chassis.now() at time zone 'Europe/Copenhagen')::date between c.from_on and coalesce(c.until_on, 'infinity'))
  select distinct lives_on_as(n.id) from near n join person p on p.id = n.id where may_see(p.municipality) order by 1 limit p_limit $$;
revoke execute on function named from public;
grant execute on function named to persons_api, persons_machine;

-- A person and all that live on as it belong to another municipality from now on; the words of their names with them.
alter function belongs_to(uuid, char) rename to belongs_to_but_for_names;
create function belongs_to(p_person uuid, p_municipality char(4)) returns void language plpgsql security definer set search_path = persons as $$
begin
  update name_word set municipality = p_municipality where person in (select stands_for(p_person));
  perform belongs_to_but_for_names(p_person, p_municipality);
end $$;
revoke execute on function belongs_to, belongs_to_but_for_names from public;
grant execute on function belongs_to to persons_machine;
