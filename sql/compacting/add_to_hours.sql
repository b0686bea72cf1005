insert into count_hour (generation, hour, metric, source, lang, term, posts, reposts)
select %(generation)s, date_trunc('hour', bucket, 'UTC') as hour, metric, source, lang, term, sum(more_posts), sum(more_reposts)
from change
group by hour, metric, source, lang, term
order by metric, hour, source, lang, term
on conflict (generation, metric, hour, source, lang, term)
do update set posts = count_hour.posts + excluded.posts, reposts = count_hour.reposts + excluded.reposts
