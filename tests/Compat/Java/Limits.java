import com.rabbitmq.client.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;

/** basic.qos with its limit for the whole channel, set at any time: before a consumer comes, while it holds messages, and taken away again. */
public final class Limits {
    private static final int DEADLINE = 20_000;

    public static void main(String[] args) throws Exception {
        var factory = new ConnectionFactory();
        factory.setUri(System.getenv("AMQP_URL"));
        try (var connection = factory.newConnection()) {
            for (var kind : Kind.values()) {
                limitCountsWhatIsHeldAlready(connection, kind);
                limitHoldsForAConsumerThatIsThere(connection, kind);
                limitIsTakenAway(connection, kind);
            }
        }
    }

    /** Messages that a consumer held before there was a limit count towards it. */
    private static void limitCountsWhatIsHeldAlready(Connection connection, Kind kind) throws Exception {
        var channel = connection.createChannel();
        var queue = kind.declare(channel);
        var deliveries = new Deliveries();
        channel.basicQos(1);
        channel.basicConsume(queue, false, deliveries);
        kind.publish(channel, queue, 0, 1);
        var held = deliveries.take("the first message, held");
        channel.basicQos(2, true);
        channel.basicConsume(queue, false, deliveries);

        kind.publish(channel, queue, 1, 3);
        var second = deliveries.take("one more, which makes two");
        deliveries.expectNone(channel, "with two held of two");

        ack(channel, held);
        var third = deliveries.take("a third after an acknowledgement");
        deliveries.expectNone(channel, "with two held again");
        ack(channel, second);
        ack(channel, third);
        ack(channel, deliveries.take("the fourth"));
        expect(deliveries.cancelled, false, kind + ": a consumer was cancelled");
        kind.delete(channel, queue);
    }

    /** A limit that comes after the consumer holds for it, and is changed while it is reached. */
    private static void limitHoldsForAConsumerThatIsThere(Connection connection, Kind kind) throws Exception {
        var channel = connection.createChannel();
        var queue = kind.declare(channel);
        var deliveries = new Deliveries();
        var tag = channel.basicConsume(queue, false, deliveries);
        channel.basicQos(2, true);

        kind.publish(channel, queue, 0, 6);
        var held = deliveries.take("one", "two");
        deliveries.expectNone(channel, "with two held of two");

        channel.basicQos(3, true);
        held.add(deliveries.take("a third under the higher limit"));
        deliveries.expectNone(channel, "with three held of three");
        channel.basicQos(1, true);
        ack(channel, held.get(0));
        ack(channel, held.get(1));
        deliveries.expectNone(channel, "with one held of one");
        ack(channel, held.get(2));
        var fourth = deliveries.take("the fourth alone");
        deliveries.expectNone(channel, "with one held again");
        expect(deliveries.cancelled, false, kind + ": the consumer was cancelled");
        expect(fourth.tag, tag, "whose delivery");
        ack(channel, fourth);
        ack(channel, deliveries.take("the fifth"));
        ack(channel, deliveries.take("the sixth"));
        kind.delete(channel, queue);
    }

    /** Without a limit all that waited comes at once. */
    private static void limitIsTakenAway(Connection connection, Kind kind) throws Exception {
        var channel = connection.createChannel();
        var queue = kind.declare(channel);
        var deliveries = new Deliveries();
        channel.basicQos(1, true);
        channel.basicConsume(queue, false, deliveries);
        kind.publish(channel, queue, 0, 4);
        var held = new ArrayList<>(List.of(deliveries.take("one")));
        deliveries.expectNone(channel, "with one held of one");

        channel.basicQos(0, true);
        held.addAll(deliveries.take("the second", "the third", "the fourth"));
        expect(held.stream().map(message -> message.body).toList(), List.of("0", "1", "2", "3"), "bodies");
        kind.publish(channel, queue, 4, 1);
        held.add(deliveries.take("what is published later"));
        for (var message : held) {
            ack(channel, message);
        }
        expect(deliveries.cancelled, false, kind + ": the consumer was cancelled");
        kind.delete(channel, queue);
    }

    private static void ack(Channel channel, Message message) throws Exception {
        channel.basicAck(message.number, false);
    }

    private static void expect(Object actual, Object expected, String what) {
        if (!expected.equals(actual)) {
            throw new AssertionError(what + ": expected " + expected + ", got " + actual);
        }
    }

    private record Message(String tag, long number, String body) { }

    /** What the consumers of a channel were given. */
    private static final class Deliveries implements Consumer {
        private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();
        private volatile boolean cancelled;

        Message take(String what) throws InterruptedException {
            var message = messages.poll(DEADLINE, TimeUnit.MILLISECONDS);
            if (message == null) {
                throw new AssertionError("nothing came: " + what);
            }
            return message;
        }

        List<Message> take(String... what) throws InterruptedException {
            var taken = new ArrayList<Message>();
            for (var each : what) {
                taken.add(take(each));
            }
            return taken;
        }

        /** A message to another queue, published now, takes the way of deliveries, and so comes behind what was on it. */
        void expectNone(Channel channel, String when) throws Exception {
            var other = channel.getConnection().createChannel();
            var queue = other.queueDeclare().getQueue();
            var marks = new Deliveries();
            other.basicConsume(queue, true, marks);
            for (var i = 0; i < 20; i++) {
                other.basicPublish("", queue, MessageProperties.BASIC, new byte[0]);
                marks.take("a mark");
            }
            other.close();
            if (!messages.isEmpty()) {
                throw new AssertionError("a delivery " + when + ": " + messages);
            }
        }

        @Override
        public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body) {
            messages.add(new Message(tag, envelope.getDeliveryTag(), new String(body, StandardCharsets.UTF_8)));
        }

        @Override
        public void handleCancel(String tag) {
            cancelled = true;
        }

        @Override
        public void handleConsumeOk(String tag) { }

        @Override
        public void handleCancelOk(String tag) { }

        @Override
        public void handleShutdownSignal(String tag, ShutdownSignalException signal) { }

        @Override
        public void handleRecoverOk(String tag) { }
    }

    private enum Kind {
        DURABLE(true, false), TRANSIENT(false, false), AUTO_DELETE(false, true), DURABLE_AUTO_DELETE(true, true);

        private final boolean durable;
        private final boolean autoDelete;

        Kind(boolean durable, boolean autoDelete) {
            this.durable = durable;
            this.autoDelete = autoDelete;
        }

        String declare(Channel channel) throws Exception {
            return channel.queueDeclare("java.limits." + UUID.randomUUID(), durable, false, autoDelete, null).getQueue();
        }

        void publish(Channel channel, String queue, int first, int count) throws Exception {
            var publishing = channel.getConnection().createChannel();
            publishing.confirmSelect();
            for (var i = first; i < first + count; i++) {
                var properties = durable ? MessageProperties.PERSISTENT_BASIC : MessageProperties.BASIC;
                publishing.basicPublish("", queue, properties, Integer.toString(i).getBytes(StandardCharsets.UTF_8));
            }
            publishing.waitForConfirmsOrDie(DEADLINE);
            publishing.close();
        }

        void delete(Channel channel, String queue) throws Exception {
            expect(channel.queueDelete(queue).getMessageCount(), 0, this + ": messages left");
            channel.close();
        }
    }
}
