-- The same for the records that were read on the day, whenever they were written: arrival is processed_at cut to ten minutes.
select
    (select coalesce(sum(records), 0)::bigint from batch_ledger
     where generation = %(generation)s and processed_at >= %(start)s and processed_at < %(end)s) as records,
    (select coalesce(sum(unread), 0)::bigint from batch_ledger
     where generation = %(generation)s and processed_at >= %(start)s and processed_at < %(end)s) as unread,
    c.posts,
    (select coalesce(sum(messages), 0)::bigint from control_message
     where generation = %(generation)s and arrival >= %(start)s and arrival < %(end)s) as control,
    (select count(*) from dead_letter
     where generation = %(generation)s and arrival >= %(start)s and arrival < %(end)s) as dead,
    (select coalesce(sum(notes), 0)::bigint from collection_gap
     where generation = %(generation)s and arrival >= %(start)s and arrival < %(end)s) as gaps,
    c.implausible
from (
    select coalesce(sum(posts), 0)::bigint as posts,
           coalesce(sum(posts) filter (where bucket = timestamptz '1970-01-01 00:00:00+00'), 0)::bigint as implausible
    from count_bucket
    where generation = %(generation)s and metric = 'post' and arrival >= %(start)s and arrival < %(end)s
) c
