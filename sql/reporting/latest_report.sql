-- The newest revision of this very report: the same day and settings.
select revision, html, csv
from report
where day = %(day)s and source = %(source)s and lang = %(lang)s and top_n = %(top)s
order by revision desc
limit 1
