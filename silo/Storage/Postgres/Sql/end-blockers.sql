-- Ends the connections that hold what a backend ($1) waits for.
select count(*)
from unnest(pg_blocking_pids($1)) as blocker (pid)
where pg_terminate_backend(pid);
