select chunk, bits
from granary.settled
where queue = $1;
