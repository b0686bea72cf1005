-- The day's most used hashtags over all sources and languages, each as most people spell it (of equals the first by bytes; where no
-- spelling is kept its identity), with its share of the day's posts.
with top as (
    select term, sum(posts)::bigint as posts
    from count_day
    where generation = %(generation)s and metric = 'hashtag' and day = %(day)s
    group by term
    order by posts desc, term
    limit %(top)s
),
spelled as (
    select distinct on (hashtag) hashtag, substr(term, char_length(hashtag) + 2) as spelling
    from (
        select split_part(term, E'\t', 1) as hashtag, term, sum(posts) as posts
        from count_day
        where generation = %(generation)s and metric = 'spelling' and day = %(day)s
        group by term
    ) s
    where hashtag in (select term from top)
    order by hashtag, posts desc, term
)
select coalesce(s.spelling, t.term) as spelling,
       t.posts,
       t.posts::float8 / (select sum(posts) from count_day where generation = %(generation)s and metric = 'post' and day = %(day)s) as share
from top t
left join spelled s on s.hashtag = t.term
order by t.posts desc, t.term
