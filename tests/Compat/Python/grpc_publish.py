"""Publishing one by one and as a stream with confirms; what cannot be accepted has its status and AMQP's reply code."""
import grpc

from granary import Stream, WHO, call, declare, delete, expect, get, messaging, pb, publish, refused, topology

COUNT = 20000
PER_REQUEST = 250

queue = declare(durable=True)
publish(queue, b"one", b"")
expect([d.body for d in get(queue)], [b"one", b""], "published singly")

stream = Stream(messaging.PublishStream)
for start in range(0, COUNT, PER_REQUEST):
    stream.send(pb.PublishStreamRequest(messages=[
        pb.Message(routing_key=queue, body=b"%d" % number) for number in range(start, start + PER_REQUEST)]))
answers = stream.rest()
expect(answers[-1].answered_through, COUNT, "confirms")
assert all(a.answered_through <= b.answered_through for a, b in zip(answers, answers[1:]))
assert not any(answer.nacked or answer.returned for answer in answers)
found = []
while len(found) < COUNT:
    found += [int(d.body) for d in get(queue, 1000)]
expect(found, list(range(COUNT)), "what the stream published")

# A mandatory message without a queue is returned by its number, and confirmed.
stream = Stream(messaging.PublishStream)
stream.send(pb.PublishStreamRequest(messages=[
    pb.Message(routing_key=queue, mandatory=True), pb.Message(routing_key=queue + ".none", mandatory=True)]))
answers = stream.rest()
expect([(r.number, r.reply_code, r.reply_text) for a in answers for r in a.returned], [(2, 312, "NO_ROUTE")], "returns")
expect(answers[-1].answered_through, 2, "confirms with a return")


def publishing(message, metadata=WHO):
    return lambda: call(messaging.Publish, pb.PublishRequest(message=message), metadata=metadata)


expect(publishing(pb.Message(routing_key=queue + ".none"))().routed, False, "unrouted")
refused(grpc.StatusCode.NOT_FOUND, 312, publishing(pb.Message(routing_key=queue + ".none", mandatory=True)))
refused(grpc.StatusCode.NOT_FOUND, 404, publishing(pb.Message(exchange=queue)))
refused(grpc.StatusCode.INVALID_ARGUMENT, 502, publishing(pb.Message(routing_key="k" * 256)))
refused(grpc.StatusCode.FAILED_PRECONDITION, 406, publishing(pb.Message(properties=pb.BasicProperties(expiration="soon"))))
refused(grpc.StatusCode.FAILED_PRECONDITION, 406, publishing(pb.Message(properties=pb.BasicProperties(user_id="somebody"))))
refused(grpc.StatusCode.UNAUTHENTICATED, 403, publishing(pb.Message(), metadata=()))
refused(grpc.StatusCode.UNAUTHENTICATED, 403, publishing(pb.Message(), metadata=[("authorization", "Basic Z3Vlc3Q6d3Jvbmc=")]))
refused(grpc.StatusCode.NOT_FOUND, 530, publishing(pb.Message(), metadata=WHO + [("granary-vhost", "elsewhere")]))
refused(grpc.StatusCode.PERMISSION_DENIED, 403, lambda: call(topology.DeclareQueue, pb.DeclareQueueRequest(queue="amq.mine")))
refused(grpc.StatusCode.FAILED_PRECONDITION, 406, lambda: call(topology.DeclareQueue, pb.DeclareQueueRequest(queue=queue)))
expect(delete(queue), 1, "messages that went with the queue")
