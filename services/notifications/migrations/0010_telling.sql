-- Events told in one step, in this order: letters that one makes needless stop, those of an earlier one here, too; each has a notice, which stands with all
-- its deliveries, once per event, kind and subject. p_told: of each event notice, municipality, about, kind, event, happened_at, at, deliveries, and
-- stops_letters_but: the kinds whose letters it leaves alone, null where it stops none.
create function tell(p_told jsonb) returns void language plpgsql as $$
begin
  if jsonb_path_exists(p_told, '$[*] ? (@.stops_letters_but.type() == "array")') then
    update delivery d set state = 'stopped', reason = 'superseded'
      from jsonb_array_elements(p_told) t
      where jsonb_typeof(t->'stops_letters_but') = 'array' and d.about = (t->>'about')::uuid and d.channel = 'letter' and d.state = 'queued' and d.tries = 0
        and not t->'stops_letters_but' ? d.kind;
  end if;
  with told as materialized (
    select place, (t->>'notice')::uuid as notice, t->>'municipality' as municipality, (t->>'about')::uuid as about, t->>'kind' as kind, t->>'event' as event,
      (t->>'happened_at')::timestamptz as happened_at, (t->>'at')::timestamptz as at, nullif(t->'stops_letters_but', 'null') as stops_letters_but,
      t->'deliveries' as deliveries
    from jsonb_array_elements(p_told) with ordinality u(t, place)),
  fresh as (
    insert into notice (id, municipality, about, kind, event, happened_at)
      select notice, municipality, about, kind, event, happened_at from told order by place on conflict do nothing returning id)
  insert into delivery (id, notice, municipality, about, kind, to_whom, recipient, why, channel, happened_at, state, reason, queued_at, delivered_at,
      next_try_at, due_at, digest)
    select (d->>'id')::uuid, t.notice, t.municipality, t.about, t.kind, d->>'to_whom', (d->>'recipient')::uuid, d->>'why', d->>'channel', t.happened_at,
      case when needless then 'stopped' else d->>'state' end, case when needless then 'superseded' end, t.at, case when d->>'state' = 'delivered' then t.at end,
      (d->>'due_at')::timestamptz, (d->>'due_at')::timestamptz, (d->>'digest')::boolean
    from told t join fresh on fresh.id = t.notice cross join lateral jsonb_array_elements(t.deliveries) d
      cross join lateral (select case when d->>'channel' = 'letter' then exists (
        select from told l where l.about = t.about and l.place > t.place and not l.stops_letters_but ? t.kind) else false end as needless) n
    order by t.place
    on conflict do nothing;
end $$;
revoke execute on function tell from public;
grant execute on function tell to notifications_machine;
