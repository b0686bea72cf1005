-- Hours grow by what their buckets have grown, so that they stay right when old arrivals are dropped.
merge into count_hour h
using (
    select date_trunc('hour', bucket, 'UTC') as hour, metric, source, lang, term, sum(more_posts) as posts, sum(more_reposts) as reposts
    from change
    group by hour, metric, source, lang, term
    order by metric, hour, source, lang, term
) c
on h.generation = %(generation)s and (h.metric, h.hour, h.source, h.lang, h.term) = (c.metric, c.hour, c.source, c.lang, c.term)
when matched then update set posts = h.posts + c.posts, reposts = h.reposts + c.reposts
when not matched then
    insert (generation, hour, metric, source, lang, term, posts, reposts)
    values (%(generation)s, c.hour, c.metric, c.source, c.lang, c.term, c.posts, c.reposts)
