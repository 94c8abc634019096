<?php

// nack with requeue brings messages back in their old order and marked; without, they are gone.

declare(strict_types=1);

require __DIR__ . '/broker.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Message\AMQPMessage;

with_channel(function (AMQPChannel $channel): void {
    $queue = name('nack');
    $channel->queue_declare($queue, auto_delete: false);
    foreach (['a', 'b', 'c'] as $body) {
        $channel->basic_publish(new AMQPMessage($body), '', $queue);
    }

    $got = [];
    $channel->basic_consume($queue, callback: function (AMQPMessage $message) use (&$got): void {
        $got[] = $message;
    });
    $have = function (int $count) use ($channel, &$got): void {
        wait_until($channel, function () use (&$got, $count): bool {
            return count($got) === $count;
        }, "$count deliveries");
    };
    $have(3);
    $got[2]->nack(true, true);
    $have(6);
    $again = array_map(fn (AMQPMessage $message): array => [$message->getBody(), $message->isRedelivered()], array_slice($got, 3));
    expect($again, [['a', true], ['b', true], ['c', true]], 'redeliveries');
    $got[3]->nack(false);
    $got[4]->reject(true);
    $got[5]->ack();
    $have(7);
    expect($got[6]->getBody(), 'b', 'the message that comes again');
    $got[6]->ack();
    [, $ready] = $channel->queue_declare($queue, passive: true);
    expect($ready, 0, 'left in the queue');
    $channel->queue_delete($queue);
});
