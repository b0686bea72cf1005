-- The UTC day before which arrivals may go. By the batches' own time, so that a backlog never meets a partition that is gone;
-- and by the slowest of the current generation and those after it.
select (min(l.processed_at) at time zone 'UTC')::date - %(keep_bucket_days)s
from generation g join batch_ledger l on (l.generation, l.batch_id) = (g.generation, g.last_batch_id)
where g.generation >= (select generation from generation where is_current)
having exists (select from generation where generation = %(generation)s and is_current)
