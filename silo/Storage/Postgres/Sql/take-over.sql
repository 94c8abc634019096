-- Queue key, incarnation, the least epoch, and the id that the queue gets if it is new.
select id, epoch, offset_bound, delivered_bound, low
from granary.take_over($1, $2, $3, $4);
