-- Ends the connection of a backend ($1) if it is still in the transaction that began at $2.
select pg_terminate_backend(pid)
from pg_stat_activity
where pid = $1 and coalesce(xact_start, 'epoch') = $2;
