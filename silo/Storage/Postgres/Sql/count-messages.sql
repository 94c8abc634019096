-- Messages of each queue that are not settled, without those that an earlier activation paged out ($1: the flag of persistent messages).
with stored as
(
    select q.id, b.first, b.first + b.count as ends, greatest(b.first, q.low) as starts
    from granary.queues q
    join granary.batches b on b.queue = q.id
    where b.piece = 0 and b.first + b.count > q.low and b.flags & $1 <> 0
),
gone as
(
    select b.id, count(*) as messages
    from stored b
    join granary.settled s on s.queue = b.id and s.chunk between b.starts >> 10 and (b.ends - 1) >> 10
    cross join lateral generate_series(greatest(b.starts, s.chunk << 10), least(b.ends, (s.chunk + 1) << 10) - 1) as message (message_offset)
    where get_bit(s.bits, message.message_offset & 1023) = 1
    group by b.id
),
live as
(
    select id, sum(ends - starts)::bigint as messages
    from stored
    group by id
)
select q.key, q.incarnation, l.messages - coalesce(g.messages, 0)
from live l
join granary.queues q on q.id = l.id
left join gone g on g.id = l.id;
