# frozen_string_literal: true

# Prefetch holds back what is not acked; headers come as they were sent; what was not acked comes again.
require_relative "broker"

with_channel do |channel, connection|
  queue = channel.queue(name("acks"))
  headers = { "text" => "grün".b, "count" => 7, "flag" => true, "list" => [1, "two"], "table" => { "inner" => 1.5 } }
  4.times { |i| queue.publish(i.to_s, headers: headers, content_type: "text/plain", correlation_id: "c#{i}") }

  consuming = connection.create_channel
  consuming.prefetch(2)
  deliveries = ::Queue.new
  consumer = consuming.queue(queue.name, passive: true).subscribe(manual_ack: true) do |info, properties, body|
    deliveries << [info, properties, body]
  end
  first, second = 2.times.map { |i| take(deliveries, "delivery #{i}") }
  expect([first[2], second[2]], %w[0 1], "first bodies")
  expect(first[1].headers, headers, "headers")
  expect(first[1].correlation_id, "c0", "correlation id")
  expect(deliveries.size, 0, "deliveries beyond the prefetch")
  consuming.ack(second[0].delivery_tag, true)
  expect(take(deliveries, "third delivery")[2], "2", "third body")
  expect(take(deliveries, "fourth delivery")[2], "3", "fourth body")
  consumer.cancel
  consuming.close

  info, _, body = queue.pop
  expect([body, info.redelivered?], ["2", true], "what was not acked")
  queue.delete
end
