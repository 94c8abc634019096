-- Queues, their messages, and rows. What the silo calls are the functions at the end.

-- Ids of queues and of shared bytes; handed out in blocks, so that a new queue costs no round trip.
create sequence granary.ids increment by 1024;

-- A queue's row is also its lock: who writes for a queue, or moves its messages, or takes it over, holds it.
create table granary.queues
(
    id              bigint primary key,
    key             text collate "C" not null,
    incarnation     uuid not null,
    epoch           bigint not null,
    offset_bound    bigint not null default 0,
    delivered_bound bigint not null default 0,
    low             bigint not null default 0, -- all messages below it are settled
    unique (key, incarnation)
) with (fillfactor = 40);

-- What is settled above a queue's low watermark: one bit per message, 1,024 in a row; the lowest bit of the first byte is the first message.
create table granary.settled
(
    queue bigint not null,
    chunk bigint not null,
    bits  bytea not null,
    primary key (queue, chunk)
) with (fillfactor = 50);

create table granary.links
(
    queue  bigint not null,
    link   uuid not null,
    number bigint not null,
    primary key (queue, link)
) with (fillfactor = 50);

create table granary.rows
(
    kind    text collate "C" not null,
    key     text collate "C" not null,
    value   bytea not null,
    version bigint not null,
    primary key (kind, key)
);

-- The last flush of each running store and its answer: a flush whose answer was lost is recognized when it is repeated.
create table granary.writers
(
    id         uuid primary key,
    flush      bigint not null default 0,
    part       int not null default 0,
    fenced     bigint[] not null default '{}',
    conflicts  int[] not null default '{}',
    written_at timestamptz not null default now()
) with (fillfactor = 20);

-- Batches of messages. A batch is stored in pieces that fill a page each: a quarter of the rows and none of the second index that TOAST would need.
-- The batches of one queue never overlap. Every piece has what is known of its batch. Bytes that several queues share are stored once, as pieces of
-- an owner of their own with count 0, in the same partition as the batches that name it in "shared" and have no bytes themselves.
create table granary.batches
(
    queue  bigint not null,
    first  bigint not null,
    due    bigint not null,  -- Unix milliseconds
    shared bigint not null,  -- 0: its bytes are its own
    size   int not null,     -- of the whole batch
    bodies int not null,     -- how many of these bytes are bodies
    count  int not null,     -- at most 8,192
    ring   smallint not null,
    piece  smallint not null,
    flags  smallint not null,
    bytes  bytea not null
) partition by list (ring);

-- Partitions are emptied by TRUNCATE, so nothing in them needs a vacuum.
do $$
begin
    for i in 0..7 loop
        execute format('create table granary.batches_%s partition of granary.batches for values in (%s) with (autovacuum_enabled = off, fillfactor = 100)', i, i);
        execute format('alter table granary.batches_%s alter column bytes set storage plain', i);
    end loop;
end
$$;

create index batches_by_offset on granary.batches (queue, first, piece);

-- The partition that is written to.
create table granary.ring
(
    current smallint not null
) with (fillfactor = 20);

insert into granary.ring values (0);


-- Whether a batch has a message that is not settled.
create function granary.is_live(batch_queue bigint, batch_first bigint, batch_count int, low bigint) returns boolean
    language sql stable as
$$
    select batch_first + batch_count > low and exists
    (
        select from generate_series(greatest(batch_first, low) >> 10, (batch_first + batch_count - 1) >> 10) as covered (chunk)
        left join granary.settled s on s.queue = batch_queue and s.chunk = covered.chunk
        cross join lateral generate_series(
            greatest(batch_first, low, covered.chunk << 10), least(batch_first + batch_count, (covered.chunk + 1) << 10) - 1) as message (message_offset)
        where s.bits is null or get_bit(s.bits, message.message_offset & 1023) = 0
    );
$$;

-- Live batches of one partition. A batch begins at most 8,191 offsets below its end, so nothing far below the low watermark is looked at.
create function granary.live_batches(partition smallint) returns table (queue bigint, first bigint, shared bigint, size int)
    language sql stable as
