-- Ends the connections that keep a backend ($1) waiting. Of a chain of backends that wait for one another it ends only the one at the end, which waits for nobody: the others
-- are only held up as well.
with recursive waited_for (pid) as
(
    select unnest(pg_blocking_pids($1))
    union
    select blocker.pid
    from waited_for w
    cross join unnest(pg_blocking_pids(w.pid)) as blocker (pid)
)
select count(*)
from waited_for w
where cardinality(pg_blocking_pids(w.pid)) = 0 and pg_terminate_backend(w.pid);
