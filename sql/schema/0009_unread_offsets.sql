-- Not every offset holds a record that counts: a transaction leaves a marker, and what it aborted is never read. Until now these passed
-- for duplicates; batches of before this file keep them there, for nobody knows any more how many they were.

alter table batch_ledger add column unread bigint not null default 0 check (unread between 0 and records);

comment on column batch_ledger.records is 'Offsets of the topic that the batch read, of every kind';
comment on column batch_ledger.unread is 'Offsets among them that hold no readable record: markers of transactions, aborted records, what the topic''s compaction removed';

create or replace view books as
select g.generation,
       coalesce(l.records, 0)::bigint as records,
       coalesce(c.posts, 0)::bigint as posts,
       coalesce(m.control, 0)::bigint as control,
       coalesce(d.dead, 0)::bigint as dead,
       coalesce(p.gaps, 0)::bigint as gaps,
       l.first_batch,
       l.last_batch,
       l.last_compacted_at,
       (coalesce(l.records, 0) - coalesce(c.posts, 0) - coalesce(m.control, 0) - coalesce(d.dead, 0) - coalesce(p.gaps, 0)
           - coalesce(l.unread, 0))::bigint as duplicates,
       coalesce(l.unread, 0)::bigint as unread
from generation g
left join lateral (
    select sum(records) as records, sum(unread) as unread, min(batch_id) as first_batch, max(batch_id) as last_batch,
           max(compacted_at) as last_compacted_at
    from batch_ledger where generation = g.generation
) l on true
left join lateral (select sum(posts) as posts from count_day where generation = g.generation and metric = 'post') c on true
left join lateral (select sum(messages) as control from control_message where generation = g.generation) m on true
left join lateral (select count(*) as dead from dead_letter where generation = g.generation) d on true
left join lateral (select sum(notes) as gaps from collection_gap where generation = g.generation) p on true;

comment on column books.records is 'Offsets of the topic read';
comment on column books.unread is 'Offsets that hold no readable record: markers of transactions, aborted records';
