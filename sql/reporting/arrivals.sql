-- When the day's posts came. Only as far as the minutes are kept: `known` says of how many posts.
select coalesce(sum(posts), 0)::bigint as known,
       coalesce(sum(posts) filter (where arrival > bucket + %(late_after)s), 0)::bigint as late,
       coalesce(sum(posts) filter (where arrival >= %(end)s), 0)::bigint as after_the_day,
       max(arrival) as last
from count_bucket
where generation = %(generation)s and metric = 'post' and bucket >= %(start)s and bucket < %(end)s
