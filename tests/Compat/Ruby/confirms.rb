# frozen_string_literal: true

# Every publish is confirmed, and all of them are in the queue afterwards.
require_relative "broker"

with_channel do |channel|
  channel.confirm_select
  queue = channel.queue(name("confirms"), durable: true)
  500.times { |i| channel.default_exchange.publish("message #{i}", routing_key: queue.name, persistent: i.even?) }
  expect(channel.wait_for_confirms, true, "all confirmed")
  expect(channel.unconfirmed_set.size, 0, "unconfirmed")
  expect(queue.message_count, 500, "in the queue")
  queue.purge
  expect(queue.message_count, 0, "after the purge")
  queue.delete
end
