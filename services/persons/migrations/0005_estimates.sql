-- Nearly everybody stands for themselves alone. PostgreSQL takes a thousand rows for granted where nothing is said, and then reads the
-- whole table for the names of a page of people.
alter function stands_for(uuid) rows 1;
