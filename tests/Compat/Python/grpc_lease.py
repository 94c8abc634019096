"""Leases: a delivery that is kept too long comes again, and its tag is told to be over; one that is extended stays."""
import grpc

from granary import Consumer, declare, delete, expect, get, pb, publish, refused

# The second is longer than this takes, also on a busy machine.
LEASE, LONG_LEASE = 300, 60_000

queue = declare()
publish(queue, b"a", b"b")
consumer = Consumer(queue, credit=2, lease_ms=LONG_LEASE)
expect([consumer.delivery().delivery_tag for _ in range(2)], [1, 2], "tags")

# In one request, so that it is in time: both would be over soon, but for what is said last.
consumer.send(pb.ConsumeRequest(extensions=[pb.Extension(delivery_tags=[1, 2], lease_ms=LEASE), pb.Extension(delivery_tags=[1], lease_ms=LONG_LEASE)]))
expect([(r.first, r.last) for r in consumer.next().expired], [(2, 2)], "what is over")
again = consumer.delivery()
expect((again.body, again.redelivered, again.delivery_tag), (b"b", True, 3), "what comes again")

# What is said of the tag that is over does no harm; in a transaction it keeps all of it from happening.
consumer.ack(2)
consumer.send(pb.ConsumeRequest(transaction=pb.Transaction(id=1, acks=[1, 2], messages=[pb.Message(routing_key=queue, body=b"c")])))
result = consumer.next().transaction
expect((result.id, result.code), (1, grpc.StatusCode.FAILED_PRECONDITION.value[0]), "the transaction")
consumer.ack(1, 3)
expect([r for r in consumer.rest() if r.deliveries], [], "deliveries at the end")
expect(get(queue), [], "messages at the end")

consumer = Consumer(queue)
consumer.send(pb.ConsumeRequest(extensions=[pb.Extension(delivery_tags=[1])]))
refused(grpc.StatusCode.FAILED_PRECONDITION, 406, consumer.next)
delete(queue)
