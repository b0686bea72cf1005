-- Hashtags, spellings and words that more posts of an hour, source and language contain than there are; none is right.
select c.generation, c.hour, c.metric, c.source, c.lang, c.term, c.posts, coalesce(p.posts, 0) as all_posts
from count_hour c
left join count_hour p
    on p.metric = 'post' and p.term = '' and (p.generation, p.hour, p.source, p.lang) = (c.generation, c.hour, c.source, c.lang)
where c.metric in ('hashtag', 'spelling', 'word') and (c.posts > coalesce(p.posts, 0) or c.reposts > coalesce(p.reposts, 0))
