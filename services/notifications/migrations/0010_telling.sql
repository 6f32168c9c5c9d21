-- One event told in one step: letters that it makes needless stop (those of kinds that stand alone do not), its notice stands with all its deliveries; once per event, kind and subject.
create function tell(p_notice uuid, p_municipality text, p_about uuid, p_kind text, p_event text, p_happened_at timestamptz,
  p_at timestamptz, p_stops_letters boolean, p_stand_alone text[], p_deliveries jsonb) returns void language plpgsql as $$
begin
  if p_stops_letters then
    update delivery set state = 'stopped', reason = 'superseded'
      where about = p_about and channel = 'letter' and state = 'queued' and tries = 0 and kind <> all (p_stand_alone);
  end if;
  insert into notice (id, municipality, about, kind, event, happened_at)
    values (p_notice, p_municipality, p_about, p_kind, p_event, p_happened_at) on conflict do nothing;
  if found then
    insert into delivery (id, notice, municipality, about, kind, to_whom, recipient, why, channel, happened_at,
        state, queued_at, delivered_at, next_try_at, due_at, digest)
      select d.id, p_notice, p_municipality, p_about, p_kind, d.to_whom, d.recipient, d.why, d.channel, p_happened_at,
        d.state, p_at, case when d.state = 'delivered' then p_at end, d.due_at, d.due_at, d.digest
      from jsonb_to_recordset(p_deliveries)
        as d(id uuid, to_whom text, recipient uuid, why text, channel text, state text, due_at timestamptz, digest boolean)
      on conflict do nothing;
  end if;
end $$;
revoke execute on function tell from public;
grant execute on function tell to notifications_machine;
