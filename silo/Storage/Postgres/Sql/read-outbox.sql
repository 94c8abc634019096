-- The next messages of the outbox, as many as fit into "bytes" of bodies, and the first in any case.
select id, vhost, exchange, routing_key, properties::text, body, mandatory
from
(
    select o.*, sum(octet_length(o.body)) over (order by o.due, o.id) - octet_length(o.body) as ahead
    from (select * from granary.outbox where due <= now() order by due, id limit $1) o
) p
where ahead < $2
order by due, id;
