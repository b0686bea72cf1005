-- Posts of some hashtags by hour of event time.
select term, extract(hour from hour at time zone 'UTC')::integer as hour, sum(posts)::bigint as posts
from count_hour
where generation = %(generation)s and metric = 'hashtag' and hour >= %(start)s and hour < %(end)s and term = any(%(terms)s)
  and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
group by 1, 2
order by 1, 2
