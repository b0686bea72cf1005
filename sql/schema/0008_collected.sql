-- Which kinds of sources the collector has read, and since when: simulated posts look like people's, so a report asks here.
create table collected (
    began_at timestamptz primary key,
    kinds text[] not null
);

comment on table collected is 'One row a change of what the collector reads, by its own note (SPOOL/collected.jsonl); of all generations';
comment on column collected.began_at is 'From when on, by the collector''s clock; until the next row';
comment on column collected.kinds is 'Kinds of its sources: simulator, file, x, jetstream, mastodon, tcp';

grant select on collected to hashtide_compactor, hashtide_reporter, hashtide_reader;
grant insert on collected to hashtide_compactor;
