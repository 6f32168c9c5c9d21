-- The bulks that somebody has asked for or is asked to answer, the newest first.
create index bulk_of_asker on bulk (by, id);
create index bulk_of_receiver on bulk (receiver, id);
