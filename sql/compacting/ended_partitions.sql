-- Partitions that one of the new batches no longer lists: a foreign key can't miss what is not there.
select o.topic, o.partition, o.batch_id
from offset_range o
where o.generation = %(generation)s and o.batch_id between %(first)s - 1 and %(last)s - 1
  and not exists (select from offset_range n
                  where (n.generation, n.topic, n.partition, n.batch_id) = (o.generation, o.topic, o.partition, o.batch_id + 1))
order by o.batch_id, o.topic, o.partition
limit 1
