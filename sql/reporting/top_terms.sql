-- The leading terms of a metric. Ties by term: the text is compared by bytes (collate "C"), as Python compares code points.
select term, sum(posts)::bigint as posts, sum(reposts)::bigint as reposts
from count_day
where generation = %(generation)s and metric = %(metric)s and day = %(day)s
  and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
group by term
order by posts desc, term
limit %(top)s
