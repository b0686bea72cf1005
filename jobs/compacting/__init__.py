"""Compact: the count log's batches become rows of Postgres, each batch exactly once."""
