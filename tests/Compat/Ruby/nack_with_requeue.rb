# frozen_string_literal: true

# nack with requeue brings messages back in their old order and marked; without, they are gone.
require_relative "broker"

with_channel do |channel|
  queue = channel.queue(name("nack"))
  %w[a b c].each { |body| queue.publish(body) }
  deliveries = ::Queue.new
  queue.subscribe(manual_ack: true) { |info, _, body| deliveries << [info, body] }
  first = 3.times.map { |i| take(deliveries, "delivery #{i}") }
  channel.nack(first.last[0].delivery_tag, true, true)
  again = 3.times.map { |i| take(deliveries, "redelivery #{i}") }
  expect(again.map { |info, body| [body, info.redelivered?] }, [["a", true], ["b", true], ["c", true]], "redeliveries")
  channel.nack(again[0][0].delivery_tag, false, false)
  channel.reject(again[1][0].delivery_tag, true)
  channel.ack(again[2][0].delivery_tag)
  info, body = take(deliveries, "the rejected message")
  expect(body, "b", "the message that comes again")
  channel.ack(info.delivery_tag)
  expect(queue.message_count, 0, "left in the queue")
  queue.delete
end
