<?php

// What the php-amqplib cases share: a channel whose connection is closed at the end, names of one's own, and waiting with a deadline.

declare(strict_types=1);

require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;

const DEADLINE = 20;

function name(string $purpose): string
{
    return sprintf('php.%s.%s', $purpose, bin2hex(random_bytes(6)));
}

function expect(mixed $actual, mixed $expected, string $what): void
{
    if ($actual !== $expected) {
        throw new RuntimeException(sprintf('%s: expected %s, got %s', $what, var_export($expected, true), var_export($actual, true)));
    }
}

/** Reads from the socket until something has come true. */
function wait_until(AMQPChannel $channel, callable $condition, string $what): void
{
    $end = microtime(true) + DEADLINE;
    while (!$condition()) {
        $left = $end - microtime(true);
        if ($left <= 0) {
            throw new RuntimeException("never came true: $what");
        }

        $channel->wait(null, false, $left);
    }
}

function with_channel(callable $body): void
{
    $url = parse_url(getenv('AMQP_URL'));
    $connection = new AMQPStreamConnection($url['host'], $url['port'], $url['user'], $url['pass'], urldecode(substr($url['path'], 1)));
    try {
        $body($connection->channel(), $connection);
    } finally {
        $connection->close();
    }
}
