-- How many records a recount has compacted of those that it must. It may have counted beyond its end: those are not shown.
select coalesce(sum(least(counted, until_offset)), 0)::bigint, coalesce(sum(until_offset), 0)::bigint,
       coalesce(bool_and(counted >= until_offset), false)
from recount_progress where generation = %(generation)s
