import com.rabbitmq.client.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

/** RabbitMQ's Java client: confirms, returns, prefetch, acks, requeue and its RPC pair. */
public final class Messaging {
    private static final int DEADLINE = 20_000;

    public static void main(String[] args) throws Exception {
        var factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        try (var connection = factory.newConnection()) {
            confirms(connection);
            returns(connection);
            acks(connection);
            rpc(connection);
        }
    }

    private static void confirms(Connection connection) throws Exception {
        var channel = connection.createChannel();
        var queue = name("confirms");
        channel.queueDeclare(queue, true, false, false, null);
        channel.confirmSelect();
        for (var i = 0; i < 500; i++) {
            channel.basicPublish("", queue, i % 2 == 0 ? MessageProperties.PERSISTENT_BASIC : MessageProperties.BASIC, bytes("message " + i));
        }
        channel.waitForConfirmsOrDie(DEADLINE);
        expect(channel.messageCount(queue), 500L, "in the queue");
        expect(channel.queueDelete(queue).getMessageCount(), 500, "deleted with the queue");
        channel.close();
    }

    private static void returns(Connection connection) throws Exception {
        var channel = connection.createChannel();
        var returned = new LinkedBlockingQueue<Return>();
        channel.addReturnListener(returned::add);
        channel.confirmSelect();
        channel.basicPublish("amq.direct", name("nowhere"), true, MessageProperties.MINIMAL_BASIC, bytes("back"));
        channel.waitForConfirmsOrDie(DEADLINE);
        var message = take(returned, "the return");
        expect(message.getReplyCode(), 312, "reply code");
        expect(text(message.getBody()), "back", "returned body");
        channel.close();
    }

    private static void acks(Connection connection) throws Exception {
        var channel = connection.createChannel();
        var queue = channel.queueDeclare().getQueue();
        var headers = new HashMap<String, Object>(Map.of("count", 7, "big", 1L << 40, "list", List.of(1, 2), "inner", Map.of("flag", true)));
        var properties = new AMQP.BasicProperties.Builder().headers(headers).contentType("text/plain").correlationId("c").priority(3).build();
        for (var i = 0; i < 4; i++) {
            channel.basicPublish("", queue, properties, bytes("" + i));
        }
        var deliveries = new LinkedBlockingQueue<Delivery>();
        channel.basicQos(2);
        channel.basicConsume(queue, false, (tag, delivery) -> deliveries.add(delivery), tag -> { });
        var first = take(deliveries, "the first delivery");
        var second = take(deliveries, "the second delivery");
        expect(List.of(text(first.getBody()), text(second.getBody())), List.of("0", "1"), "first bodies");
        expect(first.getProperties().getHeaders(), headers, "headers");
        expect(first.getProperties().getCorrelationId(), "c", "correlation id");
        expect(deliveries.size(), 0, "deliveries beyond the prefetch");
        channel.basicReject(second.getEnvelope().getDeliveryTag(), true);
        var again = take(deliveries, "the requeued delivery");
        expect(List.of(text(again.getBody()), again.getEnvelope().isRedeliver()), List.of("1", true), "the requeued delivery");
        channel.basicAck(again.getEnvelope().getDeliveryTag(), true);
        expect(text(take(deliveries, "the third body").getBody()), "2", "the third body");
        expect(text(take(deliveries, "the fourth body").getBody()), "3", "the fourth body");
        channel.close();
    }

    private static void rpc(Connection connection) throws Exception {
        var requests = name("rpc");
        var serving = connection.createChannel();
        serving.queueDeclare(requests, false, false, true, null);
        var server = new RpcServer(serving, requests) {
            @Override
            public byte[] handleCall(byte[] request, AMQP.BasicProperties properties) {
                return bytes(text(request).toUpperCase(Locale.ROOT));
            }
        };
        var loop = new Thread(() -> {
            try {
                server.mainloop();
            } catch (Exception exception) {
                throw new IllegalStateException("The server failed.", exception);
            }
        });
        loop.setDaemon(true);
        loop.start();
        var client = new RpcClient(connection.createChannel(), "", requests, DEADLINE);
        for (var word : List.of("one", "two", "three")) {
            expect(client.stringCall(word), word.toUpperCase(Locale.ROOT), "an answer");
        }
        client.close();
        server.terminateMainloop();
    }

    private static <T> T take(BlockingQueue<T> queue, String what) throws InterruptedException {
        var item = queue.poll(DEADLINE, TimeUnit.MILLISECONDS);
        if (item == null) {
            throw new AssertionError("nothing came: " + what);
        }
        return item;
    }

    private static void expect(Object actual, Object expected, String what) {
        if (!expected.equals(actual)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + actual);
        }
    }

    private static String name(String purpose) {
        return "java." + purpose + "." + UUID.randomUUID();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
