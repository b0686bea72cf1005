-- Hashtags of an hour whose spellings don't fit: one of them in more posts than the hashtag (a post with two spellings counts for each),
-- or all of them together in fewer. None is right. Generations that began before spellings were kept may lack some.
with spelling as (
    select generation, hour, source, lang, split_part(term, E'\t', 1) as term,
           max(posts) as most, sum(posts) as posts, max(reposts) as most_reposts, sum(reposts) as reposts
    from count_hour
    where metric = 'spelling'
    group by 1, 2, 3, 4, 5
),
hashtag as (select generation, hour, source, lang, term, posts, reposts from count_hour where metric = 'hashtag')
select generation, hour, source, lang, term, h.posts as hashtag_posts, s.most as most_used, s.posts as spelling_posts,
       h.reposts as hashtag_reposts, s.reposts as spelling_reposts
from hashtag h
full join spelling s using (generation, hour, source, lang, term)
where coalesce(s.most, 0) > coalesce(h.posts, 0)
   or coalesce(s.most_reposts, 0) > coalesce(h.reposts, 0)
   or (coalesce(s.posts, 0) < coalesce(h.posts, 0) or coalesce(s.reposts, 0) < coalesce(h.reposts, 0))
      and not exists (select from batch_ledger l join schema_migration m on m.name = '0007_control_messages.sql'
                      where l.generation = coalesce(h.generation, s.generation) and l.processed_at < m.applied_at)
