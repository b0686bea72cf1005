-- The newest batch of the current generation: its topic's id (empty: not known), and the ends of its partitions.
select coalesce(l.manifest ->> 'topic_id', ''), (r ->> 'partition')::integer, (r ->> 'until_offset')::bigint, (r ->> 'leader_epoch')::integer
from generation g
join batch_ledger l on (l.generation, l.batch_id) = (g.generation, g.last_batch_id)
cross join lateral jsonb_array_elements(l.manifest -> 'offset_ranges') r
where g.is_current