$$
    select b.queue, b.first, b.shared, b.size
    from granary.queues q
    join granary.batches b on b.queue = q.id and b.first > q.low - 8192
    where b.ring = partition and b.piece = 0 and b.first + b.count > q.low
        and
        (
            not exists
            (
                select from granary.settled s
                where s.queue = b.queue and s.chunk between greatest(b.first, q.low) >> 10 and (b.first + b.count - 1) >> 10
            )
            or granary.is_live(b.queue, b.first, b.count, q.low)
        );
$$;


-- Writes one flush, or one part of one that is too large for a single message: all parts come in one transaction.
-- Returns the queues that were left out because their epoch is another, and the ordinals of the row changes that expected another version.
create function granary.flush(
    writer_id uuid, flush_number bigint, part_number int, must_sync boolean,
    created_ids bigint[], created_keys text[], created_incarnations uuid[],
    queue_ids bigint[], epochs bigint[], offset_bounds bigint[], delivered_bounds bigint[], lows bigint[], deletions boolean[],
    settled_queues bigint[], settled_chunks bigint[], settled_bits bytea[],
    link_queues bigint[], link_ids uuid[], link_numbers bigint[],
    replaced_queues bigint[], replaced_firsts bigint[],
    row_kinds text[], row_keys text[], row_values bytea[], row_versions bigint[],
    batch_queues bigint[], batch_owners bigint[], batch_firsts bigint[], batch_pieces smallint[], batch_counts int[], batch_sizes int[], batch_bodies int[],
    batch_flags smallint[], batch_dues bigint[], batch_shared bigint[], batch_bytes bytea[])
    returns table (fenced_queues bigint[], conflicting_rows int[])
    language plpgsql as
$$
declare
    writer   granary.writers;
    left_out bigint[];
    clashing int[];
    target   smallint;
