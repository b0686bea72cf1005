-- Batches whose records are not those of their offset ranges, or that lack a partition the batch before had; and generations whose
-- position is not their newest batch. None is right. (Gaps between batches and between ranges the constraints refuse.)
select l.generation, l.batch_id, 'records are not those of the offset ranges' as what
from batch_ledger l left join offset_range o using (generation, batch_id)
group by l.generation, l.batch_id, l.records
having l.records <> coalesce(sum(o.until_offset - o.from_offset), 0)
union all
select o.generation, o.batch_id + 1, 'lacks ' || o.topic || '[' || o.partition || ']'
from offset_range o join batch_ledger l on (l.generation, l.batch_id) = (o.generation, o.batch_id + 1)
where not exists (select from offset_range n
                  where (n.generation, n.topic, n.partition, n.batch_id) = (o.generation, o.topic, o.partition, o.batch_id + 1))
union all
select g.generation, g.last_batch_id, 'is not the newest batch'
from generation g
where g.last_batch_id is distinct from (select max(batch_id) from batch_ledger l where l.generation = g.generation)
