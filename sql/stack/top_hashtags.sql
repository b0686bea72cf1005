-- The day's most used hashtags over all sources and languages, each with its share of the day's posts.
select term,
       sum(posts)::bigint as posts,
       sum(posts)::float8 / (select sum(posts) from count_day where generation = %(generation)s and metric = 'post' and day = %(day)s) as share
from count_day
where generation = %(generation)s and metric = 'hashtag' and day = %(day)s
group by term
order by posts desc, term
limit %(top)s