begin
    if not must_sync then
        perform set_config('synchronous_commit', 'off', true);
    end if;

    -- The lock also waits for an earlier attempt at the same flush that is still under way.
    select * into strict writer from granary.writers w where w.id = writer_id for update;
    if (writer.flush, writer.part) >= (flush_number, part_number) then
        return query select writer.fenced, writer.conflicts;
        return;
    end if;

    if cardinality(created_ids) > 0 then
        insert into granary.queues (id, key, incarnation, epoch)
        select c.id, c.key, c.incarnation, f.epoch
        from unnest(created_ids, created_keys, created_incarnations) as c (id, key, incarnation)
        join unnest(queue_ids, epochs) as f (id, epoch) using (id)
        order by c.key, c.incarnation
        on conflict do nothing;
    end if;

    with owned as materialized
    (
        select q.id
        from granary.queues q
        join unnest(queue_ids, epochs) as f (id, epoch) on f.id = q.id
        where q.epoch = f.epoch
        order by q.id
        for no key update of q
    )
    select coalesce(array_agg(f.id), '{}') into left_out
    from unnest(queue_ids, deletions) as f (id, is_deletion)
    where not exists (select from owned o where o.id = f.id)
        and not (f.is_deletion and not exists (select from granary.queues q where q.id = f.id));

    update granary.queues q
    set offset_bound = greatest(q.offset_bound, f.offset_bound), delivered_bound = f.delivered_bound, low = f.low
    from unnest(queue_ids, offset_bounds, delivered_bounds, lows) as f (id, offset_bound, delivered_bound, low)
    where q.id = f.id and f.id <> all (left_out)
        and (q.offset_bound < f.offset_bound or q.delivered_bound <> f.delivered_bound or q.low <> f.low);

    if cardinality(replaced_queues) > 0 then
        delete from granary.batches b
        using unnest(replaced_queues, replaced_firsts) as r (queue, first)
        where b.queue = r.queue and b.first = r.first and r.queue <> all (left_out);
    end if;

    if cardinality(batch_queues) > 0 then
        -- All parts go to one partition, for shared bytes must be where the batches are.
        if part_number = 0 then
            select current into strict target from granary.ring;
            perform set_config('granary.ring', target::text, true);
        else
            target := current_setting('granary.ring')::smallint;
        end if;

        -- Functions in the select list advance together and pass each value on at once: in FROM they would be collected first.
        insert into granary.batches (ring, queue, first, piece, count, size, bodies, flags, due, shared, bytes)
        select target, p.owner, p.first, p.piece, p.count, p.size, p.bodies, p.flags, p.due, p.shared, p.bytes
        from
        (
            select unnest(batch_queues) as queue, unnest(batch_owners) as owner, unnest(batch_firsts) as first, unnest(batch_pieces) as piece,
                unnest(batch_counts) as count, unnest(batch_sizes) as size, unnest(batch_bodies) as bodies, unnest(batch_flags) as flags, unnest(batch_dues) as due,
                unnest(batch_shared) as shared, unnest(batch_bytes) as bytes
        ) p
        where p.queue <> all (left_out);
    end if;

    if cardinality(settled_queues) > 0 then
        delete from granary.settled s
        using unnest(settled_queues, settled_chunks, settled_bits) as f (queue, chunk, bits)
        where s.queue = f.queue and s.chunk = f.chunk and f.bits is null and f.queue <> all (left_out);

        insert into granary.settled (queue, chunk, bits)
        select f.queue, f.chunk, f.bits
        from unnest(settled_queues, settled_chunks, settled_bits) as f (queue, chunk, bits)
        where f.bits is not null and f.queue <> all (left_out)
        on conflict (queue, chunk) do update set bits = excluded.bits;
    end if;

    if cardinality(link_queues) > 0 then
        delete from granary.links l
        using unnest(link_queues, link_ids, link_numbers) as f (queue, link, number)
        where l.queue = f.queue and l.link = f.link and f.number < 0 and f.queue <> all (left_out);

        insert into granary.links (queue, link, number)
        select f.queue, f.link, f.number
        from unnest(link_queues, link_ids, link_numbers) as f (queue, link, number)
        where f.number >= 0 and f.queue <> all (left_out)
        on conflict (queue, link) do update set number = excluded.number;
    end if;

    if true = any (deletions) then
        delete from granary.queues q using unnest(queue_ids, deletions) as f (id, is_deletion) where q.id = f.id and f.is_deletion and f.id <> all (left_out);
        delete from granary.settled s using unnest(queue_ids, deletions) as f (id, is_deletion) where s.queue = f.id and f.is_deletion and f.id <> all (left_out);
        delete from granary.links l using unnest(queue_ids, deletions) as f (id, is_deletion) where l.queue = f.id and f.is_deletion and f.id <> all (left_out);
    end if;

    clashing := case when cardinality(row_kinds) > 0 then granary.change_rows(row_kinds, row_keys, row_values, row_versions) else '{}' end;

    update granary.writers w
    set flush = flush_number, part = part_number, written_at = now(),
        fenced = case when part_number = 0 then left_out else w.fenced || left_out end,
        conflicts = case when part_number = 0 then clashing else w.conflicts || clashing end
    where w.id = writer_id
    returning w.fenced, w.conflicts into left_out, clashing;

    return query select left_out, clashing;
end
$$;

-- A whole flush that is of the common kind: messages of one batch, or none, of one queue that is there already, with the progress of one link or of none.
-- As granary.flush, at a quarter of its cost; what that costs is how long a publisher waits who sends one message at a time. False: the queue is fenced.
create function granary.flush_one(
    writer_id uuid, flush_number bigint, must_sync boolean,
    queue_id bigint, queue_epoch bigint, new_offset_bound bigint, new_delivered_bound bigint, new_low bigint,
    link_id uuid, link_number bigint,
    batch_first bigint, batch_count int, batch_size int, batch_bodies int, batch_flags smallint, batch_due bigint, batch_pieces bytea[])
    returns boolean
    language plpgsql as
$$
declare
    q record;
