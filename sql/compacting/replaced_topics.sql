-- New batches that were read from another topic than the batch before, by Kafka's id of the topic; older manifests have none.
select l.batch_id, l.manifest ->> 'topic_id', before.manifest ->> 'topic_id'
from batch_ledger l
join batch_ledger before on (before.generation, before.batch_id) = (l.generation, l.previous_batch_id)
where l.generation = %(generation)s and l.batch_id between %(first)s and %(last)s
  and nullif(l.manifest ->> 'topic_id', '') <> nullif(before.manifest ->> 'topic_id', '')
order by l.batch_id
limit 1
