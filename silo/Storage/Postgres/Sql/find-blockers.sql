-- The transactions that keep a backend ($1) waiting: backend and beginning. Of a chain of backends that wait for one another it is only the one at the end, which waits for
-- nobody: the others are only held up as well.
with recursive waited_for (pid) as
(
    select unnest(pg_blocking_pids($1))
    union
    select blocker.pid
    from waited_for w
    cross join unnest(pg_blocking_pids(w.pid)) as blocker (pid)
)
select a.pid, coalesce(a.xact_start, 'epoch')
from waited_for w
join pg_stat_activity a on a.pid = w.pid
where cardinality(pg_blocking_pids(w.pid)) = 0;
