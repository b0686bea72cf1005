-- A key that changed twice is one dead letter still: its count is 1, absolute.
insert into dead_letter (generation, batch_id, topic, partition, record_offset, reason, arrival)
select %(generation)s, batch_id, part[1], part[2]::integer, part[3]::bigint, part[4], arrival
from incoming, regexp_match(term, '^([^[]+)\[(\d+)\]@(\d+) (.*)$') as part
where metric = 'dead'
order by part[1], part[2]::integer, part[3]::bigint
on conflict do nothing
