-- What the current generation has counted of each partition.
select topic, partition, min(from_offset), max(until_offset)
from offset_range where generation = (select generation from generation where is_current)
group by topic, partition
having max(until_offset) > min(from_offset)
order by topic, partition
