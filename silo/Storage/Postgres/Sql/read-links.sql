-- A link that has written nothing for a day has nothing left to send again.
select link, number
from granary.links
where queue = $1 and written_at > now() - interval '1 day';
