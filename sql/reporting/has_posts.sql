-- Whether another day has any post of those asked for: only then can ranks be compared with it.
select exists (
    select from count_day
    where generation = %(generation)s and metric = 'post' and day = %(day)s
      and (%(source)s::text is null or source = %(source)s) and (%(lang)s::text is null or lang = %(lang)s)
) as has_posts
