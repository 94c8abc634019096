using System.Buffers.Binary;
using System.Diagnostics;
using Granary.Bench.Amqp;

namespace Granary.Bench.Load;

/// <summary>Consumes from its queues over one connection and counts deliveries by skipping over their frames.</summary>
internal sealed class AmqpConsumer(LoadOptions options, int index, IReadOnlyList<string> queues) : ConsumerWorker(options, index)
{
    // More unacked than the prefetch allows never come: then the acknowledgement has to go out earlier.
    private readonly int _ackBatch = options.Prefetch > 0 ? Math.Min(options.AckBatch, options.Prefetch * queues.Count) : options.AckBatch;

    private AmqpConnection? _connection;
    private ulong _bodyLeft;
    private bool _stampAhead;
    private ulong _tag;
    private int _unacked;

    private AmqpConnection Connection => _connection ?? throw new InvalidOperationException("the consumer is not open");

    protected override void Connect()
    {
        _connection = AmqpConnection.Open(Options.Endpoint, Options.Patience);
        if (Options.Prefetch > 0)
        {
            _connection.Begin(Method.BasicQos).U32(0).U16((ushort)Options.Prefetch).U8(0).End();
            _connection.Call(Method.BasicQosOk);
        }
    }

    protected override void Receive()
    {
        while (true)
        {
            // Before the first receive, too: deliveries may lie behind the answer to basic.consume.
            CountDeliveries();
            if (Stopping)
            {
                return;
            }

            if (!Connection.Reader.Fill())
            {
                Acknowledge();
            }
        }
    }

    protected override void Close()
    {
        Acknowledge();
        Connection.Close();
        Connection.Dispose();
    }

    protected override void Subscribe()
    {
        const byte NoAck = 2;
        foreach (var queue in queues)
        {
            Connection.Begin(Method.BasicConsume).U16(0).ShortString(queue).ShortString(queue)
                .U8(Options.AckBatch == 0 ? NoAck : (byte)0).Table().End();
        }

        Connection.Flush();

        // The answers beyond the first lie among deliveries: CountDeliveries passes over them.
        Connection.Expect(Method.BasicConsumeOk);
    }

    private void CountDeliveries()
    {
        var now = Options.MeasuresLatency ? Stopwatch.GetTimestamp() : 0;
        var count = 0;
        while (Connection.Reader.TryRead(out var frame))
        {
            switch (frame.Type)
            {
                case Frame.BodyType:
                    if (_stampAhead)
                    {
                        RecordLatency(frame.Payload, now);
                    }

                    _bodyLeft -= (ulong)frame.Payload.Length;
                    break;
                case Frame.HeaderType:
                    _bodyLeft = frame.BodySize;
                    _stampAhead = Options.MeasuresLatency;
                    break;
                case Frame.MethodType:
                    OnMethod(frame);
                    continue;
                default:
                    continue;
            }

            if (_bodyLeft == 0)
            {
                count++;
                OnDelivered();
            }
        }

        Connection.Flush();
        if (count > 0)
        {
            Add(count);
        }
    }

    private void OnMethod(Frame frame)
    {
        if (frame.Method == Method.BasicDeliver)
        {
            _tag = BinaryPrimitives.ReadUInt64BigEndian(frame.Arguments[(1 + frame.Arguments[0])..]);
            return;
        }

        frame.ThrowIfClose();
        if (frame.Method == Method.BasicCancel)
        {
            throw new BrokerException("the broker cancelled a consumer");
        }
    }

    private void OnDelivered()
    {
        if (_ackBatch > 0 && ++_unacked >= _ackBatch)
        {
            WriteAck();
        }
    }

    private void Acknowledge()
    {
        if (_ackBatch > 0 && _unacked > 0)
        {
            WriteAck();
            Connection.Flush();
        }
    }

    private void WriteAck()
    {
        const byte Multiple = 1;
        Connection.Begin(Method.BasicAck).U64(_tag).U8(Multiple).End();
        _unacked = 0;
    }

    private void RecordLatency(ReadOnlySpan<byte> body, long now)
    {
        _stampAhead = false;
        RecordLatency(sent: BinaryPrimitives.ReadInt64LittleEndian(body), now);
    }
}
