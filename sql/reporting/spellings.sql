-- The most used spelling of some hashtags on the day; of equals the first by bytes (collate "C").
-- A row's term is IDENTITY<TAB>SPELLING.
select distinct on (hashtag) hashtag, substr(term, char_length(hashtag) + 2) as spelling
from (
    select split_part(term, E'\t', 1) as hashtag, term, sum(posts) as posts
    from count_day
    where generation = %(generation)s and metric = 'spelling' and day = %(day)s
      and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
    group by term
) spelled
where hashtag = any(%(terms)s)
order by hashtag, posts desc, term
