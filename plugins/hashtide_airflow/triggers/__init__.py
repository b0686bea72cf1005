"""Waiting, in the triggerer, without a worker slot."""
