-- What there is of each batch of a queue ($1), without the bytes.
select first, count, size, bodies, flags, due
from granary.batches
where queue = $1 and piece = 0
order by first;
