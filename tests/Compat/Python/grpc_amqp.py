"""The same messages over gRPC and AMQP (pika): all properties, headers of every type that pika has, tables as deep as gRPC carries them."""
import datetime
import decimal

import grpc
import pika

import broker
from granary import Consumer, call, declare, delete, expect, get, messaging, pb, refused

DEEPEST = 30
PROPERTIES = dict(
    content_type="text/plain", content_encoding="", delivery_mode=2, priority=9, correlation_id="c", reply_to="r", expiration="60000",
    message_id="m", timestamp=1700000000, type="t", user_id="guest", app_id="gr\u00fcn", cluster_id="k")
AMQP_HEADERS = {
    "text": "gr\u00fcn", "bytes": b"\x00\xff", "flag": True, "int": -7, "long": 2 ** 40, "decimal": decimal.Decimal("3.14"),
    "time": datetime.datetime(2023, 11, 14, 22, 13, 20), "none": None, "list": [1, "two", [None]], "table": {"inner": {"deeper": False}},
}


def text(value):
    return pb.FieldValue(long_string=value.encode())


def table(*entries):
    return pb.FieldTable(entries=[pb.FieldEntry(name=name, value=value) for name, value in entries])


VOID = pb.FieldValue(void=pb.FieldVoid())
HEADERS = [
    ("text", text("gr\u00fcn")), ("bytes", pb.FieldValue(byte_array=b"\x00\xff")), ("flag", pb.FieldValue(boolean=True)),
    ("int", pb.FieldValue(int32=-7)), ("long", pb.FieldValue(int64=2 ** 40)),
    ("decimal", pb.FieldValue(decimal=pb.FieldDecimal(scale=2, value=314))),
    ("time", pb.FieldValue(timestamp=1700000000)), ("none", VOID),
    ("list", pb.FieldValue(array=pb.FieldArray(values=[
        pb.FieldValue(int32=1), text("two"), pb.FieldValue(array=pb.FieldArray(values=[VOID]))]))),
    ("table", pb.FieldValue(table=table(("inner", pb.FieldValue(table=table(("deeper", pb.FieldValue(boolean=False)))))))),
]

# Types that pika reads and never writes.
READ_ONLY = [
    ("int16", pb.FieldValue(int16=-300), -300), ("uint16", pb.FieldValue(uint16=65535), 65535),
    ("uint32", pb.FieldValue(uint32=2 ** 32 - 1), 2 ** 32 - 1), ("int64_upper", pb.FieldValue(int64_upper=-5), -5),
    ("int8", pb.FieldValue(int8=5), 5), ("uint8", pb.FieldValue(uint8=6), 6), ("float32", pb.FieldValue(float32=4.0), 4),
    ("float64", pb.FieldValue(float64=2.0), 2),
]


def by_name(headers):
    return {entry.name: entry.value for entry in headers.entries}


def nested(depth):
    inner = pb.FieldTable()
    for _ in range(depth - 1):
        inner = table(("t", pb.FieldValue(table=inner)))
    return inner


def with_headers(headers):
    return pb.PublishRequest(message=pb.Message(routing_key=queue, properties=pb.BasicProperties(headers=headers)))


queue = declare()
with broker.connect() as connection:
    channel = connection.channel()
    channel.confirm_delivery()

    # From AMQP to a gRPC consumer, and to Get.
    for _ in range(2):
        channel.basic_publish("", queue, b"\x00body", pika.BasicProperties(headers=AMQP_HEADERS, **PROPERTIES))
    consumer = Consumer(queue, credit=1)
    consumed = consumer.delivery()
    consumer.ack(1)
    second = consumer.delivery()
    expect(second.delivery_tag, 2, "the next tag")
    consumer.rest()
    for delivery in (consumed, get(queue)[0]):
        expect(by_name(delivery.properties.headers), {name: value for name, value in HEADERS}, "headers over gRPC")
        delivery.properties.ClearField("headers")
        expect(delivery.properties, pb.BasicProperties(**PROPERTIES), "properties over gRPC")
        expect((delivery.routing_key, delivery.exchange, delivery.body), (queue, "", b"\x00body"), "the message over gRPC")

    # And back.
    headers = table(*HEADERS, *((name, value) for name, value, _ in READ_ONLY))
    message = pb.Message(routing_key=queue, body=b"\x00body", properties=pb.BasicProperties(headers=headers, **PROPERTIES))
    call(messaging.Publish, pb.PublishRequest(message=message))
    call(messaging.Publish, pb.PublishRequest(message=pb.Message(routing_key=queue)))
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    expect((method.redelivered, method.routing_key, body), (False, queue, b"\x00body"), "the message over AMQP")
    expect(properties.headers, {**AMQP_HEADERS, **{name: value for name, _, value in READ_ONLY}}, "headers over AMQP")
    expect({name: getattr(properties, name) for name in PROPERTIES}, PROPERTIES, "properties over AMQP")
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    expect((properties, body), (pika.BasicProperties(), b""), "a message without anything")

    # As deep as both can go; what AMQP nests deeper arrives as void.
    call(messaging.Publish, with_headers(nested(DEEPEST)))
    expect(get(queue)[0].properties.headers, nested(DEEPEST), "nested tables")
    refused(grpc.StatusCode.INVALID_ARGUMENT, 502, lambda: call(messaging.Publish, with_headers(nested(DEEPEST + 1))))
    deep = {}
    for _ in range(60):
        deep = {"t": deep}
    channel.basic_publish("", queue, b"", pika.BasicProperties(headers=deep))
    inner = get(queue)[0].properties.headers
    for _ in range(DEEPEST - 1):
        inner = inner.entries[0].value.table
    expect(inner, table(("t", VOID)), "the deepest table that gRPC carries")
delete(queue)
