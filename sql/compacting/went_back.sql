-- Counts only grow. One that shrinks means that Spark's state was lost or that batches are not of one checkpoint.
select batch_id, metric, source, lang, term, bucket, arrival, posts - more_posts as posts_before, posts, reposts - more_reposts as reposts_before, reposts
from change
where more_posts < 1 or more_reposts not between 0 and more_posts
union all
select i.batch_id, i.metric, i.source, i.lang, i.term, i.bucket, i.arrival, c.messages, i.posts, 0, i.reposts
from incoming i
join control_message c
    on c.generation = %(generation)s and c.arrival between %(first_arrival)s and %(last_arrival)s
   and (c.arrival, c.bucket, c.source, c.kind) = (i.arrival, i.bucket, i.source, split_part(i.term, E'\t', 1))
   and c.about = substr(i.term, char_length(c.kind) + 2)
where i.metric = 'control' and i.posts < c.messages
order by batch_id, metric, bucket, source, lang, term, arrival
limit 1
