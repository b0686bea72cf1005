insert into count_bucket (generation, arrival, bucket, metric, source, lang, term, posts, reposts)
select %(generation)s, arrival, bucket, metric, source, lang, term, posts, reposts
from change
order by metric, bucket, source, lang, term, arrival
on conflict (generation, metric, bucket, source, lang, term, arrival)
do update set posts = excluded.posts, reposts = excluded.reposts
