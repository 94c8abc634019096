-- Queue key, incarnation, the least epoch, the id that the queue gets if it is new, and the writer of a silo of a cluster, or null. A silo without a writer was declared dead: nothing is done,
-- and no row comes back. That is a filter which is looked at once, before the function is called; the lock keeps the writer until all is done, so that nobody is told meanwhile that it is gone.
select id, epoch, offset_bound, delivered_bound, low
from granary.take_over($1, $2, $3, $4)
where $5::uuid is null or exists (select from granary.writers where writers.id = $5 for key share);
