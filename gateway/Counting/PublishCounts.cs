using Granary.Core.Figures;
using Granary.Core.Messages;

namespace Granary.Gateway.Counting;

/// <summary>
/// What clients of this process publish over AMQP: how large the bodies are, as RabbitMQ counts them from 4.1 on, and how many of the messages are to be confirmed. All
/// messages of a batch count as if they were alike: a batch is what one client published to one place without a pause, and so nothing is done for each message. Any
/// thread counts, any reads.
/// </summary>
internal sealed class PublishCounts : IMetricSource
{
    private static readonly double[] Bounds = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000, 100_000_000];

    private readonly long[] _counts = new long[Bounds.Length + 1];
    private long _bytes;
    private long _withConfirm;
    private long _routed;

    /// <summary>Messages that were published on channels in confirm mode.</summary>
    public long WithConfirm => Volatile.Read(ref _withConfirm);

    /// <summary>Messages that a binding led somewhere.</summary>
    public long Routed => Volatile.Read(ref _routed);

    public IEnumerable<ProcessMetric> Metrics =>
    [
        ProcessMetric.Histogram("message_size_bytes", "Size of messages received from publishers", Distribution.Of(Bounds, _counts, Volatile.Read(ref _bytes))) with
        {
            IsRabbitMqs = true,
            Labels = [("protocol", "amqp091")],
            Group = "message_size_metrics",
        },
    ];

    public void Add(in MessageBatch batch, bool withConfirm, bool isRouted)
    {
        var first = new MessageRecord(batch.Records.Span);
        var bytes = Math.Max(batch.Records.Length - ((long)batch.Count * (first.Length - first.Body.Length)), 0);
        Interlocked.Add(ref _counts[Distribution.BucketOf(Bounds, bytes / batch.Count)], batch.Count);
        Interlocked.Add(ref _bytes, bytes);
        if (withConfirm)
        {
            Interlocked.Add(ref _withConfirm, batch.Count);
        }

        if (isRouted)
        {
            Interlocked.Add(ref _routed, batch.Count);
        }
    }
}
