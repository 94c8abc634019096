# frozen_string_literal: true

# A mandatory message without a queue comes back whole.
require_relative "broker"

with_channel do |channel|
  returns = ::Queue.new
  exchange = channel.direct(name("nobody"), auto_delete: false)
  exchange.on_return { |info, properties, body| returns << [info, properties, body] }
  channel.confirm_select
  body = "x" * 300_000
  exchange.publish(body, routing_key: "nowhere", mandatory: true, message_id: "m1")
  info, properties, returned = take(returns, "the return")
  expect([info.reply_code, info.reply_text, info.routing_key], [312, "NO_ROUTE", "nowhere"], "the return")
  expect(properties.message_id, "m1", "message id")
  expect(returned == body, true, "the body is whole")
  expect(channel.wait_for_confirms, true, "confirmed after all")
  exchange.delete
end
