<?php

// Every publish is confirmed, persistent or not, and all of them are in the queue afterwards.

declare(strict_types=1);

require __DIR__ . '/broker.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Message\AMQPMessage;

with_channel(function (AMQPChannel $channel): void {
    $queue = name('confirms');
    $channel->queue_declare($queue, durable: true, auto_delete: false);
    $confirmed = 0;
    $channel->set_ack_handler(function () use (&$confirmed): void {
        $confirmed++;
    });
    $channel->confirm_select();
    for ($i = 0; $i < 500; $i++) {
        $channel->basic_publish(new AMQPMessage("message $i", ['delivery_mode' => 1 + $i % 2]), '', $queue);
    }

    $channel->wait_for_pending_acks(DEADLINE);
    expect($confirmed, 500, 'confirmed');
    [, $ready] = $channel->queue_declare($queue, passive: true);
    expect($ready, 500, 'in the queue');
    expect($channel->queue_purge($queue), 500, 'purged');
    $channel->queue_delete($queue);
});
