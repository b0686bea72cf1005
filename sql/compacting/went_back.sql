-- Counts only grow. One that shrinks means that Spark's state was lost or that batches are not of one checkpoint.
select batch_id, metric, source, lang, term, bucket, arrival, posts - more_posts as posts_before, posts, reposts - more_reposts as reposts_before, reposts
from change
where more_posts < 1 or more_reposts not between 0 and more_posts
order by batch_id, metric, bucket, source, lang, term, arrival
limit 1
