-- What Orleans' ADO.NET providers for clustering, grain storage and reminders use. They read their statements from OrleansQuery by key and pass parameters
-- by name; they read columns by name. These names, and what a statement answers, are their protocol; the rest is ours.
-- The tables are where the providers look for them: in the first schema of the search path.

create table if not exists OrleansQuery
(
    QueryKey  varchar(64) primary key,
    QueryText varchar(8000) not null
);

-- Clustering: one version per cluster, which every change of a member raises, and a row per silo.

create table if not exists OrleansMembershipVersionTable
(
    DeploymentId varchar(150) primary key,
    Timestamp    timestamptz(3) not null default now(),
    Version      integer not null default 0
);

create table if not exists OrleansMembershipTable
(
    DeploymentId varchar(150) not null references OrleansMembershipVersionTable (DeploymentId),
    Address      varchar(45) not null,
    Port         integer not null,
    Generation   integer not null,
    SiloName     varchar(150) not null,
    HostName     varchar(150) not null,
    Status       integer not null,
    ProxyPort    integer,
    SuspectTimes varchar(8000),
    StartTime    timestamptz(3) not null,
    IAmAliveTime timestamptz(3) not null,
    primary key (DeploymentId, Address, Port, Generation)
);

-- Both answer 1 when the member was written under the expected version, which is raised with it, and 0 when nothing was changed.
-- The version's row is locked first, so that of two changes under one version the second finds another.

create or replace function insert_membership(
    cluster text, silo_address text, silo_port int, silo_generation int, silo_name text, host_name text, silo_status int, proxy_port int,
    started timestamptz, alive timestamptz, expected_version int)
    returns int
    language plpgsql as
$$
begin
    perform from OrleansMembershipVersionTable v where v.DeploymentId = cluster and v.Version = expected_version for update;
    if not found then
        return 0;
    end if;

    insert into OrleansMembershipTable
        (DeploymentId, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, StartTime, IAmAliveTime)
    values
        (cluster, silo_address, silo_port, silo_generation, silo_name, host_name, silo_status, proxy_port, started, alive)
    on conflict do nothing;
    if not found then
        return 0;
    end if;

    update OrleansMembershipVersionTable v set Version = v.Version + 1, Timestamp = now() where v.DeploymentId = cluster;
    return 1;
end
$$;

create or replace function update_membership(
    cluster text, silo_address text, silo_port int, silo_generation int, silo_status int, suspects text, alive timestamptz, expected_version int)
    returns int
    language plpgsql as
$$
begin
    perform from OrleansMembershipVersionTable v where v.DeploymentId = cluster and v.Version = expected_version for update;
    if not found then
        return 0;
    end if;

    update OrleansMembershipTable m
    set Status = silo_status, SuspectTimes = suspects, IAmAliveTime = alive
    where m.DeploymentId = cluster and m.Address = silo_address and m.Port = silo_port and m.Generation = silo_generation;
    if not found then
        return 0;
    end if;

    update OrleansMembershipVersionTable v set Version = v.Version + 1, Timestamp = now() where v.DeploymentId = cluster;
    return 1;
end
$$;

-- Grain storage. A state's version is its ETag; one that was never written has none, and the provider takes an unchanged version for a conflict.
-- The hashes are of the grain's id and of its type: enough for an index, not to tell grains apart.

create table if not exists OrleansStorage
(
    GrainIdHash            integer not null,
    GrainIdN0              bigint not null,
    GrainIdN1              bigint not null,
    GrainTypeHash          integer not null,
    GrainTypeString        varchar(512) not null,
    GrainIdExtensionString varchar(512),
    ServiceId              varchar(150) not null,
    PayloadBinary          bytea,
    ModifiedOn             timestamptz not null,
    Version                integer
);

create index if not exists ix_orleansstorage on OrleansStorage (GrainIdHash, GrainTypeHash);

create or replace function writetostorage(
    id_hash int, id_n0 bigint, id_n1 bigint, type_hash int, type_name text, id_extension text, service text, expected_version int, payload bytea)
    returns table (NewGrainStateVersion int)
    language plpgsql as
