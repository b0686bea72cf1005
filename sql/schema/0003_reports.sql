create table report (
    day        date not null,
    source     text collate "C" not null default '',
    lang       text collate "C" not null default '',
    top_n      integer not null check (top_n >= 1),
    revision   integer not null check (revision >= 1),
    html       text not null,
    csv        text not null,
    sha256     text collate "C" not null check (sha256 ~ '^[0-9a-f]{64}$'),
    generation integer not null,
    batch_id   bigint not null,
    made_at    timestamptz not null default now(),
    primary key (day, source, lang, top_n, revision),
    foreign key (generation, batch_id) references batch_ledger
);

comment on table report is 'One row a revision of a report; what comes late makes a new revision, the old ones stay';
comment on column report.day is 'UTC day of event time that it is about';
comment on column report.source is 'Dialect that it is limited to; empty: all';
comment on column report.lang is 'Language that it is limited to; empty: all';
comment on column report.top_n is 'How many hashtags it lists';
comment on column report.revision is 'From 1; a new one only where the bytes differ';
comment on column report.html is 'The report, one file that opens anywhere';
comment on column report.csv is 'Its table as CSV';
comment on column report.sha256 is 'SHA-256 of the HTML''s UTF-8 bytes, hexadecimal';
comment on column report.generation is 'Generation whose counts it shows';
comment on column report.batch_id is 'Newest batch compacted when it was made: its position in the ledger';
comment on column report.made_at is 'When it was made';
