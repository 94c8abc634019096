select link, number
from granary.links
where queue = $1;