begin
    if not must_sync then
        perform set_config('synchronous_commit', 'off', true);
    end if;

    update granary.writers w
    set flush = flush_number, part = 0, fenced = '{}', conflicts = '{}', written_at = now()
    where w.id = writer_id and w.flush < flush_number;
    if not found then
        -- It is there: the answer was lost.
        return (select w.fenced = '{}' from granary.writers w where w.id = writer_id);
    end if;

    select offset_bound, delivered_bound, low into q
    from granary.queues
    where id = queue_id and epoch = queue_epoch
    for no key update;
    if not found then
        update granary.writers w set fenced = array[queue_id] where w.id = writer_id;
        return false;
    end if;

    if q.offset_bound < new_offset_bound or q.delivered_bound <> new_delivered_bound or q.low <> new_low then
        update granary.queues
        set offset_bound = greatest(offset_bound, new_offset_bound), delivered_bound = new_delivered_bound, low = new_low
        where id = queue_id;
    end if;

    for piece in 1..cardinality(batch_pieces) loop
        insert into granary.batches (ring, queue, first, piece, count, size, bodies, flags, due, shared, bytes)
        values ((select current from granary.ring), queue_id, batch_first, piece - 1, batch_count, batch_size, batch_bodies, batch_flags, batch_due, 0, batch_pieces[piece]);
    end loop;

    if link_id is not null then
        update granary.links set number = link_number where queue = queue_id and link = link_id;
        if not found then
            insert into granary.links (queue, link, number) values (queue_id, link_id, link_number);
        end if;
    end if;

    return true;
end
$$;

-- Sets (or, where the value is null, removes) rows one after the other, where the version is the expected one or none is expected;
-- returns the ordinals, from 0, of those where it is not.
create function granary.change_rows(row_kinds text[], row_keys text[], row_values bytea[], row_versions bigint[]) returns int[]
    language plpgsql as
$$
declare
    conflicts int[] := '{}';
    change    record;
begin
    -- In one order, so that two silos cannot wait for each other.
    perform from granary.rows r
    join unnest(row_kinds, row_keys) as f (kind, key) on f.kind = r.kind and f.key = r.key
    order by r.kind, r.key
    for update of r;

    for change in
        select f.kind, f.key, f.value, f.expected, f.ordinal
        from unnest(row_kinds, row_keys, row_values, row_versions) with ordinality as f (kind, key, value, expected, ordinal)
        order by f.ordinal
    loop
        -- What was built on a change that is refused is refused, whatever the version is by chance.
        if change.expected is not null
            and exists (select from unnest(conflicts) as c (at) where row_kinds[c.at + 1] = change.kind and row_keys[c.at + 1] = change.key)
        then
            conflicts := conflicts || (change.ordinal - 1)::int;
            continue;
        end if;

        if change.value is null then
            delete from granary.rows r
            where r.kind = change.kind and r.key = change.key and r.version = coalesce(change.expected, r.version);
            continue when found or coalesce(change.expected, 0) = 0 and not exists
                (select from granary.rows r where r.kind = change.kind and r.key = change.key);
        elsif coalesce(change.expected, 0) = 0 then
            insert into granary.rows as r (kind, key, value, version)
            values (change.kind, change.key, change.value, 1)
            on conflict (kind, key) do update set value = excluded.value, version = r.version + 1 where change.expected is null;
            continue when found;
        else
            update granary.rows r
            set value = change.value, version = r.version + 1
            where r.kind = change.kind and r.key = change.key and r.version = change.expected;
            continue when found;
        end if;

        conflicts := conflicts || (change.ordinal - 1)::int;
    end loop;

    return conflicts;
end
$$;

-- Raises the epoch of a queue, which is created if there is none. It waits for who holds the queue.
create function granary.take_over(queue_key text, queue_incarnation uuid, at_least bigint, new_id bigint)
    returns table (id bigint, epoch bigint, offset_bound bigint, delivered_bound bigint, low bigint)
    language sql as
$$
    insert into granary.queues as q (id, key, incarnation, epoch)
    values (new_id, queue_key, queue_incarnation, greatest(at_least, 1))
    on conflict (key, incarnation) do update set epoch = greatest(q.epoch + 1, at_least)
    returning q.id, q.epoch, q.offset_bound, q.delivered_bound, q.low;
$$;

-- Where the last batch begins that is to be read for so many bytes from an offset on; null if there is none. What begins below the offset may reach it.
create function granary.last_of(queue_id bigint, begin_offset bigint, from_offset bigint, end_offset bigint, wanted_bytes int) returns bigint
    language plpgsql stable as
$$
declare
    found_bytes bigint := 0;
    last        bigint;
    head        record;
