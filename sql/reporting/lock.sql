-- One at a time makes a given report: held from before the reading until the connection ends, so that a revision
-- never stands on older books than the one before it. The second number is a hash: a clash only makes someone wait.
select pg_advisory_lock(hashtext('hashtide report'), hashtext(%(report)s))
