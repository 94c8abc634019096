using System.Buffers.Binary;
using System.Diagnostics;
using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>Publishes over one connection: at full speed in slices of 64 KiB, or at a fixed rate.</summary>
internal sealed class AmqpProducer(LoadOptions options, int index, LoadPlan plan) : ProducerWorker($"producer {index}")
{
    private readonly long _share = plan.MessagesOf(index);

    private AmqpConnection? _connection;
    private PublishCycle? _cycle;
    private ConfirmWindow? _window;
    private long _recordFrom;

    private AmqpConnection Connection => _connection ?? throw new InvalidOperationException("the producer is not open");

    protected override void Open()
    {
        _connection = AmqpConnection.Open(options.Endpoint, options.Patience);
        _cycle = PublishCycle.Amqp(options, plan.KeysOf(index), _connection.MaxPayload);
        if (options.ConfirmWindow > 0)
        {
            _window = new ConfirmWindow(options.ConfirmWindow, ConfirmLatency);
            _connection.Begin(Method.ConfirmSelect).U8(0).End();
            _connection.Call(Method.ConfirmSelectOk);
        }
    }

    protected override void Work()
    {
        var start = Stopwatch.GetTimestamp();
        _recordFrom = start + (long)(options.Warmup.TotalSeconds * Stopwatch.Frequency);
        var end = options.Duration > TimeSpan.Zero ? start + (long)(options.Duration.TotalSeconds * Stopwatch.Frequency) : long.MaxValue;
        if (options.Rate > 0)
        {
            PublishAtRate(new Pacer(options.Rate / options.Producers, start), end);
        }
        else
        {
            PublishAtFullSpeed(end);
        }

        AwaitBroker();
    }

    protected override void Close()
    {
        Connection.Close();
        Connection.Dispose();
    }

    private void PublishAtFullSpeed(long end)
    {
        // A window is sent by halves: one is on its way while the confirms of the other come in.
        var most = Math.Max(1, _window is null ? int.MaxValue : options.ConfirmWindow / 2);
        while (Count < _share && LastAt < end && !Stopping)
        {
            var count = (int)Math.Min(Math.Min(_cycle!.NextCount, most), _share - Count);
            AwaitRoom(count);
            Publish(count);
            if (_window is null && Connection.Socket.Available > 0)
            {
                ReadAnswers();
            }
        }
    }

    private void PublishAtRate(Pacer pacer, long end)
    {
        while (Count < _share && !Stopping)
        {
            var now = Stopwatch.GetTimestamp();
            if (now >= end)
            {
                return;
            }

            var due = (int)Math.Min(Math.Min(pacer.Due(now), _cycle!.NextCount), _share - Count);
            if (due == 0)
            {
                if (SocketWait.UntilReadable(Connection.Socket, Math.Min(pacer.NextDue, end)))
                {
                    ReadAnswers();
                }

                pacer.Awoke(Stopwatch.GetTimestamp());
                continue;
            }

            due = _window is null ? due : Math.Min(due, options.ConfirmWindow);
            AwaitRoom(due);
            if (options.Size >= sizeof(long))
            {
                for (var i = 0; i < due; i++)
                {
                    _cycle.Stamp(i, pacer.StampOf(i));
                }
            }

            pacer.Sent(due);
            Publish(due);
        }
    }

    private void Publish(int count)
    {
        _window?.Sent(count, Stopwatch.GetTimestamp());
        if (options.OnePerPacket)
        {
            for (var i = 0; i < count; i++)
            {
                Connection.Send(_cycle!.Next(1).Span);
            }
        }
        else
        {
            Connection.Send(_cycle!.Next(count).Span);
        }

        Add(count);
    }

    private void AwaitRoom(int count)
    {
        if (_window is not null && _window.Free < count)
        {
            AwaitConfirms(() => _window.Free >= count);
        }
    }

    private void AwaitConfirms(Func<bool> enough)
    {
        var since = Stopwatch.GetTimestamp();
        while (!enough())
        {
            if (ReadAnswers())
            {
                since = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(since) > options.Patience)
            {
                throw new StalledException($"no confirms for {options.Patience.TotalSeconds:0} s, {_window!.Pending} pending");
            }
        }
    }

    /// <summary>Receives once and takes in all that is there; false when nothing came.</summary>
    private bool ReadAnswers()
    {
        var any = Connection.Reader.Fill();
        var now = Stopwatch.GetTimestamp();
        while (Connection.Reader.TryRead(out var frame))
        {
            frame.ThrowIfClose();
            var isAck = frame.IsMethod(Method.BasicAck);
            if (_window is not null && (isAck || frame.IsMethod(Method.BasicNack)))
            {
                var number = BinaryPrimitives.ReadUInt64BigEndian(frame.Arguments);
                var count = _window.Settle(number, (frame.Arguments[8] & 1) != 0, now, _recordFrom);
                Confirmed += isAck ? count : 0;
                Refused += isAck ? 0 : count;
                ConfirmedAt = now;
            }
        }

        return any;
    }

    /// <summary>Waits until the broker has handled everything: by its confirms, or by its answer to a question on the same channel.</summary>
    private void AwaitBroker()
    {
        if (_window is not null)
        {
            PublishedAt = Stopwatch.GetTimestamp();
            AwaitConfirms(() => _window.Pending == 0);
            return;
        }

        const byte Passive = 1;
        Connection.Begin(Method.QueueDeclare).U16(0).ShortString(options.QueueName(0)).U8(Passive).Table().End();
        Connection.Call(Method.QueueDeclareOk);
        PublishedAt = Stopwatch.GetTimestamp();
    }
}
