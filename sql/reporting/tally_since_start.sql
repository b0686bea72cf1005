-- What became of every record of the generation, and how many posts have an event time that can't be.
select b.records, b.posts, b.control, b.dead, b.gaps, b.unread,
       (select coalesce(sum(posts), 0)::bigint from count_day
        where generation = %(generation)s and metric = 'post' and day = date '1970-01-01') as implausible
from books b
where b.generation = %(generation)s
