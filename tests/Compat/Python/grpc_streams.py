"""A stream over gRPC: read by two consumers from where they want, with credit."""
import grpc

from granary import Consumer, declare, delete, expect, get, pb, publish, refused


def table(**entries):
    return pb.FieldTable(entries=[
        pb.FieldEntry(name="x-" + key.replace("_", "-"), value=pb.FieldValue(int64=value) if isinstance(value, int) else pb.FieldValue(long_string=value.encode()))
        for key, value in entries.items()])


def offset(delivery):
    return next(entry.value.int64 for entry in delivery.properties.headers.entries if entry.name == "x-stream-offset")


queue = declare(durable=True, arguments=table(queue_type="stream"))
publish(queue, *(b"%d" % i for i in range(6)))

first = Consumer(queue, credit=4, arguments=table(stream_offset="first"))
last = Consumer(queue, credit=10, arguments=table(stream_offset=4))
found = [first.delivery() for _ in range(4)]
expect([(offset(d), d.body, d.redelivered) for d in found], [(i, b"%d" % i, False) for i in range(4)], "from the first")
expect(last.bodies(2), [b"4", b"5"], "from an offset")
first.ack(1, 2)
expect(first.bodies(2), [b"4", b"5"], "after acknowledgements")
publish(queue, b"6")
expect(last.bodies(1), [b"6"], "what came since")

refused(grpc.StatusCode.FAILED_PRECONDITION, 406, lambda: Consumer(queue))
refused(grpc.StatusCode.UNIMPLEMENTED, 540, lambda: Consumer(queue, credit=1, no_ack=True))
refused(grpc.StatusCode.UNIMPLEMENTED, 540, lambda: get(queue))
expect(delete(queue), 7, "messages of the stream")
