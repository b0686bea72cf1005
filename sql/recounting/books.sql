select generation, records, posts, control, dead, gaps, duplicates, unread from books where generation in (%(previous)s, %(generation)s)
order by generation
