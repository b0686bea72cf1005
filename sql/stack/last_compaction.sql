-- When the generation was compacted last.
select max(compacted_at)
from batch_ledger
where generation = %(generation)s
