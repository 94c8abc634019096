-- Streams keep their batches for long, so these have a place of their own beside the ring: a partition full of them could not be emptied, and what a sparse one has would be moved
-- again and again. Here rows are deleted, a segment at a time, and vacuumed.
create table granary.batches_streams partition of granary.batches for values in (-1) with (fillfactor = 100);
alter table granary.batches_streams alter column bytes set storage plain;

-- A batch says itself that it is a stream's, by bit 512 of its flags. The functions stay what they are but for the place where it goes.
do $$
declare
    change record;
    before text;
begin
    for change in
        select * from (values
            ('granary.flush'::regproc, 'select target, p.owner', 'select case when p.flags & 512 <> 0 then -1 else target end, p.owner'),
            ('granary.flush_one'::regproc, 'values ((select current from granary.ring)',
                'values (case when batch_flags & 512 <> 0 then -1 else (select current from granary.ring) end')) as c (name, old, new)
    loop
        before := pg_get_functiondef(change.name);
        if position(change.old in before) = 0 then
            raise exception 'The function % is not the one of format 3.', change.name;
        end if;

        execute replace(before, change.old, change.new);
    end loop;
end
$$;

-- Deletes batches of streams that are settled, or whose stream is gone: of each as many as "step". Returns whether there may be more.
create function granary.tidy_streams(step int) returns boolean
    language plpgsql as
$$
declare
    deleted bigint;
begin
    perform set_config('synchronous_commit', 'off', true);
    if not pg_try_advisory_xact_lock(hashtext('granary.streams')) then
        return false;
    end if;

    with recursive streams (queue) as
    (
        (select b.queue from granary.batches_streams b order by b.queue limit 1)
        union all
        select (select b.queue from granary.batches_streams b where b.queue > s.queue order by b.queue limit 1) from streams s where s.queue is not null
    ),
    deleting as
    (
        select gone.ctid
        from streams s
        left join granary.queues q on q.id = s.queue
        cross join lateral
        (
            select b.ctid
            from granary.batches_streams b
            where b.queue = s.queue and b.first < coalesce(q.low, 9223372036854775807) and b.first + b.count <= coalesce(q.low, 9223372036854775807)
            order by b.first, b.piece
            limit step
        ) as gone
        where s.queue is not null
    )
    delete from granary.batches_streams b using deleting d where b.ctid = d.ctid;
    get diagnostics deleted = row_count;
    return deleted >= step;
end
$$;
