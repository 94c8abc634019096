-- Which server this is: a standby that was promoted, or a backup that was restored, may be behind what was confirmed to somebody. What was given then must not be given again.

-- The servers and timelines that the database was on, one generation after the other.
create table granary.servers
(
    generation bigint primary key,
    system     bigint not null,
    timeline   bigint not null,
    first_id   bigint not null, -- what has an id from here on was made on this server
    noticed_at timestamptz not null default now()
);

-- The server's generation when the queue was last taken over; what was created and never taken over has 1.
alter table granary.queues add column generation bigint not null default 1;

-- Where a server does not tell what it is, nothing is noticed.
create function granary.this_server(out system bigint, out timeline bigint)
    language plpgsql as
$$
begin
    if pg_is_in_recovery() then
        raise exception 'the server is a standby' using errcode = 'read_only_sql_transaction';
    end if;

    begin
        select c.system_identifier into system from pg_control_system() c;
    exception when insufficient_privilege or undefined_function or feature_not_supported then
        system := 0;
    end;

    -- The control file would tell the timeline of the last checkpoint, which may be the one before.
    begin
        timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint;
    exception when insufficient_privilege or undefined_function or feature_not_supported then
        timeline := 0;
    end;
end
$$;

-- Called on each new connection. Returns the generation, and whether it is a new one that nobody has noticed before.
create function granary.notice_server() returns table (generation bigint, is_news boolean)
    language plpgsql as
$$
declare
    here record;
    last granary.servers;
begin
    select * into strict here from granary.this_server();
    select s.* into last from granary.servers s order by s.generation desc limit 1;
    if last.system = here.system and last.timeline = here.timeline then
        return query select last.generation, false;
        return;
    end if;

    perform pg_advisory_xact_lock(hashtext('granary.servers'));
    select s.* into last from granary.servers s order by s.generation desc limit 1;
    if last.system = here.system and last.timeline = here.timeline then
        return query select last.generation, false;
        return;
    end if;

    -- Ids may have been handed out that this server has not heard of: it goes on far above them.
    insert into granary.servers (generation, system, timeline, first_id)
    select coalesce(last.generation, 0) + 1, here.system, here.timeline,
        case when last.generation is null then 0 else setval('granary.ids', nextval('granary.ids') + (1::bigint << 32)) end;
    return query select coalesce(last.generation, 0) + 1, last.generation is not null;
end
$$;

select from granary.notice_server();

-- As before. A queue that was last had on an earlier server goes on far above what may have been given and forgotten: by 2^44 offsets, 4,096 times what an activation
-- reserves at once. All that is there may have been delivered.
create or replace function granary.take_over(queue_key text, queue_incarnation uuid, at_least bigint, new_id bigint)
    returns table (id bigint, epoch bigint, offset_bound bigint, delivered_bound bigint, low bigint)
    language sql as
$$
    with here as
    (
        select s.generation, s.first_id from granary.servers s order by s.generation desc limit 1
    )
    insert into granary.queues as q (id, key, incarnation, epoch, generation)
    select new_id, queue_key, queue_incarnation, greatest(at_least, 1), here.generation from here
    on conflict (key, incarnation) do update
    set epoch = greatest(q.epoch + 1, at_least) + case when q.generation < excluded.generation and q.id < (select first_id from here) then 10000 else 0 end,
        offset_bound = q.offset_bound + case when q.generation < excluded.generation and q.id < (select first_id from here) then 1::bigint << 44 else 0 end,
        delivered_bound = case when q.generation < excluded.generation and q.id < (select first_id from here) then q.offset_bound else q.delivered_bound end,
        generation = excluded.generation
    returning q.id, q.epoch, q.offset_bound, q.delivered_bound, q.low;
$$;
