-- Rank and posts of some hashtags on another day, among all of that day: 1 + the number of those with more posts.
select term, rank, posts
from (
    select term, sum(posts)::bigint as posts, rank() over (order by sum(posts) desc) as rank
    from count_day
    where generation = %(generation)s and metric = 'hashtag' and day = %(day)s
      and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
    group by term
) ranking
where term = any(%(terms)s)
order by term
