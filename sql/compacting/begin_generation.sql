-- The first compaction of a generation that the schema did not bring.
insert into generation (generation) values (%(generation)s) on conflict do nothing
