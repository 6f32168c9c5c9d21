-- A private institution's people are told of a child by the parents: Dagtilbudsloven s. 3 a(3).
alter table unit add column private boolean not null default false;
