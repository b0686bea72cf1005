-- Gaps that the network itself says: a row beside each such control message, which stays what it is in the books (notes = 0).
-- It says when, and seldom from when: the minute of the message is what is known. One without a plausible time has no bounds.
insert into collection_gap (generation, batch_id, arrival, noted_at, source, gap_from, gap_to, why, notes, note)
select %(generation)s, batch_id, arrival, coalesce(minute, arrival), source, minute, minute + interval '1 minute',
       kind || coalesce(': ' || nullif(about, ''), ''), 0,
       json_build_object('source', source, 'control', kind, 'about', about)::text
from incoming,
     nullif(bucket, timestamptz '1970-01-01 00:00:00+00') as minute,
     split_part(term, E'\t', 1) as kind,
     substr(term, char_length(kind) + 2) as about
where metric = 'control' and says_a_gap(kind)
order by arrival, bucket, term
on conflict do nothing
