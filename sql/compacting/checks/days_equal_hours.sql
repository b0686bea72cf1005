-- Days that are not the sum of their hours; none is right.
with hour as (
    select generation, (hour at time zone 'UTC')::date as day, metric, source, lang, term, sum(posts) as posts, sum(reposts) as reposts
    from count_hour
    group by 1, 2, 3, 4, 5, 6
)
select generation, day, metric, source, lang, term, d.posts as day_posts, h.posts as hour_posts, d.reposts as day_reposts, h.reposts as hour_reposts
from count_day d
full join hour h using (generation, day, metric, source, lang, term)
where (coalesce(d.posts, 0), coalesce(d.reposts, 0)) <> (coalesce(h.posts, 0), coalesce(h.reposts, 0))
