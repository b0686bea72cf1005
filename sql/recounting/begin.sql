select begin_recount(%(topic_ends)s, %(of_less)s, %(instead_of)s)
