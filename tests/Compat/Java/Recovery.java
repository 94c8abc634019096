import com.rabbitmq.client.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

/**
 * The Java client's automatic recovery: the broker is killed and started again when this program says "RESTART", and connection, channels, exchanges, queues, bindings and
 * consumers come back without a word of the program.
 */
public final class Recovery {
    private static final int DEADLINE = 60_000;

    public static void main(String[] args) throws Exception {
        var factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        factory.setNetworkRecoveryInterval(200);
        var recovered = new CountDownLatch(1);
        var seen = new LinkedBlockingQueue<Delivery>();
        var passing = new LinkedBlockingQueue<Delivery>();
        try (var connection = factory.newConnection()) {
            ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
                @Override
                public void handleRecovery(Recoverable recoverable) {
                    recovered.countDown();
                }

                @Override
                public void handleRecoveryStarted(Recoverable recoverable) {
                }
            });

            var channel = connection.createChannel();
            var exchange = name("kept");
            var queue = name("kept");
            channel.exchangeDeclare(exchange, "topic", true);
            channel.queueDeclare(queue, true, false, false, null);
            channel.queueBind(queue, exchange, "order.#");
            channel.basicQos(3);
            channel.basicConsume(queue, false, (tag, delivery) -> seen.add(delivery), tag -> { });

            // All of this ends with the broker, and only the client can bring it back.
            var news = name("news");
            channel.exchangeDeclare(news, "fanout", false, true, null);
            var own = channel.queueDeclare().getQueue();
            channel.queueBind(own, news, "");
            channel.basicConsume(own, true, (tag, delivery) -> passing.add(delivery), tag -> { });

            var publishing = connection.createChannel();
            publishing.confirmSelect();
            for (var i = 0; i < 10; i++) {
                publishing.basicPublish(exchange, "order.new", MessageProperties.PERSISTENT_BASIC, bytes("" + i));
            }
            publishing.basicPublish(news, "", MessageProperties.BASIC, bytes("before"));
            publishing.waitForConfirmsOrDie(DEADLINE);
            expect(text(take(passing, "the first news")), "before", "the first news");
            for (var i = 0; i < 3; i++) {
                expect(text(take(seen, "delivery")), "" + i, "a delivery before the restart");
            }

            System.out.println("RESTART");
            expect(recovered.await(DEADLINE, TimeUnit.MILLISECONDS), true, "the connection recovers");

            // The three that were not acknowledged come first, and marked.
            for (var i = 0; i < 10; i++) {
                var delivery = take(seen, "delivery " + i + " after the restart");
                expect(List.of(text(delivery), delivery.getEnvelope().isRedeliver()), List.of("" + i, i < 3), "a delivery after the restart");
                channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
            }
            publishing.basicPublish(exchange, "order.late", MessageProperties.PERSISTENT_BASIC, bytes("late"));
            publishing.basicPublish(news, "", MessageProperties.BASIC, bytes("after"));
            publishing.waitForConfirmsOrDie(DEADLINE);
            var late = take(seen, "what was published after the restart");
            expect(text(late), "late", "what was published after the restart");
            channel.basicAck(late.getEnvelope().getDeliveryTag(), false);
            expect(text(take(passing, "the second news")), "after", "the second news");
            channel.queueDelete(queue);
            channel.exchangeDelete(exchange);
        }
    }

    private static Delivery take(BlockingQueue<Delivery> queue, String what) throws InterruptedException {
        var delivery = queue.poll(DEADLINE, TimeUnit.MILLISECONDS);
        if (delivery == null) {
            throw new AssertionError("nothing came: " + what);
        }
        return delivery;
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

    private static String text(Delivery delivery) {
        return new String(delivery.getBody(), StandardCharsets.UTF_8);
    }
}
