-- Generations that counted more than they read; none is right.
select generation, records, posts, control, dead, gaps, duplicates from books where duplicates < 0
