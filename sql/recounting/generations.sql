-- The generation that reports read, and the newest one with whether a recount began it.
select c.generation, n.generation, n.recount_until is not null
from generation c, generation n
where c.is_current and n.generation = (select max(generation) from generation)
