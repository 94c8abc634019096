# frozen_string_literal: true

# What the Bunny cases share: a connection that is closed at the end, names of one's own, and waiting with a deadline.
require "bunny"
require "securerandom"
require "timeout"

DEADLINE = 20

def name(purpose)
  "bunny.#{purpose}.#{SecureRandom.hex(6)}"
end

def expect(actual, expected, what)
  raise "#{what}: expected #{expected.inspect}, got #{actual.inspect}" unless actual == expected
end

def take(queue, what)
  Timeout.timeout(DEADLINE, nil, "nothing came: #{what}") { queue.pop }
end

def with_channel
  connection = Bunny.new(ENV.fetch("AMQP_URL"), recover_from_connection_close: false).start
  yield connection.create_channel, connection
ensure
  connection&.close
end
