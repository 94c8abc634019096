<?php

// A mandatory message without a queue comes back whole, and is confirmed.

declare(strict_types=1);

require __DIR__ . '/broker.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Message\AMQPMessage;

with_channel(function (AMQPChannel $channel): void {
    $returned = [];
    $channel->set_return_listener(function (int $code, string $text, string $exchange, string $key, AMQPMessage $message) use (&$returned): void {
        $returned = [$code, $text, $exchange, $key, $message->get('message_id'), md5($message->getBody())];
    });
    $channel->confirm_select();
    $exchange = name('nobody');
    $channel->exchange_declare($exchange, 'direct', auto_delete: false);
    $body = str_repeat('x', 300000);
    $channel->basic_publish(new AMQPMessage($body, ['message_id' => 'm1']), $exchange, 'nowhere', mandatory: true);
    $channel->wait_for_pending_acks_returns(DEADLINE);
    expect($returned, [312, 'NO_ROUTE', $exchange, 'nowhere', 'm1', md5($body)], 'the return');
    $channel->exchange_delete($exchange);
});
