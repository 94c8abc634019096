using System.Text;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Deliveries = System.Threading.Channels.Channel<Granary.RabbitMqClient7.Tests.Delivery>;

namespace Granary.RabbitMqClient7.Tests;

/// <summary>A delivery, copied out of the client's buffer.</summary>
internal sealed record Delivery(string Body, ulong Tag, bool Redelivered, string Exchange, string RoutingKey, string? ReplyTo, IDictionary<string, object?>? Headers)
{
    public static Delivery From(BasicDeliverEventArgs e) => new(
        Encoding.UTF8.GetString(e.Body.Span), e.DeliveryTag, e.Redelivered, e.Exchange, e.RoutingKey, e.BasicProperties.ReplyTo, e.BasicProperties.Headers);
}

/// <summary>A consumer whose deliveries are awaited one by one.</summary>
internal sealed class Inbox
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly Deliveries _deliveries = System.Threading.Channels.Channel.CreateUnbounded<Delivery>();
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Inbox(IChannel channel) => Channel = channel;

    public IChannel Channel { get; }

    public string Tag { get; private set; } = "";

    /// <summary>How many deliveries came that nobody took yet.</summary>
    public int Waiting => _deliveries.Reader.Count;

    /// <summary>Waits until the consumer is cancelled, by the broker or by a cancel-ok.</summary>
    public Task WaitForCancelAsync() => _cancelled.Task.WaitAsync(Limit);

    public static async Task<Inbox> ConsumeAsync(
        IChannel channel, string queue, bool autoAck = false, bool exclusive = false, IDictionary<string, object?>? arguments = null)
    {
        var inbox = new Inbox(channel);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += async (_, e) => await inbox._deliveries.Writer.WriteAsync(Delivery.From(e));
        consumer.UnregisteredAsync += (_, _) =>
        {
            inbox._cancelled.TrySetResult();
            return Task.CompletedTask;
        };
        inbox.Tag = await channel.BasicConsumeAsync(queue, autoAck, "", noLocal: false, exclusive, arguments, consumer);
        return inbox;
    }

    public async Task<Delivery> TakeAsync()
    {
        using var limit = new CancellationTokenSource(Limit);
        return await _deliveries.Reader.ReadAsync(limit.Token);
    }

    public async Task<List<Delivery>> TakeAsync(int count)
    {
        var taken = new List<Delivery>(count);
        while (taken.Count < count)
        {
            taken.Add(await TakeAsync());
        }

        return taken;
    }

    public async Task<string[]> BodiesAsync(int count) => [.. (await TakeAsync(count)).Select(delivery => delivery.Body)];
}
