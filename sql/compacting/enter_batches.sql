-- One ledger row a batch, from a JSON array of the manifests; in one statement, for each refers to the one before.
insert into batch_ledger (generation, batch_id, processed_at, watermark, records, unread, rows, manifest)
select (m ->> 'generation')::integer, (m ->> 'batch_id')::bigint, (m ->> 'processed_at')::timestamptz, (m ->> 'watermark')::timestamptz,
       (m ->> 'records')::bigint, coalesce((m ->> 'unread')::bigint, 0), (m ->> 'rows')::bigint, m
from jsonb_array_elements(%(manifests)s::jsonb) as m
