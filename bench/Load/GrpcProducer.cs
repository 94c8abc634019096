using System.Buffers;
using System.Diagnostics;
using Granary.Bench.Amqp;
using Granary.V1;
using Grpc.Core;

namespace Granary.Bench.Load;

/// <summary>Publishes over one stream, whose requests are encoded once; the answers are read beside it.</summary>
internal sealed class GrpcProducer(LoadOptions options, int index, LoadPlan plan) : ProducerWorker($"producer {index}")
{
    private static readonly Marshaller<Slice> Slices = Marshallers.Create<Slice>(
        static (slice, context) =>
        {
            context.SetPayloadLength(slice.Bytes.Length);
            context.GetBufferWriter().Write(slice.Bytes.Span);
            context.Complete();
        },
        static _ => throw new InvalidOperationException("requests are only written"));

    private static readonly Marshaller<PublishStreamResponse> Answers = Marshallers.Create<PublishStreamResponse>(
        static (_, _) => throw new InvalidOperationException("answers are only read"),
        static context => PublishStreamResponse.Parser.ParseFrom(context.PayloadAsReadOnlySequence()));

    private readonly Lock _gate = new();
    private readonly AutoResetEvent _answered = new(initialState: false);
    private readonly long _share = plan.MessagesOf(index);
    private readonly PublishCycle _cycle = PublishCycle.Grpc(options, plan.KeysOf(index));
    private readonly Slice _slice = new();
    private GrpcConnection? _connection;
    private AsyncDuplexStreamingCall<Slice, PublishStreamResponse>? _stream;
    private Task _reading = Task.CompletedTask;
    private ConfirmWindow? _window;
    private long _recordFrom;

    protected override void Open()
    {
        _connection = new GrpcConnection(options);
        _window = options.ConfirmWindow > 0 ? new ConfirmWindow(options.ConfirmWindow, ConfirmLatency) : null;
        _stream = _connection.Open("PublishStream", Slices, Answers);
        _reading = ReadAsync();
        _reading.ContinueWith(_ => _answered.Set(), TaskScheduler.Default);
    }

    protected override void Work()
    {
        var start = Stopwatch.GetTimestamp();
        _recordFrom = start + (long)(options.Warmup.TotalSeconds * Stopwatch.Frequency);
        var end = options.Duration > TimeSpan.Zero ? start + (long)(options.Duration.TotalSeconds * Stopwatch.Frequency) : long.MaxValue;
        var pacer = options.Rate > 0 ? new Pacer(options.Rate / options.Producers, start) : null;
        while (Count < _share && !Stopping && Stopwatch.GetTimestamp() < end)
        {
            var count = NextCount(pacer);
            if (count > 0)
            {
                Publish(count, pacer);
            }
            else
            {
                SocketWait.Until(Math.Min(pacer!.NextDue, end));
                pacer.Awoke(Stopwatch.GetTimestamp());
            }
        }

        PublishedAt = Stopwatch.GetTimestamp();
        Finish();
        if (_window is null)
        {
            // The stream ends when everything is answered.
            PublishedAt = Stopwatch.GetTimestamp();
        }
    }

    protected override void Close()
    {
        _stream?.Dispose();
        _connection?.Dispose();
    }

    private int NextCount(Pacer? pacer)
    {
        // A window is sent by halves: one is on its way while the confirms of the other come in.
        var most = _window is null ? int.MaxValue : Math.Max(1, options.ConfirmWindow / 2);
        var due = pacer?.Due(Stopwatch.GetTimestamp()) ?? int.MaxValue;
        return (int)Math.Min(Math.Min(Math.Min(due, most), options.OnePerPacket ? 1 : _cycle.NextCount), _share - Count);
    }

    private void Publish(int count, Pacer? pacer)
    {
        AwaitAnswers(() => _window is null || _window.Free >= count);
        if (pacer is not null && options.Size >= sizeof(long))
        {
            for (var i = 0; i < count; i++)
            {
                _cycle.Stamp(i, pacer.StampOf(i));
            }
        }

        pacer?.Sent(count);
        lock (_gate)
        {
            _window?.Sent(count, Stopwatch.GetTimestamp());
        }

        _slice.Bytes = _cycle.Next(count);
        _stream!.RequestStream.WriteAsync(_slice).GetAwaiter().GetResult();
        Add(count);
    }

    private void Finish()
    {
        _stream!.RequestStream.CompleteAsync().GetAwaiter().GetResult();
        AwaitAnswers(() => _reading.IsCompleted);
    }

    private void AwaitAnswers(Func<bool> enough)
    {
        while (true)
        {
            lock (_gate)
            {
                if (enough())
                {
                    break;
                }
            }

            if (!_answered.WaitOne(options.Patience))
            {
                throw new StalledException($"no answers for {options.Patience.TotalSeconds:0} s");
            }

            if (_reading.IsFaulted)
            {
                _reading.GetAwaiter().GetResult();
            }
        }
    }

    private async Task ReadAsync()
    {
        while (await _stream!.ResponseStream.MoveNext(CancellationToken.None).ConfigureAwait(false))
        {
            Settle(_stream.ResponseStream.Current, Stopwatch.GetTimestamp());
            _answered.Set();
        }
    }

    private void Settle(PublishStreamResponse answer, long now)
    {
        if (_window is null)
        {
            return;
        }

        lock (_gate)
        {
            Refused += SettleEach(answer.Nacked, now);
            Confirmed += SettleEach(answer.Acked, now) + _window.Settle(answer.AnsweredThrough, multiple: true, now, _recordFrom);
            ConfirmedAt = now;
        }
    }

    private int SettleEach(IEnumerable<NumberRange> ranges, long now)
    {
        var count = 0;
        foreach (var range in ranges)
        {
            for (var number = range.First; number <= range.Last; number++)
            {
                count += _window!.Settle(number, multiple: false, now, _recordFrom);
            }
        }

        return count;
    }

    /// <summary>A request that is encoded already.</summary>
    private sealed class Slice
    {
        public ReadOnlyMemory<byte> Bytes { get; set; }
    }
}
