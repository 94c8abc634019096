-- This session's process, and how many more connections there may be: under which limit, in words, and how many. Who is a superuser is kept from the places for emergencies, too.
with taken as
(
    select datname, usename
    from pg_stat_activity
    where pid <> pg_backend_pid() and datid is not null and coalesce(backend_type, 'client backend') = 'client backend'
),
limits as
(
    select 'max_connections' as name, current_setting('max_connections')::int as most,
        current_setting('superuser_reserved_connections')::int + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int as reserved,
        (select count(*)::int from taken) as used
    union all
    select 'the limit of user ' || rolname, rolconnlimit, 0, (select count(*)::int from taken where usename = rolname)
    from pg_roles
    where rolname = session_user and rolconnlimit >= 0 and not rolsuper
    union all
    select 'the limit of database ' || datname, datconnlimit, 0, (select count(*)::int from taken where taken.datname = d.datname)
    from pg_database d
    where datname = current_database() and datconnlimit >= 0 and not (select rolsuper from pg_roles where rolname = session_user)
)
select pg_backend_pid(), format('%s is %s, %s are in use', name, most, used) || case when reserved > 0 then format(', %s are reserved', reserved) else '' end, most - reserved - used
from limits
order by most - reserved - used
limit 1;
