-- Pieces of the batches of a queue ($1) from an offset ($2) to below another ($3), about so many bytes of them ($4).
select first, count, size, flags, due, bytes
from granary.read_batches($1, $2, $3, $4);
