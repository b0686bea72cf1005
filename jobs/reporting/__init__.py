"""Report: from the counts and the books of one day to a page and a table.

The way: `request` (what was asked) → `books` (what Postgres knows, read in one snapshot) → `ranking`, `completeness`,
`charts` (pure) → `page`, `table` (bytes) → `publish` (files, and a row in `report`). Nothing here reads a clock.
"""
