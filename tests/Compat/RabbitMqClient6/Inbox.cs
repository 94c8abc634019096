using System.Collections.Concurrent;
using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace Granary.RabbitMqClient6.Tests;

/// <summary>A delivery, copied out of the client's buffer.</summary>
internal sealed record Delivery(string Body, ulong Tag, bool Redelivered);

/// <summary>A consumer whose deliveries are taken one by one.</summary>
internal sealed class Inbox
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly BlockingCollection<Delivery> _deliveries = [];

    public Inbox(IModel channel, string queue, bool autoAck)
    {
        Channel = channel;
        var consumer = new EventingBasicConsumer(channel);
        consumer.Received += (_, e) => _deliveries.Add(new Delivery(Encoding.UTF8.GetString(e.Body.Span), e.DeliveryTag, e.Redelivered));
        channel.BasicConsume(queue, autoAck, consumer);
    }

    public IModel Channel { get; }

    public Delivery Take() => _deliveries.TryTake(out var delivery, Limit) ? delivery : throw new TimeoutException($"Nothing came for {Limit}.");

    public string[] Bodies(int count) => [.. Enumerable.Range(0, count).Select(_ => Take().Body)];
}
