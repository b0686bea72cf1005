-- Gaps that touch the day; where the collector's note names no time, the time of the note stands for it.
-- `said`: a control message of the network said it, with its kind; null where the collector noted it itself.
select source, gap_from, gap_to, noted_at, why, case when notes = 0 then note::json ->> 'control' end as said
from collection_gap
where generation = %(generation)s
  and coalesce(gap_from, gap_to, noted_at) < %(end)s
  and (coalesce(gap_from, gap_to, noted_at) >= %(start)s or coalesce(gap_to, noted_at) > %(start)s)
order by coalesce(gap_from, gap_to, noted_at), source, why, noted_at
