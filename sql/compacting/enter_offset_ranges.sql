-- The batches' offset ranges, from a JSON array of the manifests. A partition that no earlier batch had starts here:
-- it has no batch before it, and the table's constraints say where that may be.
with entry as (
    select (m ->> 'generation')::integer as generation, (m ->> 'batch_id')::bigint as batch_id,
           r ->> 'topic' as topic, (r ->> 'partition')::integer as partition,
           (r ->> 'from_offset')::bigint as from_offset, (r ->> 'until_offset')::bigint as until_offset
    from jsonb_array_elements(%(manifests)s::jsonb) as m, jsonb_array_elements(m -> 'offset_ranges') as r
)
insert into offset_range (generation, batch_id, topic, partition, previous_batch_id, from_offset, until_offset)
select e.generation, e.batch_id, e.topic, e.partition,
       case when e.batch_id = min(e.batch_id) over (partition by e.generation, e.topic, e.partition)
                 and not exists (select from offset_range o
                                 where (o.generation, o.topic, o.partition) = (e.generation, e.topic, e.partition))
            then null else e.batch_id - 1 end,
       e.from_offset, e.until_offset
from entry e
