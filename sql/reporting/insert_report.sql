-- A new revision. Two that are made at once meet at the primary key (and before, at the lock).
insert into report (day, source, lang, top_n, revision, html, csv, sha256, generation, batch_id)
values (%(day)s, %(source)s, %(lang)s, %(top)s, %(revision)s, %(html)s, %(csv)s, %(sha256)s, %(generation)s, %(batch_id)s)
