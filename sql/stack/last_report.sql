-- The report that was made last, of any day.
select day, revision, made_at
from report
order by made_at desc
limit 1
