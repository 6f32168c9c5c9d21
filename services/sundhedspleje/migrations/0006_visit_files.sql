-- A municipality's administrator writes its visit plans as they do its programmes: whole files, each with the day from which it holds. Never changed, never deleted.
alter table programme_file rename to written_file;
alter table written_file add column name text not null default 'programmes.yaml' check (name in ('programmes.yaml', 'visits.yaml'));
alter table written_file alter column name drop default;
drop index programme_file_in_force;
create index written_file_in_force on written_file (municipality, name, from_on) where withdrawn_at is null;
