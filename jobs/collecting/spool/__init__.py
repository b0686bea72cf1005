"""The spool: every line on local disk before anything else happens to it."""
