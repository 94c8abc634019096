using System.Diagnostics;
using Google.Protobuf;
using Granary.Bench.Amqp;
using Granary.V1;
using Grpc.Core;

namespace Granary.Bench.Load;

/// <summary>Consumes from its queues over one connection, a stream each, and counts deliveries by skipping over them.</summary>
internal sealed class GrpcConsumer(LoadOptions options, int index, IReadOnlyList<string> queues) : ConsumerWorker(options, index)
{
    private static readonly Marshaller<ConsumeRequest> Requests = Marshallers.Create<ConsumeRequest>(
        static (request, context) => context.Complete(request.ToByteArray()),
        static _ => throw new InvalidOperationException("requests are only written"));

    // More unacked than the credit allows never come: then the acknowledgement has to go out earlier.
    private readonly int _ackBatch = options.Prefetch > 0 ? Math.Min(options.AckBatch, options.Prefetch) : options.AckBatch;

    private readonly Lock _gate = new();
    private readonly AutoResetEvent _ended = new(initialState: false);
    private readonly List<Task> _streams = [];
    private readonly CancellationTokenSource _stop = new();
    private GrpcConnection? _connection;

    protected override void Connect() => _connection = new GrpcConnection(Options);

    protected override void Receive()
    {
        while (!Stopping)
        {
            _ended.WaitOne(TimeSpan.FromMilliseconds(20));
            if (_streams.Find(stream => stream.IsFaulted) is { } failed)
            {
                failed.GetAwaiter().GetResult();
            }
        }
    }

    protected override void Close()
    {
        // Half-closed streams end when what was said before has been taken.
        _stop.Cancel();
        if (!Task.WhenAll(_streams).Wait(Options.Patience))
        {
            throw new StalledException("a consume stream did not end");
        }

        _connection?.Dispose();
    }

    protected override void Subscribe()
    {
        foreach (var queue in queues)
        {
            var subscribed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var stream = ConsumeAsync(queue, subscribed);
            stream.ContinueWith(_ => _ended.Set(), TaskScheduler.Default);
            _streams.Add(stream);
            Task.WhenAny(subscribed.Task, stream).Unwrap().GetAwaiter().GetResult();
        }
    }

    private async Task ConsumeAsync(string queue, TaskCompletionSource subscribed)
    {
        using var call = _connection!.Open("Consume", Requests, DeliveryTally.Marshaller(Options.MeasuresLatency, RecordLatency));
        var requests = call.RequestStream;
        await requests.WriteAsync(new ConsumeRequest
        {
            Subscribe = new Subscribe { Queue = queue, ConsumerTag = queue, NoAck = Options.AckBatch == 0, Credit = (uint)Options.Prefetch },
        }).ConfigureAwait(false);
        var halfClosing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var stopping = _stop.Token.Register(halfClosing.SetResult);
        ulong tag = 0, acked = 0;
        var next = call.ResponseStream.MoveNext(CancellationToken.None);
        while (await Task.WhenAny(next, halfClosing.Task).ConfigureAwait(false) == next)
        {
            if (!await next.ConfigureAwait(false))
            {
                throw new BrokerException("the broker ended a consume stream");
            }

            var tally = call.ResponseStream.Current;
            subscribed.TrySetResult();
            tag += (ulong)tally.Count;
            if (tally.Count > 0)
            {
                lock (_gate)
                {
                    Add(tally.Count);
                }
            }

            if (_ackBatch > 0 && tag - acked >= (ulong)_ackBatch)
            {
                await requests.WriteAsync(AckThrough(acked = tag)).ConfigureAwait(false);
            }

            next = call.ResponseStream.MoveNext(CancellationToken.None);
        }

        if (_ackBatch > 0 && tag > acked)
        {
            await requests.WriteAsync(AckThrough(tag)).ConfigureAwait(false);
        }

        await requests.CompleteAsync().ConfigureAwait(false);
        while (await next.ConfigureAwait(false))
        {
            next = call.ResponseStream.MoveNext(CancellationToken.None);
        }
    }

    private static ConsumeRequest AckThrough(ulong tag) =>
        new() { Settlements = { new Settlement { DeliveryTag = tag, Multiple = true, Outcome = Outcome.Ack } } };

    private void RecordLatency(long sent)
    {
        var now = Stopwatch.GetTimestamp();
        lock (_gate)
        {
            RecordLatency(sent, now);
        }
    }
}
