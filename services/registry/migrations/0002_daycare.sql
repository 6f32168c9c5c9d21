-- Whether the baton may go along with a start in daycare: the municipality's rule by day, and what the tovholder has decided of a start.
alter table unit add column kind text, add column private boolean not null default false;

create table baton_rule (municipality char(4) not null, from_on date not null, baton text not null check (baton in ('stays', 'tovholder-decides', 'moves')),
  primary key (municipality, from_on));
create table baton_decision (start uuid primary key, child_id uuid not null, municipality char(4) not null, unit uuid not null, moves boolean not null);
create index baton_decision_child on baton_decision (child_id, unit);

grant select, insert, update, delete on baton_rule, baton_decision to registry_machine;
alter table baton_decision enable row level security;
alter table baton_decision force row level security;
create policy machine on baton_decision to registry_machine using (true) with check (true);
create policy owner on baton_decision to tovholder_owner using (may_see(municipality) or sees_child(child_id));

-- What stands in the way of the baton going to a unit, if that is an institution or dagpleje; null for every other unit. Part of load_child().
create function daycare_of(c child, p_unit uuid) returns json language sql stable set search_path = registry, pg_temp as $$
  select json_build_object('unit', u.id, 'private', u.private,
    'rules', (select json_agg(json_build_object('from_on', r.from_on, 'baton', r.baton)) from baton_rule r where r.municipality = c.municipality),
    'moves', (select d.moves from baton_decision d where d.child_id = c.id and d.unit = u.id order by d.start desc limit 1))
  from unit u where u.id = p_unit and u.kind in ('institution', 'dagpleje') $$;
