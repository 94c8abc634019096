-- One step of keeping the ring small: moves on to the next partition when the current one is large, empties partitions whose messages are all settled,
-- and moves what is left in a sparse one to the current one, "step" batches at a time. Partitions with a backlog that stays are passed over. Returns whether another step may
-- find more to do. Replaces that of 0007, which stopped at a partition with such a backlog.
create or replace function granary.tidy_ring(partition_bytes bigint, step int, is_idle boolean) returns boolean
    language plpgsql as
$$
declare
    now_current smallint;
    following   smallint;
    partition   smallint;
    smallest    smallint;
    sizes       bigint[];
    is_large    boolean;
    may_move    boolean;
    may_leave   boolean;
    live        record;
begin
    perform set_config('lock_timeout', '50ms', true);
    perform set_config('synchronous_commit', 'off', true);
    if not pg_try_advisory_xact_lock(hashtext('granary.ring')) then
        return false;
    end if;

    select current into strict now_current from granary.ring;
    select array_agg(pg_relation_size(format('granary.batches_%s', i)::regclass) order by i) into sizes from generate_series(0, 7) i;

    -- Partitions grow with the backlog, so that eight are enough for any.
    is_large := sizes[now_current + 1] >= partition_bytes and 2 * sizes[now_current + 1] >= (select sum(s) from unnest(sizes) s);

    -- The next one that is empty. Null: there is none.
    select (now_current + d) % 8 into following from generate_series(1, 7) d where sizes[(now_current + d) % 8 + 1] = 0 order by d limit 1;
    if following is not null then
        may_leave := is_large;
        if not may_leave and is_idle and sizes[now_current + 1] > 0 then
            -- The current partition is left behind as sparse at a quarter, where others are emptied at a half: what was just moved together
            -- fills more than a quarter of its pages, so that this comes to an end.
            live := granary.live_share(now_current, 5000);
            may_leave := live.batches = 0 or sizes[now_current + 1] >= partition_bytes and live.batches < 5000 and live.bytes < sizes[now_current + 1] / 4;
        end if;

        if may_leave then
            update granary.ring set current = following;
            return true;
        end if;
    end if;

    for distance in 1..7 loop
        partition := (now_current + distance) % 8;
        continue when sizes[partition + 1] = 0;

        -- Counting goes only as far as it takes to see that there are many. Moving has time until it is quiet or the ring is full:
        -- a backlog that is being drained leaves its partitions by itself.
        may_move := is_idle or following is null;
        live := granary.live_share(partition, case when may_move then 5000 else 1 end);
        if live.batches = 0 then
            return granary.empty_partition(partition);
        elsif may_move and live.batches < 5000 and live.bytes < sizes[partition + 1] / 2 then
            return granary.move_batches(partition, now_current, step);
        end if;
    end loop;

    if is_large and following is null then
        -- Each has a backlog that stays. The smallest is a small part of all, as they grow: for what it costs to move its backlog, the current one can be left.
        select p into strict smallest from generate_series(0, 7) p where p <> now_current order by sizes[p + 1] limit 1;
        return granary.move_batches(smallest, now_current, step);
    end if;

    return false;
end
$$;
