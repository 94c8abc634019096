"""Runs the Python of docs/grpc.md as it stands there, in order, against this broker."""
import os
import re
import threading

import granary
from granary import Stream, call, expect, pb, rpc

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs", "grpc.md")
with open(PAGE, encoding="utf-8") as page:
    snippets = re.findall(r"^```python\n(.*?)^```", page.read(), re.MULTILINE | re.DOTALL)
assert len(snippets) >= 4, snippets
code = "\n".join(snippets)
assert "127.0.0.1:50051" in code
code = code.replace("127.0.0.1:50051", os.environ["GRANARY_GRPC"])

# What the page takes for granted: a server behind the queue `rpc`.
call(granary.topology.DeclareQueue, pb.DeclareQueueRequest(queue="rpc"))
server = Stream(rpc.Serve)
server.send(pb.ServeRequest(subscribe=pb.Subscribe(queue="rpc")))


def serve():
    for response in server.responses:
        for request in response.requests:
            server.send(pb.ServeRequest(replies=[pb.Reply(delivery_tag=request.delivery_tag, body=b"832040")]))


worker = threading.Thread(target=serve)
worker.start()
output = []
try:
    exec(compile(code, PAGE, "exec"), {"print": lambda *values: output.append(" ".join(map(str, values)))})
finally:
    server.end()
    worker.join(granary.DEADLINE)
    granary.delete("rpc")
    left = granary.delete("orders")
assert any("one" in line for line in output), output
expect(left, 100_000, "what the page left in its queue")
assert any("answered through 100000" in line for line in output), output[-5:]
assert any("832040" in line for line in output), output[-5:]
expect(output[-1], "StatusCode.NOT_FOUND NOT_FOUND - no queue 'nowhere' in vhost '/' 404", "the error that the page shows")
