select drop_bucket_partitions(%(arrived_before)s)
