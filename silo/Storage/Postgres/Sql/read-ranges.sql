-- Pieces of the batches of a queue ($1) that have offsets of any of the ranges from $2 to below $3, range after range, about so many bytes of them ($4): whole batches,
-- each with which range it is read for. One statement, as in read-batches.sql. The offsets of 0 keep the server to one look into the index for each range: it has no
-- statistics to know by that others would cost more.
with heads as materialized
(
    select r.place, b.first, sum(b.size) over (order by r.place, b.first) - b.size as ahead
    from unnest($2::bigint[], $3::bigint[]) with ordinality as r (from_offset, end_offset, place)
    cross join lateral
    (
        select coalesce((select c.first from granary.batches c where c.queue = $1 and c.first <= r.from_offset order by c.first desc limit 1), r.from_offset) as first offset 0
    ) as start
    cross join lateral
    (
        select c.first, c.size
        from granary.batches c
        where c.queue = $1 and c.piece = 0 and c.first >= start.first and c.first < r.end_offset and c.first + c.count > r.from_offset
        offset 0
    ) as b
)
select b.first, b.count, b.size, b.flags, b.due, b.bytes, h.place
from heads h
cross join lateral
(
    select c.first, c.count, c.size, c.flags, c.due, c.piece, case when c.shared = 0 then c.bytes else s.bytes end as bytes
    from granary.batches c
    left join lateral
    (
        select o.bytes from granary.batches o where c.shared <> 0 and o.ring = c.ring and o.queue = c.shared order by o.piece
    ) as s on true
    where c.queue = $1 and c.first = h.first
    offset 0
) as b
where h.ahead < $4
order by h.place, b.first, b.piece;
