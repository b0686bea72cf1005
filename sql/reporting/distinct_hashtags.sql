-- How many different hashtags the day has.
select count(distinct term) as hashtags
from count_day
where generation = %(generation)s and metric = 'hashtag' and day = %(day)s
  and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
