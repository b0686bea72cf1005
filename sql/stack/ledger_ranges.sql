-- The offsets that each compacted batch read, and when it began.
select r.partition, r.from_offset, r.until_offset, extract(epoch from l.processed_at)::float8
from offset_range r
join batch_ledger l using (generation, batch_id)
where r.generation = %(generation)s and r.topic = %(topic)s
