-- Ends the connections that a backend ($1) waits for in the end: what these hold, others may wait for that it waits for as well, and they do no harm.
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
