-- What the books say of one generation; last_batch is -1 where nothing is compacted yet. The dedup window is that of the newest
-- batch, null where its version did not say it.
select records, posts, control, dead, gaps, coalesce(last_batch, -1), unread,
       (select (manifest ->> 'dedup_window_min')::integer from batch_ledger l
        where (l.generation, l.batch_id) = (books.generation, books.last_batch))
from books
where generation = %(generation)s
