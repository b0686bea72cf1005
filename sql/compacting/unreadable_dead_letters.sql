-- Dead letters whose term is not TOPIC[PARTITION]@OFFSET REASON.
select batch_id, term from incoming
where metric = 'dead' and term !~ '^[^[]+\[\d{1,9}\]@\d{1,18} .'
order by batch_id, term
limit 1
