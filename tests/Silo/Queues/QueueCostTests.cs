using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues;

namespace Granary.Silo.Tests.Queues;

/// <summary>What passing messages through a queue allocates: per packet, never per message.</summary>
public sealed class QueueCostTests
{
    private const int Rounds = 200;

    [Fact]
    public void WholeBatch_ToOneNoAckConsumer_AllocatesAFewObjects()
    {
        var load = new QueueLoad(messages: 1_600, bodyLength: 16, noAck: true, prefetch: 0, settle: 0);
        Assert.InRange(load.AllocatedPerRound(Rounds), 1, 1_000);
    }

    [Fact]
    public void AcknowledgedDeliveries_AllocatePerPacketOnly()
    {
        var load = new QueueLoad(messages: 50, bodyLength: 1_024, noAck: false, prefetch: 500, settle: 50);
        Assert.InRange(load.AllocatedPerRound(Rounds), 1, 1_500);
    }
}

/// <summary>One publisher and one consumer on links of their own, a packet each per round.</summary>
internal sealed class QueueLoad
{
    private readonly QueueSlot _slot = new("/", "q", 1);
    private readonly LinkUp _publish;
    private readonly MessageBatch _batch;
    private readonly LinkId _publisher = LinkId.New();
    private readonly LinkId _consumer = LinkId.New();
    private readonly bool _noAck;
    private readonly int _settle;
    private long _number = 1;
    private long _upNumber = 1;
    private long _settled;
    private long _published;
    private long _deliveredPackets;

    public QueueLoad(int messages, int bodyLength, bool noAck, int prefetch, int settle)
    {
        (_noAck, _settle) = (noAck, settle);
        _batch = Batches.Of(0, messages, _ => bodyLength);
        _slot.Declare(TestGateway.Declaration(default), Guid.NewGuid(), 0);
        _publish = new LinkUp { Link = _publisher, Number = 1, Open = new LinkOpen(default, null!, SessionId.New(), default, 1) };
        _slot.Send(_publish, 0);
        var attach = new AttachItem(1, "t", noAck, false, prefetch, false, default, new Window(long.MaxValue, long.MaxValue));
        _slot.Send(new LinkUp { Link = _consumer, Number = 1, Open = new LinkOpen(default, null!, SessionId.New(), default, 1), Items = [attach] }, 0);
        _deliveredPackets = 1;
    }

    /// <summary>Bytes per round, packets upward included.</summary>
    public long AllocatedPerRound(int rounds)
    {
        for (var i = 0; i < rounds; i++)
        {
            Round();
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < rounds; i++)
        {
            Round();
        }

        return (GC.GetAllocatedBytesForCurrentThread() - before) / rounds;
    }

    public void Round()
    {
        _slot.Send(new LinkUp { Link = _publisher, Number = ++_number, ReceivedThrough = _number - 1, Items = [new PublishItem(_batch, false)] }, 0);
        _published += _batch.Count;
        _deliveredPackets += _slot.Pushes.Count;
        _slot.Pushes.Clear();
        if (_noAck)
        {
            _slot.Send(new LinkUp { Link = _consumer, Number = 0, ReceivedThrough = _deliveredPackets }, 0);
            return;
        }

        for (; _settled + _settle <= _published; _settled += _settle)
        {
            var settle = new SettleItem(Settlement.Ack, [new OffsetRange(_settled, _settle)]);
            var answer = _slot.Send(new LinkUp { Link = _consumer, Number = ++_upNumber, ReceivedThrough = _deliveredPackets, Items = [settle] }, 0);
            _deliveredPackets += answer.Downs?.Length ?? 0;
        }
    }
}
