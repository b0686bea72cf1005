update generation set last_batch_id = %(last)s where generation = %(generation)s
