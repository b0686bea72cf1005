-- A batch's manifest as it was when it was compacted.
select manifest from batch_ledger where generation = %(generation)s and batch_id = %(batch_id)s
