copy incoming (batch_id, arrival, bucket, metric, source, lang, term, posts, reposts) from stdin with (format csv, encoding 'utf8')
