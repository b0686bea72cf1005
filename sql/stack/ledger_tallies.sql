-- What the books say of one generation; last_batch is -1 where nothing is compacted yet.
select records, posts, control, dead, gaps, coalesce(last_batch, -1)
from books
where generation = %(generation)s
