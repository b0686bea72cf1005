create view books as
select g.generation,
       coalesce(l.records, 0)::bigint as records,
       coalesce(c.posts, 0)::bigint as posts,
       coalesce(c.control, 0)::bigint as control,
       coalesce(d.dead, 0)::bigint as dead,
       coalesce(p.gaps, 0)::bigint as gaps,
       l.first_batch,
       l.last_batch,
       l.last_compacted_at,
       (coalesce(l.records, 0) - coalesce(c.posts, 0) - coalesce(c.control, 0) - coalesce(d.dead, 0) - coalesce(p.gaps, 0))::bigint
           as duplicates
from generation g
left join lateral (
    select sum(records) as records, min(batch_id) as first_batch, max(batch_id) as last_batch, max(compacted_at) as last_compacted_at
    from batch_ledger where generation = g.generation
) l on true
left join lateral (
    select sum(posts) filter (where metric = 'post') as posts, sum(posts) filter (where metric = 'control') as control
    from count_day where generation = g.generation and metric in ('post', 'control')
) c on true
left join lateral (select count(*) as dead from dead_letter where generation = g.generation) d on true
left join lateral (select sum(notes) as gaps from collection_gap where generation = g.generation) p on true;

comment on view books is 'One row a generation: what became of every record that was read and compacted';
comment on column books.generation is 'The generation';
comment on column books.records is 'Records of the topic read';
comment on column books.posts is 'Posts understood, each counted once';
comment on column books.control is 'Control messages, each counted once';
comment on column books.dead is 'Dead letters';
comment on column books.gaps is 'Notes of a gap by the collector';
comment on column books.first_batch is 'First compacted batch; null if none is';
comment on column books.last_batch is 'Newest compacted batch; null if none is';
comment on column books.last_compacted_at is 'When it was compacted';
comment on column books.duplicates is 'What is left of records: those whose identity was seen before';

create view books_by_day as
select generation, day, sum(posts)::bigint as posts, sum(reposts)::bigint as reposts, sum(control)::bigint as control,
       sum(dead)::bigint as dead, sum(gaps)::bigint as gaps
from (
    select generation, day, posts, reposts, 0::bigint as control, 0::bigint as dead, 0::bigint as gaps
    from count_day where metric = 'post'
    union all
    select generation, day, 0, 0, posts, 0, 0 from count_day where metric = 'control'
    union all
    select generation, (arrival at time zone 'UTC')::date, 0, 0, 0, 1, 0 from dead_letter
    union all
    select generation, (arrival at time zone 'UTC')::date, 0, 0, 0, 0, notes from collection_gap
) entry
group by generation, day;

comment on view books_by_day is 'One row a generation and UTC day: posts and control by event time, dead and gaps by arrival, since they have no event time';
comment on column books_by_day.generation is 'The generation';
comment on column books_by_day.day is 'UTC day; 1970-01-01 holds implausible event times';
comment on column books_by_day.posts is 'Posts that happened that day';
comment on column books_by_day.reposts is 'How many of them are reposts';
comment on column books_by_day.control is 'Control messages of that day';
comment on column books_by_day.dead is 'Dead letters that arrived that day';
comment on column books_by_day.gaps is 'Notes of a gap that arrived that day';
