-- How far each key has moved from what count_bucket has. The bounds of arrival let the planner leave all other days' partitions alone.
create temporary table change on commit drop as
select i.batch_id, i.arrival, i.bucket, i.metric, i.source, i.lang, i.term, i.posts, i.reposts,
       i.posts - coalesce(b.posts, 0) as more_posts, i.reposts - coalesce(b.reposts, 0) as more_reposts
from incoming i
left join count_bucket b
    on b.generation = %(generation)s and b.arrival between %(first_arrival)s and %(last_arrival)s
   and (b.metric, b.bucket, b.source, b.lang, b.term, b.arrival) = (i.metric, i.bucket, i.source, i.lang, i.term, i.arrival)
where i.metric not in ('dead', 'gap', 'control')
  and (b.posts is null or (b.posts, b.reposts) <> (i.posts, i.reposts))
