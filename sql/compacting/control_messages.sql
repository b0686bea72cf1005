-- Control messages take the absolute counts. The term is KIND, or KIND<TAB>ABOUT. Most are there once and never change: ON CONFLICT
-- looks up only what comes again.
insert into control_message (generation, batch_id, arrival, bucket, source, kind, about, messages)
select %(generation)s, max(batch_id), arrival, bucket, source, kind, about, sum(posts)
from incoming,
     split_part(term, E'\t', 1) as kind,
     substr(term, char_length(kind) + 2) as about
where metric = 'control'
group by bucket, source, kind, about, arrival
order by bucket, source, kind, about, arrival
on conflict (generation, bucket, source, kind, about, arrival)
do update set messages = excluded.messages, batch_id = excluded.batch_id
where control_message.messages <> excluded.messages
