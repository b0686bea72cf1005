-- The current generation and its last compacted batch: one row, or none where no generation is current.
select g.generation, g.last_batch_id, l.processed_at, l.manifest ->> 'code_version' as code_version, g.buckets_since
from generation g
left join batch_ledger l on l.generation = g.generation and l.batch_id = g.last_batch_id
where g.is_current
