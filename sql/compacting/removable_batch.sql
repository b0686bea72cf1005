-- The newest batch whose files may go: older than the retention, and not the last one, which shows that the log is still the same.
select max(batch_id) from batch_ledger
where generation = %(generation)s and processed_at < %(processed_before)s
  and batch_id < (select last_batch_id from generation where generation = %(generation)s)
