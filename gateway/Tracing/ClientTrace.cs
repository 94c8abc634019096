using System.Text;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Gateway.Tracing;

/// <summary>Tells the firehose of its vhost what one connection publishes and is given. What has been traced is not traced again.</summary>
internal sealed class ClientTrace(VhostTrace trace, string node, string connection, string user)
{
    /// <param name="channel">Of the connection.</param>
    /// <param name="queues">Sessions with those that the messages go to.</param>
    public void Published(int channel, in MessageBatch batch, ReadOnlySpan<QueueSession> queues)
    {
        var names = new FieldValue[queues.Length];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = queues[i].QueueName;
        }

        Published(channel, batch, new FieldArray(names));
    }

    /// <summary>A reply that goes to its requester, not to a queue: its routing key stands for that.</summary>
    public void Replied(int channel, in MessageBatch batch) =>
        Published(channel, batch, new FieldArray(FieldValue.LongString(new MessageRecord(batch.Records.Span).RoutingKey)));

    public void Delivered(int channel, string queue, ReadOnlySpan<byte> records, bool redelivered) =>
        Post(records, Encoding.UTF8.GetBytes(queue), [new("redelivered", redelivered ? 1 : 0), .. Of(channel)]);

    private void Published(int channel, in MessageBatch batch, FieldArray queues) =>
        Post(batch.Records.Span, queue: null, [.. Of(channel), new("routed_queues", queues)]);

    private IEnumerable<KeyValuePair<string, FieldValue>> Of(int channel) =>
        [new("vhost", trace.Links.Vhost), new("connection", connection), new("channel", channel), new("user", user)];

    /// <param name="queue">Where they were delivered from; null: they were published.</param>
    private void Post(ReadOnlySpan<byte> records, byte[]? queue, KeyValuePair<string, FieldValue>[] more)
    {
        while (!records.IsEmpty)
        {
            var message = new MessageRecord(records);
            records = records[message.Length..];
            if (!message.Exchange.SequenceEqual(TracedMessage.Exchange))
            {
                trace.Post(queue is null
                    ? TracedMessage.Of("publish."u8, message.Exchange, message, node, more)
                    : TracedMessage.Of("deliver."u8, queue, message, node, more));
            }
        }
    }
}
