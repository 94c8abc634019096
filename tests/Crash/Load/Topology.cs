using RabbitMQ.Client;

namespace Granary.Crash.Load;

/// <summary>Declares what the plan says, once, and sees later that it is there.</summary>
internal static class Topology
{
    public static async Task DeclareAsync(IChannel channel, Plan plan)
    {
        await channel.ExchangeDeclareAsync(Plan.Fanout, ExchangeType.Fanout, durable: true);
        await channel.ExchangeDeclareAsync(Plan.Topic, ExchangeType.Topic, durable: true);
        await channel.ExchangeDeclareAsync(Plan.Relay, ExchangeType.Direct, durable: true);
        await channel.ExchangeBindAsync(Plan.Fanout, Plan.Relay, "all");
        for (var queue = 0; queue < plan.Queues; queue++)
        {
            var name = Plan.NameOf(queue);
            Dictionary<string, object?> arguments = queue == plan.Refusing ? new() { ["x-max-length"] = 40, ["x-overflow"] = "reject-publish" } : [];
            if (Plan.HasPriorities(queue))
            {
                arguments["x-max-priority"] = Plan.HighestPriority;
            }

            await channel.QueueDeclareAsync(name, durable: true, exclusive: false, autoDelete: false, arguments);
            if (queue == plan.Refusing)
            {
                continue;
            }

            foreach (var key in Plan.TopicKeysOf(queue))
            {
                await channel.QueueBindAsync(name, Plan.Topic, key);
            }

            if (plan.FannedOut.Contains(queue))
            {
                await channel.QueueBindAsync(name, Plan.Fanout, "");
            }
        }
    }

    /// <summary>How many messages each queue has ready. A definition that is gone is an exception that names it.</summary>
    public static async Task<uint[]> CountAsync(IChannel channel, Plan plan)
    {
        foreach (var exchange in new[] { Plan.Fanout, Plan.Topic, Plan.Relay })
        {
            await channel.ExchangeDeclarePassiveAsync(exchange);
        }

        var counts = new uint[plan.Queues];
        for (var queue = 0; queue < plan.Queues; queue++)
        {
            counts[queue] = (await channel.QueueDeclarePassiveAsync(Plan.NameOf(queue))).MessageCount;
        }

        return counts;
    }
}
