insert into collection_gap (generation, batch_id, arrival, noted_at, source, gap_from, gap_to, why, notes, note)
values (%(generation)s, %(batch_id)s, %(arrival)s, %(noted_at)s, %(source)s, %(gap_from)s, %(gap_to)s, %(why)s, %(notes)s, %(note)s)
on conflict (generation, arrival, noted_at, note_md5)
do update set notes = excluded.notes, batch_id = excluded.batch_id
