-- A silo that its cluster has declared dead may only be stopped, or cut off: when it comes back it writes what it had begun, such as the end of a queue, or of a binding, that others have
-- taken over by then. So its writer is deleted before anybody reads a definition; a flush without a writer is refused (SQLSTATE P0002).
alter table granary.writers add column silo text; -- ADDRESS:PORT@GENERATION; null: of no cluster, or of a version before this format

create index writers_by_silo on granary.writers (silo);

-- What has written its last flush already, or waits for its writer, is there, or refused, when this returns.
create function granary.fence_lost() returns void
    language plpgsql as
$$
begin
    -- 6: dead, which nobody takes back. Asked first, for a delete needs a database that is written to.
    if exists (select from granary.writers w join OrleansMembershipTable m on w.silo = m.Address || ':' || m.Port || '@' || m.Generation where m.Status = 6) then
        delete from granary.writers w
        using OrleansMembershipTable m
        where m.Status = 6 and w.silo = m.Address || ':' || m.Port || '@' || m.Generation;
    end if;
end
$$;

-- A member that is taken from the list cannot be found there by fence_lost any more.
update OrleansQuery
set QueryText = $query$
        with fenced as
        (
            delete from granary.writers w
            using OrleansMembershipTable m
            where m.DeploymentId = @DeploymentId and m.IAmAliveTime < @IAmAliveTime and m.Status <> 3
                and w.silo = m.Address || ':' || m.Port || '@' || m.Generation
        )
        delete from OrleansMembershipTable
        where DeploymentId = @DeploymentId and IAmAliveTime < @IAmAliveTime and Status <> 3;
    $query$
where QueryKey = 'CleanupDefunctSiloEntriesKey';

-- Without a writer this answered as if its queue were fenced.
do $$
declare
    before text := pg_get_functiondef('granary.flush_one'::regproc);
    old    text := 'return (select w.fenced = ''{}'' from granary.writers w where w.id = writer_id);';
begin
    if position(old in before) = 0 then
        raise exception 'The function granary.flush_one is not the one of format 9.';
    end if;

    execute replace(before, old, 'select w.fenced = ''{}'' as is_written into strict q from granary.writers w where w.id = writer_id;
        return q.is_written;');
end
$$;
