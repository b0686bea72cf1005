-- Generations that counted more than they read; none is right.
select generation, records, posts, control, dead, gaps, unread, duplicates from books where duplicates < 0
