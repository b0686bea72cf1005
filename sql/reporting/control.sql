-- Control messages of the day by kind.
select term as kind, sum(posts)::bigint as messages
from count_day
where generation = %(generation)s and metric = 'control' and day = %(day)s
group by term
order by messages desc, kind
