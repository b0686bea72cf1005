-- The day with the most posts, plausible event times first: what the first report is about.
select day
from count_day
where generation = %(generation)s and metric = 'post'
group by day
order by day = date '1970-01-01', sum(posts) desc, day desc
limit 1
