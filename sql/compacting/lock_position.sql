-- The same, and from here to the end of the transaction this compactor is the only one of the generation.
select last_batch_id, buckets_since from generation where generation = %(generation)s for no key update
