-- Hours that are not the sum of their buckets; none is right. Where retention has dropped arrivals, hours before it may hold more than the
-- buckets that are left, never less. (An event is at most 10 minutes ahead of its arrival, an hour is room enough.)
with bucket as (
    select generation, date_trunc('hour', bucket, 'UTC') as hour, metric, source, lang, term,
           sum(posts) as posts, sum(reposts) as reposts
    from count_bucket
    group by 1, 2, 3, 4, 5, 6
)
select generation, hour, metric, source, lang, term, h.posts as hour_posts, b.posts as bucket_posts,
       h.reposts as hour_reposts, b.reposts as bucket_reposts
from count_hour h
full join bucket b using (generation, hour, metric, source, lang, term)
join generation g using (generation)
where (coalesce(h.posts, 0), coalesce(h.reposts, 0)) <> (coalesce(b.posts, 0), coalesce(b.reposts, 0))
  and (g.buckets_since is null
       or hour >= (g.buckets_since::timestamp at time zone 'UTC') + interval '1 hour'
       or coalesce(h.posts, 0) < coalesce(b.posts, 0) or coalesce(h.reposts, 0) < coalesce(b.reposts, 0))
