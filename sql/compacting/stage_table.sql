-- Where COPY puts a chunk's counts: the latest absolute count of each key that its batches changed.
create temporary table incoming (
    batch_id bigint not null,
    arrival  timestamptz not null,
    bucket   timestamptz not null,
    metric   text collate "C" not null,
    source   text collate "C" not null,
    lang     text collate "C" not null,
    term     text collate "C" not null,
    posts    bigint not null,
    reposts  bigint not null
) on commit drop
