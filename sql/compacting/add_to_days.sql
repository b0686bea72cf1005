-- Days grow by what their buckets have grown, like the hours.
merge into count_day d
using (
    select (bucket at time zone 'UTC')::date as day, metric, source, lang, term, sum(more_posts) as posts, sum(more_reposts) as reposts
    from change
    group by day, metric, source, lang, term
    order by metric, day, source, lang, term
) c
on d.generation = %(generation)s and (d.metric, d.day, d.source, d.lang, d.term) = (c.metric, c.day, c.source, c.lang, c.term)
when matched then update set posts = d.posts + c.posts, reposts = d.reposts + c.reposts
when not matched then
    insert (generation, day, metric, source, lang, term, posts, reposts)
    values (%(generation)s, c.day, c.metric, c.source, c.lang, c.term, c.posts, c.reposts)
