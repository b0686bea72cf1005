-- The counts. Text is compared by bytes (collate "C"): the same order everywhere, the fastest sort, and no index that breaks when a locale changes.
-- Terms have at most 101 code points (docs/contracts.md), so a key stays far below the 2,704 bytes that an index row may have.

create table count_bucket (
    generation integer not null,
    arrival    timestamptz not null,
    bucket     timestamptz not null,
    metric     text collate "C" not null,
    source     text collate "C" not null,
    lang       text collate "C" not null,
    term       text collate "C" not null,
    posts      bigint not null check (posts >= 1),
    reposts    bigint not null check (reposts between 0 and posts),
    primary key (generation, metric, bucket, source, lang, term, arrival)
) partition by range (arrival);

comment on table count_bucket is 'Absolute counts, one row a key of the count log; partitioned by UTC day of arrival, kept days';
comment on column count_bucket.generation is 'Generation that counted';
comment on column count_bucket.arrival is 'When we learned of the posts: processed_at cut to ten minutes';
comment on column count_bucket.bucket is 'When they happened: event time cut to the minute (post, hashtag, control) or hour (word); 1970-01-01T00:00Z where it is implausible';
comment on column count_bucket.metric is 'What is counted: post, hashtag, word, control';
comment on column count_bucket.source is 'Dialect of the posts';
comment on column count_bucket.lang is 'Language of the posts, und where unknown';
comment on column count_bucket.term is 'The hashtag without #, the word, the kind of control message; empty for post';
comment on column count_bucket.posts is 'Posts that contain the term';
comment on column count_bucket.reposts is 'How many of these posts are reposts';

create table count_hour (
    generation integer not null,
    hour       timestamptz not null,
    metric     text collate "C" not null,
    source     text collate "C" not null,
    lang       text collate "C" not null,
    term       text collate "C" not null,
    posts      bigint not null check (posts >= 1),
    reposts    bigint not null check (reposts between 0 and posts),
    primary key (generation, metric, hour, source, lang, term)
) with (fillfactor = 80);

comment on table count_hour is 'Counts by hour of event time: always the sum of the hour''s rows of count_bucket, over all arrivals';
comment on column count_hour.generation is 'Generation that counted';
comment on column count_hour.hour is 'Event time cut to the UTC hour; 1970-01-01T00:00Z where it is implausible';
comment on column count_hour.metric is 'What is counted: post, hashtag, word, control';
comment on column count_hour.source is 'Dialect of the posts';
comment on column count_hour.lang is 'Language of the posts, und where unknown';
comment on column count_hour.term is 'The hashtag without #, the word, the kind of control message; empty for post';
comment on column count_hour.posts is 'Posts that contain the term';
comment on column count_hour.reposts is 'How many of these posts are reposts';

create table count_day (
    generation integer not null,
    day        date not null,
    metric     text collate "C" not null,
    source     text collate "C" not null,
    lang       text collate "C" not null,
    term       text collate "C" not null,
    posts      bigint not null check (posts >= 1),
    reposts    bigint not null check (reposts between 0 and posts),
    primary key (generation, metric, day, source, lang, term)
) with (fillfactor = 80);

comment on table count_day is 'Counts by day of event time: always the sum of the day''s rows of count_bucket, over all arrivals';
comment on column count_day.generation is 'Generation that counted';
comment on column count_day.day is 'UTC day of the event time; 1970-01-01 where it is implausible';
comment on column count_day.metric is 'What is counted: post, hashtag, word, control';
comment on column count_day.source is 'Dialect of the posts';
comment on column count_day.lang is 'Language of the posts, und where unknown';
comment on column count_day.term is 'The hashtag without #, the word, the kind of control message; empty for post';
comment on column count_day.posts is 'Posts that contain the term';
comment on column count_day.reposts is 'How many of these posts are reposts';

-- The compactor may write counts but own no table: partitions come and go through these two functions only.

create function make_bucket_partition(arrival_day date) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    child text := 'count_bucket_' || to_char(arrival_day, 'YYYYMMDD');
begin
    perform pg_advisory_xact_lock(hashtext('count_bucket'));  -- two generations may need the same day at once
    if to_regclass('public.' || child) is not null then
        return false;
    end if;
    -- Made aside and attached: `partition of` would lock out every reader of count_bucket until the transaction ends.
    execute format('create table public.%I (like public.count_bucket including all) with (fillfactor = 80)', child);
    execute format('alter table public.count_bucket attach partition public.%I for values from (%L) to (%L)',
        child, arrival_day || ' 00:00:00+00', arrival_day + 1 || ' 00:00:00+00');
    return true;
end $$;

create function drop_bucket_partitions(arrived_before date) returns setof text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    children text[] := array(
        select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'public.count_bucket'::regclass
          and c.relname < 'count_bucket_' || to_char(arrived_before, 'YYYYMMDD')
        order by 1);
    child text;
begin
    if children = '{}' then
        return;
    end if;
    -- First the rows that every compactor locks, then the tables, as the compactors do: no deadlock.
    update generation set buckets_since = greatest(buckets_since, arrived_before);
    foreach child in array children loop
        execute format('drop table public.%I', child);
        return next child;
    end loop;
end $$;

comment on function make_bucket_partition(date) is 'Makes count_bucket''s partition of one UTC day of arrival; false if it is there';
comment on function drop_bucket_partitions(date) is 'Retention: drops count_bucket''s partitions of UTC days of arrival before the given one, notes it in generation, returns their names';
