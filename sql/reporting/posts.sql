-- Posts of the day by source and language.
select source, lang, posts, reposts
from count_day
where generation = %(generation)s and metric = 'post' and day = %(day)s
order by source, lang
