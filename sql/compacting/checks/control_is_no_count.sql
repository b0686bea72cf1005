-- Rows of the counts whose metric has a table of its own; none is right.
select 'count_bucket' as table, generation, metric, count(*) as rows from count_bucket where metric in ('control', 'dead', 'gap', 'read') group by 2, 3
union all
select 'count_hour', generation, metric, count(*) from count_hour where metric in ('control', 'dead', 'gap', 'read') group by 2, 3
union all
select 'count_day', generation, metric, count(*) from count_day where metric in ('control', 'dead', 'gap', 'read') group by 2, 3
