-- Records that came on the day and were not understood, by reason: they have no event time.
select reason, count(*) as records
from dead_letter
where generation = %(generation)s and arrival >= %(start)s and arrival < %(end)s
group by reason
order by records desc, reason
