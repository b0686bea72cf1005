-- Control messages that say a gap without its row in collection_gap, and such rows without their message; none is right. Of messages
-- from before migration 0007 of which only the day was known no gap is known: their arrival is 1970.
with said as (
    select distinct generation, arrival, source, kind, about from control_message
    where says_a_gap(kind) and arrival > timestamptz '1970-01-01 00:00:00+00'
),
listed as (
    select distinct generation, arrival, source, note::json ->> 'control' as kind, note::json ->> 'about' as about
    from collection_gap
    where notes = 0
)
(select 'is not listed' as what, * from (table said except table listed) missing)
union all
(select 'was not said', * from (table listed except table said) surplus)
