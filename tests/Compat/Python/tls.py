"""AMQP in TLS: messages of several sizes there and back, or, if that is what is expected, no connection."""
import os
import ssl
import sys

import pika

context = ssl.create_default_context(cafile=os.environ["CA"])
if os.environ["CERTIFICATE"]:
    context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])

parameters = pika.ConnectionParameters(
    host="localhost",
    port=int(os.environ["AMQPS_PORT"]),
    ssl_options=pika.SSLOptions(context, "localhost"),
    connection_attempts=1,
)
try:
    connection = pika.BlockingConnection(parameters)
except (pika.exceptions.AMQPError, ssl.SSLError, OSError) as error:
    sys.exit(0 if os.environ["EXPECTED"] == "refused" else "not let in: %r" % error)
if os.environ["EXPECTED"] != "in":
    sys.exit("let in")

channel = connection.channel()
channel.confirm_delivery()
queue = channel.queue_declare("", exclusive=True).method.queue
sizes = [0, 1, 1000, 16_384, 16_385, 100_000, 3_000_000] * 3
for size in sizes:
    channel.basic_publish("", queue, bytes([size % 251]) * size, mandatory=True)
for size in sizes:
    method, _, body = channel.basic_get(queue, auto_ack=True)
    if method is None or body != bytes([size % 251]) * size:
        sys.exit("the message of %d octets came back as %s" % (size, None if method is None else len(body)))
connection.close()
