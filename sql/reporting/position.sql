-- The current generation, its first and its last compacted batch: one row, or none where no generation is current.
select g.generation, g.last_batch_id, l.processed_at, l.manifest ->> 'code_version' as code_version, f.processed_at as began_at,
       g.buckets_since
from generation g
left join batch_ledger l on l.generation = g.generation and l.batch_id = g.last_batch_id
left join batch_ledger f on f.generation = g.generation and f.batch_id = 0
where g.is_current
