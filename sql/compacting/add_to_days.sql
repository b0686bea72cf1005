insert into count_day (generation, day, metric, source, lang, term, posts, reposts)
select %(generation)s, (bucket at time zone 'UTC')::date as day, metric, source, lang, term, sum(more_posts), sum(more_reposts)
from change
group by day, metric, source, lang, term
order by metric, day, source, lang, term
on conflict (generation, metric, day, source, lang, term)
do update set posts = count_day.posts + excluded.posts, reposts = count_day.reposts + excluded.reposts
