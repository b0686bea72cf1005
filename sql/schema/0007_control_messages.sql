-- Control messages leave the counts for a table of their own, which also says what each is about.

create table control_message (
    generation integer not null,
    batch_id   bigint not null,
    arrival    timestamptz not null,
    bucket     timestamptz not null,
    source     text collate "C" not null,
    kind       text collate "C" not null,
    about      text collate "C" not null,
    messages   bigint not null check (messages >= 1),
    primary key (generation, bucket, source, kind, about, arrival),
    foreign key (generation, batch_id) references batch_ledger
);
create index control_message_arrival on control_message (generation, arrival);

comment on table control_message is 'Messages of a network that are no posts: absolute counts, one row a minute, source, kind and what it is about';
comment on column control_message.generation is 'Generation that counted';
comment on column control_message.batch_id is 'Batch that counted it last; what was counted before this table was there has the generation''s newest one of that time';
comment on column control_message.arrival is 'processed_at of the batch cut to ten minutes; 1970-01-01T00:00Z where it was no longer known when this table was made';
comment on column control_message.bucket is 'When the collector received it, cut to the minute; a day''s start where only the day was still known when this table was made';
comment on column control_message.source is 'Dialect of the message, unknown where it has none';
comment on column control_message.kind is 'delete, limit, keep_alive, … (docs/contracts.md)';
comment on column control_message.about is 'The post (x:123) or user that it is about, or what it says, at most 200 code points; empty where it says nothing';
comment on column control_message.messages is 'How many such messages';

create function says_a_gap(kind text) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return kind in ('limit', 'disconnect', 'operational-disconnect', 'ConnectionException');

comment on function says_a_gap(text) is 'Whether a control message of this kind says that the network had posts and did not deliver them';

alter table collection_gap drop constraint collection_gap_notes_check, add constraint collection_gap_notes_check check (notes >= 0);

comment on table collection_gap is 'One row a gap, posts that the source had and we have not: noted by the collector, or said by a control message';
comment on column collection_gap.noted_at is 'processed_at of the batch cut to the minute; of a control message the minute in which it was received';
comment on column collection_gap.gap_from is 'Start of what is missing; null where the note gives no time; of a control message its minute, for it says no better';
comment on column collection_gap.gap_to is 'End of what is missing; null where the note gives no time; of a control message the end of its minute';
comment on column collection_gap.why is 'Why, in the collector''s words, the whole note where it can''t be read; of a control message its kind and what it says';
comment on column collection_gap.notes is 'Notes that said exactly this in that minute (absolute, almost always 1); 0 where a control message said it, which is counted as that';
comment on column collection_gap.note is 'The collector''s note as it came; of a control message its source, kind and about as JSON';

-- What was counted before. Minutes as far as they were kept, of the rest the days; the sum stays.
insert into control_message (generation, batch_id, arrival, bucket, source, kind, about, messages)
select c.generation, g.last_batch_id, c.arrival, c.bucket, c.source, c.term, '', sum(c.posts)
from count_bucket c join generation g using (generation)
where c.metric = 'control'
group by c.generation, g.last_batch_id, c.arrival, c.bucket, c.source, c.term;

insert into control_message (generation, batch_id, arrival, bucket, source, kind, about, messages)
select d.generation, g.last_batch_id, timestamptz '1970-01-01 00:00:00+00', d.day::timestamp at time zone 'UTC', d.source, d.term, '',
       sum(d.posts) - coalesce(min(m.messages), 0)
from count_day d
join generation g using (generation)
left join (
    select generation, (bucket at time zone 'UTC')::date as day, source, kind, sum(messages) as messages
    from control_message group by 1, 2, 3, 4
) m on (m.generation, m.day, m.source, m.kind) = (d.generation, d.day, d.source, d.term)
where d.metric = 'control'
group by d.generation, g.last_batch_id, d.day, d.source, d.term
having sum(d.posts) > coalesce(min(m.messages), 0);

-- Of a message of which only the day is known no bounds can be told.
insert into collection_gap (generation, batch_id, arrival, noted_at, source, gap_from, gap_to, why, notes, note)
select generation, batch_id, arrival, coalesce(minute, arrival), source, minute, minute + interval '1 minute', kind, 0,
       json_build_object('source', source, 'control', kind, 'about', about)::text
from control_message, nullif(bucket, timestamptz '1970-01-01 00:00:00+00') as minute
where says_a_gap(kind) and arrival > timestamptz '1970-01-01 00:00:00+00';

delete from count_bucket where metric = 'control';
delete from count_hour where metric = 'control';
delete from count_day where metric = 'control';

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
       (coalesce(l.records, 0) - coalesce(c.posts, 0) - coalesce(m.control, 0) - coalesce(d.dead, 0) - coalesce(p.gaps, 0))::bigint
           as duplicates
from generation g
left join lateral (
    select sum(records) as records, min(batch_id) as first_batch, max(batch_id) as last_batch, max(compacted_at) as last_compacted_at
    from batch_ledger where generation = g.generation
) l on true
left join lateral (select sum(posts) as posts from count_day where generation = g.generation and metric = 'post') c on true
left join lateral (select sum(messages) as control from control_message where generation = g.generation) m on true
left join lateral (select count(*) as dead from dead_letter where generation = g.generation) d on true
left join lateral (select sum(notes) as gaps from collection_gap where generation = g.generation) p on true;

comment on column books.gaps is 'Notes of a gap by the collector; gaps that a control message said are counted as that';

create or replace view books_by_day as
select generation, day, sum(posts)::bigint as posts, sum(reposts)::bigint as reposts, sum(control)::bigint as control,
       sum(dead)::bigint as dead, sum(gaps)::bigint as gaps
from (
    select generation, day, posts, reposts, 0::bigint as control, 0::bigint as dead, 0::bigint as gaps
    from count_day where metric = 'post'
    union all
    select generation, (bucket at time zone 'UTC')::date, 0, 0, messages, 0, 0 from control_message
    union all
    select generation, (arrival at time zone 'UTC')::date, 0, 0, 0, 1, 0 from dead_letter
    union all
    select generation, (arrival at time zone 'UTC')::date, 0, 0, 0, 0, notes from collection_gap where notes > 0
) entry
group by generation, day;

comment on column count_bucket.bucket is 'When they happened: event time cut to the minute (post, hashtag) or hour (word, spelling); 1970-01-01T00:00Z where it is implausible';
comment on column count_bucket.metric is 'What is counted: post, hashtag, spelling, word';
comment on column count_bucket.term is 'The hashtag without #, its identity and a spelling with a tab between, the word; empty for post';
comment on column count_hour.metric is 'What is counted: post, hashtag, spelling, word';
comment on column count_hour.term is 'The hashtag without #, its identity and a spelling with a tab between, the word; empty for post';
comment on column count_day.metric is 'What is counted: post, hashtag, spelling, word';
comment on column count_day.term is 'The hashtag without #, its identity and a spelling with a tab between, the word; empty for post';

grant select on control_message to hashtide_compactor, hashtide_reporter, hashtide_reader;
grant insert, update on control_message to hashtide_compactor;
