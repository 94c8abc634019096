-- The batches of a queue ($1) that reach into the offsets from $2 to below $3. None has more than 8,192 messages.
select first, count
from granary.batches
where queue = $1 and first > $2 - 8192 and first < $3 and first + count > $2 and piece = 0
order by first;