begin
    for head in
        select b.first, b.size
        from granary.batches b
        where b.queue = queue_id and b.piece = 0 and b.first >= begin_offset and b.first < end_offset and b.first + b.count > from_offset
        order by b.first
    loop
        last := head.first;
        found_bytes := found_bytes + head.size;
        exit when found_bytes >= wanted_bytes;
    end loop;

    return last;
end
$$;


-- One step of keeping the ring small: moves on to the next partition when the current one is large, empties partitions whose messages are all settled,
-- and moves what is left in a sparse one to the current one, "step" batches at a time. Returns whether another step may find more to do.
create function granary.tidy_ring(partition_bytes bigint, step int, is_idle boolean) returns boolean
    language plpgsql as
$$
declare
    now_current  smallint;
    following    smallint;
    partition    smallint;
    sizes        bigint[];
    may_move     boolean;
    live_batches int;
    live_bytes   bigint;
begin
    perform set_config('lock_timeout', '50ms', true);
    perform set_config('synchronous_commit', 'off', true);
    if not pg_try_advisory_xact_lock(hashtext('granary.ring')) then
        return false;
    end if;

    select current into strict now_current from granary.ring;
    select array_agg(pg_relation_size(format('granary.batches_%s', i)::regclass) order by i) into sizes from generate_series(0, 7) i;

    -- Partitions grow with the backlog, so that eight are enough for any.
    following := (now_current + 1) % 8;
    if sizes[following + 1] = 0
        and (sizes[now_current + 1] >= partition_bytes and 2 * sizes[now_current + 1] >= (select sum(s) from unnest(sizes) s)
            or is_idle and sizes[now_current + 1] > 0 and not exists (select from granary.live_batches(now_current)))
    then
        update granary.ring set current = following;
        return true;
    end if;

    for distance in 1..7 loop
        partition := (now_current + distance) % 8;
        continue when sizes[partition + 1] = 0;

        -- Counting goes only as far as it takes to see that there are many. Moving has time until it is quiet or the ring is full:
        -- a backlog that is being drained leaves its partitions by itself.
        may_move := is_idle or sizes[following + 1] > 0;
        select count(*), coalesce(sum(l.size), 0) into live_batches, live_bytes
        from (select size from granary.live_batches(partition) limit case when may_move then 5000 else 1 end) l;
        if live_batches = 0 then
            return granary.empty_partition(partition);
        elsif may_move and live_batches < 5000 and live_bytes < sizes[partition + 1] / 2 then
            return granary.move_batches(partition, now_current, step);
        end if;
    end loop;

    return false;
end
$$;

-- Truncates a partition unless a message in it is live. No flush can add one between the look and the cut, and readers wait only for the cut.
create function granary.empty_partition(partition smallint) returns boolean
    language plpgsql as
$$
begin
    execute format('lock table granary.batches_%s in exclusive mode', partition);
    if exists (select from granary.live_batches(partition)) then
        return true;
    end if;

    execute format('truncate granary.batches_%s', partition);
    return true;
end
$$;

-- The queues' rows are held meanwhile, as by a flush that replaces batches.
create function granary.move_batches(source smallint, target smallint, step int) returns boolean
    language plpgsql as
$$
declare
    queues  bigint[];
    firsts  bigint[];
    sharing bigint[];
begin
    select array_agg(l.queue), array_agg(l.first), array_agg(distinct l.shared) filter (where l.shared <> 0) into queues, firsts, sharing
    from (select * from granary.live_batches(source) limit step) l;

    perform from granary.queues q where q.id = any (queues) order by q.id for no key update;

    -- Batches that stay may need the shared bytes, too.
    insert into granary.batches (ring, queue, first, piece, count, size, bodies, flags, due, shared, bytes)
    select target, b.queue, b.first, b.piece, b.count, b.size, b.bodies, b.flags, b.due, b.shared, b.bytes
    from granary.batches b
    where b.ring = source and b.queue = any (sharing)
        and not exists (select from granary.batches t where t.ring = target and t.queue = b.queue);

    -- A row whose partition key changes goes over to the other partition.
    update granary.batches b
    set ring = target
    from unnest(queues, firsts) as moving (queue, first)
    where b.ring = source and b.queue = moving.queue and b.first = moving.first;

    return true;
end
$$;
