<?php

// Prefetch holds back what is not acked; properties and headers come as they were sent; what was not acked comes again.

declare(strict_types=1);

require __DIR__ . '/broker.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AbstractConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

with_channel(function (AMQPChannel $channel, AbstractConnection $connection): void {
    $queue = name('acks');
    $channel->queue_declare($queue, auto_delete: false);
    $headers = ['text' => 'grün', 'count' => 7, 'big' => 1 << 40, 'flag' => true, 'nothing' => null, 'list' => [1, 'two'], 'table' => ['inner' => 'deep']];
    for ($i = 0; $i < 4; $i++) {
        $properties = ['content_type' => 'text/plain', 'correlation_id' => "c$i", 'priority' => 3, 'application_headers' => new AMQPTable($headers)];
        $channel->basic_publish(new AMQPMessage((string)$i, $properties), '', $queue);
    }

    $consuming = $connection->channel();
    $consuming->basic_qos(0, 2, false);
    $got = [];
    $tag = $consuming->basic_consume($queue, callback: function (AMQPMessage $message) use (&$got): void {
        $got[] = $message;
    });
    wait_until($consuming, function () use (&$got): bool {
        return count($got) === 2;
    }, 'the first two');
    expect([$got[0]->getBody(), $got[1]->getBody()], ['0', '1'], 'first bodies');
    expect($got[0]->get('application_headers')->getNativeData(), $headers, 'headers');
    expect([$got[0]->get('content_type'), $got[0]->get('correlation_id'), $got[0]->get('priority')], ['text/plain', 'c0', 3], 'properties');
    $got[1]->ack(true);
    wait_until($consuming, function () use (&$got): bool {
        return count($got) === 4;
    }, 'the other two');
    expect([$got[2]->getBody(), $got[3]->getBody()], ['2', '3'], 'later bodies');
    $consuming->basic_cancel($tag);
    $consuming->close();

    $again = $channel->basic_get($queue, no_ack: true);
    expect([$again->getBody(), $again->isRedelivered()], ['2', true], 'what was not acked');
    expect($channel->queue_delete($queue), 1, 'left in the queue');
});
