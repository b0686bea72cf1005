-- Buckets take the absolute counts. MERGE joins once where ON CONFLICT looks each key up and locks it; the generation's lock makes it safe.
merge into count_bucket b
using (select * from change order by metric, bucket, source, lang, term, arrival) c
on b.generation = %(generation)s and b.arrival between %(first_arrival)s and %(last_arrival)s
   and (b.metric, b.bucket, b.source, b.lang, b.term, b.arrival) = (c.metric, c.bucket, c.source, c.lang, c.term, c.arrival)
when matched then update set posts = c.posts, reposts = c.reposts
when not matched then
    insert (generation, arrival, bucket, metric, source, lang, term, posts, reposts)
    values (%(generation)s, c.arrival, c.bucket, c.metric, c.source, c.lang, c.term, c.posts, c.reposts)
