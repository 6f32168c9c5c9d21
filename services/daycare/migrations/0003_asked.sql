-- A programme that is through asks the institution that goes on for a plusplads: a task there until it is reserved or declined, with a reason.
create table asked_plusplads (
  id uuid primary key, child uuid not null references child, municipality char(4) not null, unit uuid not null, programme text not null, method text not null, asked_at timestamptz not null,
  state text not null default 'open' check (state in ('open', 'reserved', 'declined', 'lapsed')), holding uuid references holding, reason text, answered_by uuid, answered_at timestamptz,
  constraint a_reserved_one_has_its_place check ((state = 'reserved') = (holding is not null)),
  constraint a_declined_one_has_its_reason check ((state = 'declined') = (reason is not null)),
  check ((state = 'open') = (answered_at is null)));
create index asked_open on asked_plusplads (unit, id) where state = 'open';
create index asked_of_child on asked_plusplads (child) where state = 'open';

alter table asked_plusplads enable row level security;
alter table asked_plusplads force row level security;
create policy machine on asked_plusplads to daycare_machine using (true) with check (true);
create policy by_party on asked_plusplads to daycare_api using (may_see(municipality)) with check (may_see(municipality));
grant select on asked_plusplads to daycare_api, daycare_machine;
grant insert, update on asked_plusplads to daycare_machine;
grant update (state, holding, reason, answered_by, answered_at) on asked_plusplads to daycare_api;
