-- Of what was given by Sundhedsloven s. 43(2) the person is told afterwards; where that is left out, here stands why.
alter table overlevering add column not_told_because text
  check (not_told_because in ('other-law', 'interest-of-the-child', 'interest-of-others', 'ongoing-investigation'));