$$
begin
    if expected_version is null then
        -- No unique index covers a grain: of two first writes the second waits here, and then finds the first.
        perform pg_advisory_xact_lock(id_hash, type_hash);
        insert into OrleansStorage as s
            (GrainIdHash, GrainIdN0, GrainIdN1, GrainTypeHash, GrainTypeString, GrainIdExtensionString, ServiceId, PayloadBinary, ModifiedOn, Version)
        select id_hash, id_n0, id_n1, type_hash, type_name, id_extension, service, payload, now(), 1
        where not exists
        (
            select from OrleansStorage t
            where t.GrainIdHash = id_hash and t.GrainTypeHash = type_hash and t.GrainIdN0 = id_n0 and t.GrainIdN1 = id_n1
                and t.GrainTypeString = type_name and t.GrainIdExtensionString is not distinct from id_extension and t.ServiceId = service
        );
        return query select case when found then 1 end;
    else
        update OrleansStorage s
        set PayloadBinary = payload, ModifiedOn = now(), Version = s.Version + 1
        where s.GrainIdHash = id_hash and s.GrainTypeHash = type_hash and s.GrainIdN0 = id_n0 and s.GrainIdN1 = id_n1
            and s.GrainTypeString = type_name and s.GrainIdExtensionString is not distinct from id_extension and s.ServiceId = service
            and s.Version = expected_version;
        return query select case when found then expected_version + 1 else expected_version end;
    end if;
end
$$;

-- Reminders.

create table if not exists OrleansRemindersTable
(
    ServiceId    varchar(150) not null,
    GrainId      varchar(150) not null,
    ReminderName varchar(150) not null,
    StartTime    timestamptz(3) not null,
    Period       bigint not null,
    GrainHash    integer not null,
    Version      integer not null,
    primary key (ServiceId, GrainId, ReminderName)
);

