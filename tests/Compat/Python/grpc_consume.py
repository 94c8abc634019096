"""Consuming with credit, acknowledgements, requeues, rejects and a cancel; what was not settled comes again, in its place."""
import grpc

from granary import Consumer, Stream, declare, delete, expect, get, messaging, pb, publish, refused

queue = declare()
publish(queue, *(b"%d" % i for i in range(6)))

# Four are given out, and not one more until something is settled.
consumer = Consumer(queue, credit=4)
expect(consumer.bodies(4), [b"0", b"1", b"2", b"3"], "up to the credit")
expect([d.body for d in get(queue, 1)], [b"4"], "what the credit held back")
consumer.ack(1)
expect((consumer.delivery().body, consumer.tag != ""), (b"5", True), "after an acknowledgement")
consumer.settle(2, pb.OUTCOME_REQUEUE)
again = consumer.delivery()
expect((again.body, again.redelivered, again.delivery_tag), (b"1", True, 6), "requeued")
consumer.settle(3, pb.OUTCOME_REJECT)

# After a cancel nothing comes, and settlements still count.
consumer.send(pb.ConsumeRequest(cancel=True))
expect(consumer.next().cancelled.reason, pb.CANCEL_REASON_CLIENT, "the answer to a cancel")
publish(queue, b"late")
consumer.settle(4, pb.OUTCOME_ACK)
expect(consumer.rest(), [], "responses after the cancel")
found = get(queue)
expect([(d.body, d.redelivered) for d in found], [(b"1", True), (b"5", True), (b"late", False)], "unsettled at the end")

# A stream that is broken off gives back, too; multiple settles all up to a tag. Only what the settlement makes room for tells that it arrived.
publish(queue, b"a", b"b", b"c", b"d")
consumer = Consumer(queue, credit=3)
expect(consumer.bodies(3), [b"a", b"b", b"c"], "up to the credit again")
consumer.settle(2, pb.OUTCOME_ACK, multiple=True)
expect(consumer.delivery().body, b"d", "a delivery after the settlement")
consumer.responses.cancel()
other = Consumer(queue)
expect([(d.body, d.redelivered) for d in (other.delivery(), other.delivery())], [(b"c", True), (b"d", True)], "after the break, without a limit")
other.settle(0, pb.OUTCOME_ACK, multiple=True)
expect(other.rest(), [], "responses at the end")

# Without acknowledgements messages are settled as they are sent.
consumer = Consumer(queue, no_ack=True)
publish(queue, b"gone")
expect(consumer.delivery().body, b"gone", "without acknowledgement")
expect((consumer.rest(), get(queue)), ([], []), "what is left of it")

consumer = Consumer(queue)
consumer.ack(1)
refused(grpc.StatusCode.FAILED_PRECONDITION, 406, consumer.next)
consumer = Stream(messaging.Consume)
consumer.send(pb.ConsumeRequest(subscribe=pb.Subscribe(queue=queue + ".none")))
refused(grpc.StatusCode.NOT_FOUND, 404, consumer.next)
exclusive = Consumer(queue, exclusive=True)
consumer = Stream(messaging.Consume)
consumer.send(pb.ConsumeRequest(subscribe=pb.Subscribe(queue=queue)))
refused(grpc.StatusCode.PERMISSION_DENIED, 403, consumer.next)

delete(queue)
expect(exclusive.next().cancelled.reason, pb.CANCEL_REASON_QUEUE_DELETED, "a deleted queue")
expect(exclusive.rest(), [], "after the queue was deleted")
