-- Where the compaction of a generation stands, without waiting for anyone.
select last_batch_id, buckets_since from generation where generation = %(generation)s