insert into OrleansQuery (QueryKey, QueryText)
values
    ('InsertMembershipVersionKey', $query$
        with created as
        (
            insert into OrleansMembershipVersionTable (DeploymentId) values (@DeploymentId) on conflict do nothing returning 1
        )
        select count(*)::int from created;
    $query$),
    ('InsertMembershipKey', $query$
        select insert_membership(
            @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime, @Version);
    $query$),
    ('UpdateMembershipKey', $query$
        select update_membership(@DeploymentId, @Address, @Port, @Generation, @Status, @SuspectTimes, @IAmAliveTime, @Version);
    $query$),
    ('UpdateIAmAlivetimeKey', $query$
        update OrleansMembershipTable
        set IAmAliveTime = @IAmAliveTime
        where DeploymentId = @DeploymentId and Address = @Address and Port = @Port and Generation = @Generation;
    $query$),
    ('MembershipReadRowKey', $query$
        select v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
        from OrleansMembershipVersionTable v
        left join OrleansMembershipTable m
            on m.DeploymentId = v.DeploymentId and m.Address = @Address and m.Port = @Port and m.Generation = @Generation
        where v.DeploymentId = @DeploymentId;
    $query$),
    ('MembershipReadAllKey', $query$
        select v.DeploymentId, m.Address, m.Port, m.Generation, m.SiloName, m.HostName, m.Status, m.ProxyPort, m.SuspectTimes, m.StartTime, m.IAmAliveTime, v.Version
        from OrleansMembershipVersionTable v
        left join OrleansMembershipTable m on m.DeploymentId = v.DeploymentId
        where v.DeploymentId = @DeploymentId;
    $query$),
    ('GatewaysQueryKey', $query$
        select Address, ProxyPort, Generation
        from OrleansMembershipTable
        where DeploymentId = @DeploymentId and Status = @Status and ProxyPort > 0;
    $query$),
    ('DeleteMembershipTableEntriesKey', $query$
        delete from OrleansMembershipTable where DeploymentId = @DeploymentId;
        delete from OrleansMembershipVersionTable where DeploymentId = @DeploymentId;
    $query$),
    ('CleanupDefunctSiloEntriesKey', $query$
        delete from OrleansMembershipTable
        where DeploymentId = @DeploymentId and IAmAliveTime < @IAmAliveTime and Status <> 3;
    $query$),
    ('WriteToStorageKey', $query$
        select NewGrainStateVersion
        from writetostorage(
            @GrainIdHash, @GrainIdN0, @GrainIdN1, @GrainTypeHash, @GrainTypeString, @GrainIdExtensionString, @ServiceId, @GrainStateVersion, @PayloadBinary);
    $query$),
    ('ReadFromStorageKey', $query$
        select PayloadBinary, ModifiedOn, Version
        from OrleansStorage
        where GrainIdHash = @GrainIdHash and GrainTypeHash = @GrainTypeHash and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1
            and GrainTypeString = @GrainTypeString and GrainIdExtensionString is not distinct from @GrainIdExtensionString and ServiceId = @ServiceId;
    $query$),
    ('ClearStorageKey', $query$
        update OrleansStorage
        set PayloadBinary = null, ModifiedOn = now(), Version = Version + 1
        where GrainIdHash = @GrainIdHash and GrainTypeHash = @GrainTypeHash and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1
            and GrainTypeString = @GrainTypeString and GrainIdExtensionString is not distinct from @GrainIdExtensionString and ServiceId = @ServiceId
            and Version = @GrainStateVersion
        returning Version as NewGrainStateVersion;
    $query$),
    ('DeleteStorageKey', $query$
        delete from OrleansStorage
        where GrainIdHash = @GrainIdHash and GrainTypeHash = @GrainTypeHash and GrainIdN0 = @GrainIdN0 and GrainIdN1 = @GrainIdN1
            and GrainTypeString = @GrainTypeString and GrainIdExtensionString is not distinct from @GrainIdExtensionString and ServiceId = @ServiceId
            and Version = @GrainStateVersion
        returning Version + 1 as NewGrainStateVersion;
    $query$),
    ('UpsertReminderRowKey', $query$
        insert into OrleansRemindersTable as r (ServiceId, GrainId, ReminderName, StartTime, Period, GrainHash, Version)
        values (@ServiceId, @GrainId, @ReminderName, @StartTime, @Period, @GrainHash, 0)
        on conflict (ServiceId, GrainId, ReminderName) do update
        set StartTime = excluded.StartTime, Period = excluded.Period, GrainHash = excluded.GrainHash, Version = r.Version + 1
        returning Version;
    $query$),
    ('ReadReminderRowsKey', $query$
        select GrainId, ReminderName, StartTime, Period, Version
        from OrleansRemindersTable
        where ServiceId = @ServiceId and GrainId = @GrainId;
    $query$),
    ('ReadReminderRowKey', $query$
        select GrainId, ReminderName, StartTime, Period, Version
        from OrleansRemindersTable
        where ServiceId = @ServiceId and GrainId = @GrainId and ReminderName = @ReminderName;
    $query$),
    ('ReadRangeRows1Key', $query$
        select GrainId, ReminderName, StartTime, Period, Version
        from OrleansRemindersTable
        where ServiceId = @ServiceId and GrainHash > @BeginHash and GrainHash <= @EndHash;
    $query$),
    ('ReadRangeRows2Key', $query$
        select GrainId, ReminderName, StartTime, Period, Version
        from OrleansRemindersTable
        where ServiceId = @ServiceId and (GrainHash > @BeginHash or GrainHash <= @EndHash);
    $query$),
    ('DeleteReminderRowKey', $query$
        with deleted as
        (
            delete from OrleansRemindersTable
            where ServiceId = @ServiceId and GrainId = @GrainId and ReminderName = @ReminderName and Version = @Version
            returning 1
        )
        select count(*)::int from deleted;
    $query$),
    ('DeleteReminderRowsKey', $query$
        delete from OrleansRemindersTable where ServiceId = @ServiceId;
    $query$)
on conflict (QueryKey) do update set QueryText = excluded.QueryText;
