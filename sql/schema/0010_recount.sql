-- A recount counts into a new generation beside the current one; reports and pages move to it in one transaction.
-- Both steps are functions with the owner's rights: the compactor cannot change what is current in any other way.

alter table generation
    add column recount_until jsonb,
    add column recount_of_less boolean not null default false;

comment on column generation.recount_until is 'Ends of the topic''s partitions when the generation''s recount began, {"0": 120}; it becomes current when it has counted up to them. Null: not begun by a recount';
comment on column generation.recount_of_less is 'True where the topic no longer had all that the generation before had counted, and a person accepted that';

-- The compaction no longer registers a generation by itself: a mistyped one would count beside the books.
revoke insert on generation from hashtide_compactor;

create function begin_recount(topic_ends jsonb, of_less boolean, instead_of integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    newest generation;
begin
    perform pg_advisory_xact_lock(hashtext('recount'));
    select * into newest from generation order by generation desc limit 1;
    if newest.is_current or newest.generation = instead_of then
        insert into generation (generation, recount_until, recount_of_less)
        values (newest.generation + 1, topic_ends, of_less)
        returning * into newest;
    elsif newest.recount_until is null then  -- begun by hand, before there was a recount
        update generation set recount_until = topic_ends, recount_of_less = of_less where generation = newest.generation;
    end if;
    return newest.generation;
end $$;

comment on function begin_recount is 'Registers the generation of a recount, or returns the one under way; instead_of is given up where it is the one under way';

create view recount_progress as
select g.generation, r.topic, ends.key::integer as partition, ends.value::bigint as until_offset, coalesce(r.counted, 0) as counted
from generation g
cross join lateral jsonb_each_text(g.recount_until) as ends
left join lateral (
    select topic, max(until_offset) as counted from offset_range
    where generation = g.generation and partition = ends.key::integer
    group by topic
) r on true;

comment on view recount_progress is 'One row a partition of a generation that a recount began: how far it is compacted, and how far it has to be to become current';
comment on column recount_progress.generation is 'The generation';
comment on column recount_progress.topic is 'Kafka topic; null while no batch of it is compacted';
comment on column recount_progress.partition is 'Partition of the topic';
comment on column recount_progress.until_offset is 'End of the partition when the recount began';
comment on column recount_progress.counted is 'First offset that is not compacted yet; 0 while none is';

create function switch_generation(wanted integer) returns integer
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    old integer;
    new generation;
    lacking text;
begin
    perform pg_advisory_xact_lock(hashtext('recount'));
    perform 1 from generation order by generation for no key update;  -- compactors of both wait
    select generation into old from generation where is_current;
    if old = wanted then
        return old;
    end if;
    select * into new from generation where generation = wanted;
    if new.recount_until is null or wanted < old then
        raise exception 'generation % was not begun by a recount after generation %', wanted, old using errcode = 'HT001';
    end if;
    select format('partition %s up to offset %s of %s', partition, counted, until_offset) into lacking
    from recount_progress where generation = wanted and counted < until_offset order by partition limit 1;
    if lacking is null and not new.recount_of_less then
        select format('%s[%s] from %s to %s, generation %s from %s to %s', a.topic, a.partition, b.first, b.last, old, a.first, a.last)
        into lacking
        from (select topic, partition, min(from_offset) as first, max(until_offset) as last
              from offset_range where generation = old group by topic, partition) a
        left join (select topic, partition, min(from_offset) as first, max(until_offset) as last
              from offset_range where generation = wanted group by topic, partition) b using (topic, partition)
        where a.last > a.first and (b.first is null or b.first > a.first or b.last < a.last)
        order by a.topic, a.partition limit 1;
    end if;
    if lacking is not null then
        raise exception 'generation % has counted too little to become current: %', wanted, lacking using errcode = 'HT001';
    end if;
    update generation set is_current = false where generation = old;
    update generation set is_current = true where generation = wanted;
    return old;
end $$;

comment on function switch_generation is 'Makes a recount''s generation current, in one step, once it has counted what it has to; returns the one that was';

revoke execute on function begin_recount(jsonb, boolean, integer), switch_generation(integer) from public;
grant execute on function begin_recount(jsonb, boolean, integer), switch_generation(integer) to hashtide_compactor;
