-- The books: which batches of the count log were compacted, from which offsets they came, and what was lost or not understood.
-- The chain of batches and the chain of offsets are foreign keys, so that the database itself refuses a gap or an overlap.

create table generation (
    generation    integer primary key check (generation >= 1),
    is_current    boolean not null default false,
    last_batch_id bigint,
    buckets_since date
);
create unique index generation_current on generation (is_current) where is_current;

comment on table generation is 'One row a generation, a checkpoint''s life; its row lock is what one compactor holds at a time';
comment on column generation.generation is 'Number of the generation, from 1; part of the count log''s paths';
comment on column generation.is_current is 'True for the one generation that reports and pages read';
comment on column generation.last_batch_id is 'Newest compacted batch; null before the first one';
comment on column generation.buckets_since is 'UTC day of arrival; rows of count_bucket that arrived earlier were dropped by retention. Null: none were';

create table batch_ledger (
    generation        integer not null references generation,
    batch_id          bigint not null check (batch_id >= 0),
    previous_batch_id bigint generated always as (nullif(batch_id, 0) - 1) stored,
    processed_at      timestamptz not null,
    watermark         timestamptz,
    records           bigint not null check (records >= 0),
    rows              bigint not null check (rows >= 0),
    manifest          jsonb not null,
    compacted_at      timestamptz not null default now(),
    primary key (generation, batch_id),
    constraint batch_follows_the_last_one foreign key (generation, previous_batch_id) references batch_ledger (generation, batch_id)
);
alter table generation add constraint last_batch_is_in_the_ledger
    foreign key (generation, last_batch_id) references batch_ledger (generation, batch_id);

comment on table batch_ledger is 'One row a compacted batch of the count log; from batch 0 on without a gap';
comment on column batch_ledger.generation is 'Generation that the batch belongs to';
comment on column batch_ledger.batch_id is 'Spark''s batch id, from 0';
comment on column batch_ledger.previous_batch_id is 'The batch before, null for batch 0: its foreign key refuses a gap';
comment on column batch_ledger.processed_at is 'The batch''s own time (processing time), fixed in Spark''s offset log';
comment on column batch_ledger.watermark is 'Spark''s watermark (processing time) while the batch ran; null before there was one';
comment on column batch_ledger.records is 'Records of the topic that the batch read, of every kind';
comment on column batch_ledger.rows is 'Rows of the batch''s Parquet files: keys that it changed';
comment on column batch_ledger.manifest is 'The batch''s manifest.json as it was compacted';
comment on column batch_ledger.compacted_at is 'Start of the transaction that compacted it';

create table offset_range (
    generation        integer not null,
    batch_id          bigint not null,
    topic             text collate "C" not null,
    partition         integer not null check (partition >= 0),
    previous_batch_id bigint check (previous_batch_id = batch_id - 1),
    from_offset       bigint not null check (from_offset >= 0),
    until_offset      bigint not null,
    primary key (generation, topic, partition, batch_id),
    unique (generation, topic, partition, batch_id, until_offset),
    check (until_offset >= from_offset),
    constraint offset_range_is_of_a_batch foreign key (generation, batch_id) references batch_ledger,
    constraint range_starts_where_the_last_one_ended
        foreign key (generation, topic, partition, previous_batch_id, from_offset)
        references offset_range (generation, topic, partition, batch_id, until_offset),
    constraint only_a_start_has_none_before check (previous_batch_id is not null or batch_id = 0 or from_offset = 0)
);
-- A partition starts once a generation. Without it a range could pass for a second start and leave a gap behind it.
create unique index offset_range_start on offset_range (generation, topic, partition) where previous_batch_id is null;

comment on table offset_range is 'One row a batch and partition of the topic: the records that the batch read. Every partition has a row in every batch from its first on, also where from = until';
comment on column offset_range.generation is 'Generation that the batch belongs to';
comment on column offset_range.batch_id is 'The batch';
comment on column offset_range.topic is 'Kafka topic';
comment on column offset_range.partition is 'Partition of the topic';
comment on column offset_range.previous_batch_id is 'The batch before, whose until_offset must be this from_offset; null where the partition starts: in batch 0, or later at offset 0 when the topic got more partitions';
comment on column offset_range.from_offset is 'First offset read (inclusive)';
comment on column offset_range.until_offset is 'The next offset to read (exclusive)';

create table dead_letter (
    generation    integer not null,
    batch_id      bigint not null,
    topic         text collate "C" not null,
    partition     integer not null,
    record_offset bigint not null,
    reason        text collate "C" not null,
    arrival       timestamptz not null,
    primary key (generation, topic, partition, record_offset),
    foreign key (generation, batch_id) references batch_ledger
);
create index dead_letter_arrival on dead_letter (generation, arrival);

comment on table dead_letter is 'One row a record that was not understood; its raw bytes stay in topic and spool';
comment on column dead_letter.generation is 'Generation that read it';
comment on column dead_letter.batch_id is 'Batch that read it';
comment on column dead_letter.topic is 'Kafka topic';
comment on column dead_letter.partition is 'Partition of the topic';
comment on column dead_letter.record_offset is 'Offset of the record';
comment on column dead_letter.reason is 'Why, one of the short fixed reasons of docs/contracts.md';
comment on column dead_letter.arrival is 'processed_at of the batch cut to ten minutes';

create table collection_gap (
    generation  integer not null,
    batch_id    bigint not null,
    arrival     timestamptz not null,
    noted_at    timestamptz not null,
    source      text collate "C" not null,
    gap_from    timestamptz,
    gap_to      timestamptz,
    why         text collate "C" not null,
    notes       bigint not null check (notes >= 1),
    note        text collate "C" not null,
    -- A note has no upper length, an index row has: the key holds its digest.
    note_md5    text collate "C" generated always as (md5(note)) stored,
    primary key (generation, arrival, noted_at, note_md5),
    foreign key (generation, batch_id) references batch_ledger
);

comment on table collection_gap is 'One row a gap that the collector noted: posts that the source had and we have not';
comment on column collection_gap.generation is 'Generation that read the note';
comment on column collection_gap.batch_id is 'Batch that read it (the newest one where it came more than once)';
comment on column collection_gap.arrival is 'processed_at of the batch cut to ten minutes';
comment on column collection_gap.noted_at is 'processed_at of the batch cut to the minute';
comment on column collection_gap.source is 'Source that has the gap, as the collector names it; empty where the note names none';
comment on column collection_gap.gap_from is 'Start of what is missing; null where the note gives no time';
comment on column collection_gap.gap_to is 'End of what is missing; null where the note gives no time';
comment on column collection_gap.why is 'Why, in the collector''s words; the whole note where it can''t be read';
comment on column collection_gap.notes is 'Records that said exactly this in that minute (absolute, almost always 1)';
comment on column collection_gap.note is 'The collector''s note as it came';
comment on column collection_gap.note_md5 is 'MD5 of the note, for the key only';

insert into generation (generation, is_current) values (1, true);
