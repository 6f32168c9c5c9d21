-- An institution that is asked for a plusplads (`asked`), or holds one (`place`): whoever leads it may know what the child is called, for as long as it is;
-- and the leader to whom an overdue answer was put by name.
alter table standing drop constraint standing_role_check;
alter table standing add constraint standing_role_check check (role in ('holder', 'receiver', 'supporter', 'daycare', 'asked', 'place'));

-- How someone stands to a child; empty for a stranger. Units: where they work; led: which of them they lead.
-- A private institution hears by the parents alone; of a child that will not come, or whose case is closed, nobody has to decide.
create or replace function relations(p_child uuid, p_municipality char(4), p_professional uuid, p_units uuid[], p_led uuid[]) returns text[] language sql stable set search_path = persons as $$
  select coalesce(array_agg(distinct role), '{}') from (
    select s.role from standing s where s.child = p_child and ((s.professional = p_professional and s.role <> 'asked') or (s.role = 'daycare' and s.unit = any (p_units)))
    union all select 'leader' from standing s where s.child = p_child and s.role = 'holder' and s.unit = any (p_led)
    union all select 'asked' from standing s join unit u on u.id = s.unit and not u.private join person p on p.id = s.child and not p.closed and p.died_at is null and p.pregnancy_ended_at is null
      where s.child = p_child and s.role in ('asked', 'place') and (s.professional = p_professional or (s.professional is null and s.unit = any (p_led)))
    union all select 'deputy' from standing s join absence a on a.professional = s.professional where s.child = p_child and s.role = 'holder' and a.deputy = p_professional
      and (chassis.now() at time zone 'Europe/Copenhagen')::date between a.from_on and coalesce(a.until_on, 'infinity')
    union all select 'intake-lead' from intake i where i.municipality = p_municipality and p_professional in (i.lead, i.deputy)) r $$;
