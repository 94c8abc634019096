using Granary.Bench.Amqp;
using Granary.Bench.Load;
using Granary.Bench.Measure;

namespace Granary.Bench.Tests;

public class ConfirmWindowTests
{
    private readonly LatencyHistogram _latency = new();

    [Fact]
    public void Settle_SinglesBeforeAMultiple_AreNotCountedTwice()
    {
        var window = new ConfirmWindow(10, _latency);
        window.Sent(10, now: 0);

        Assert.Equal(1, window.Settle(3, multiple: false, now: 1, recordFrom: 0));
        Assert.Equal(1, window.Settle(5, multiple: false, now: 1, recordFrom: 0));
        Assert.Equal(6, window.Settle(8, multiple: true, now: 1, recordFrom: 0));
        Assert.Equal(2, window.Pending);
        Assert.Equal(8, _latency.Count);
    }

    [Fact]
    public void Settle_TheSameNumberTwice_CountsOnce()
    {
        var window = new ConfirmWindow(4, _latency);
        window.Sent(2, now: 0);

        Assert.Equal(1, window.Settle(1, multiple: false, now: 1, recordFrom: 0));
        Assert.Equal(0, window.Settle(1, multiple: false, now: 1, recordFrom: 0));
        Assert.Equal(0, window.Settle(1, multiple: true, now: 1, recordFrom: 0));
        Assert.Equal(1, window.Pending);
    }

    [Fact]
    public void Free_LowestUnsettled_HoldsTheSpanAboveIt()
    {
        var window = new ConfirmWindow(4, _latency);
        window.Sent(4, now: 0);
        window.Settle(2, multiple: false, now: 1, recordFrom: 0);
        Assert.Equal(0, window.Free);

        window.Settle(1, multiple: false, now: 1, recordFrom: 0);
        Assert.Equal(2, window.Free);
    }

    [Fact]
    public void Settle_OverManyRoundsOfTheRing_SettlesAll()
    {
        var window = new ConfirmWindow(5, _latency);
        var settled = 0;
        for (var round = 1; round <= 1000; round++)
        {
            window.Sent(5, now: round);
            settled += window.Settle((ulong)(round * 5), multiple: true, now: round, recordFrom: 0);
        }

        Assert.Equal(5000, settled);
        Assert.Equal(0, window.Pending);
    }

    [Fact]
    public void Settle_NumberNeverPublished_Throws()
    {
        var window = new ConfirmWindow(4, _latency);
        window.Sent(1, now: 0);
        Assert.Throws<BrokerException>(() => window.Settle(2, multiple: true, now: 1, recordFrom: 0));
    }

    [Fact]
    public void Settle_SentDuringWarmup_IsNotRecorded()
    {
        var window = new ConfirmWindow(4, _latency);
        window.Sent(1, now: 5);
        window.Sent(1, now: 20);
        Assert.Equal(2, window.Settle(2, multiple: true, now: 30, recordFrom: 10));
        Assert.Equal(1, _latency.Count);
    }
}
