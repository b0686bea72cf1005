-- Control messages that were received on the day, by source and kind.
select source, kind, sum(messages)::bigint as messages
from control_message
where generation = %(generation)s and bucket >= %(start)s and bucket < %(end)s
group by source, kind
order by messages desc, source, kind
