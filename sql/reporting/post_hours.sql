-- Posts of the day by hour of event time, all of them and those that were asked for.
select extract(hour from hour at time zone 'UTC')::integer as hour,
       sum(posts)::bigint as every_post,
       coalesce(sum(posts) filter (
           where (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
       ), 0)::bigint as selected
from count_hour
where generation = %(generation)s and metric = 'post' and hour >= %(start)s and hour < %(end)s
group by 1
order by 1
