-- The collector's notes of what it reads; what is there stays.
insert into collected (began_at, kinds)
select began_at, kinds from json_to_recordset(%(notes)s::json) as note (began_at timestamptz, kinds text[])
on conflict do nothing
