-- Whom somebody stands in for is asked each time they open their page.
create index absence_of_deputy on absence (deputy, from_on);
