"""Report: from the counts and the books of one day to a page and a table.

`load` (one snapshot of Postgres) → `summarise` with `ranking`, `completeness`, `simulated` (pure) → `page` with
`charts`, and `table` (bytes) → `store` (files, and a row in `report`). Nothing here reads a clock.
"""
