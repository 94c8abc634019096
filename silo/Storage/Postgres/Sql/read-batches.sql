-- Pieces of the batches of a queue ($1) from an offset ($2) to below another ($3), about so many bytes of them ($4): whole batches, in order.
-- The server sends each piece as it finds it; a function would gather them all first. One statement, for between two a batch might be replaced by one that
-- begins below it. A statement takes its snapshot after its locks: an earlier one would not see what was moved out of a partition that was truncated since.
with range as materialized
(
    select start.first, granary.last_of($1, start.first, $2, $3, $4) as last
    from
    (
        select coalesce((select c.first from granary.batches c where c.queue = $1 and c.first <= $2 order by c.first desc limit 1), $2) as first
    ) as start
)
select b.first, b.count, b.size, b.flags, b.due, case when b.shared = 0 then b.bytes else s.bytes end
from granary.batches b
left join lateral
(
    select c.bytes from granary.batches c where b.shared <> 0 and c.ring = b.ring and c.queue = b.shared order by c.piece
) as s on true
where b.queue = $1 and b.first >= (select first from range) and b.first <= (select last from range) and b.first + b.count > $2
order by b.first, b.piece;
