using Granary.Core.Counting;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Links;
using Granary.Gateway.Tests.Fakes;
using Granary.V1;

namespace Granary.Gateway.Tests.Grpc.Publishing;

public sealed class StreamConfirmsTests
{
    private readonly MessageCounts _counts = new();
    private readonly StreamConfirms _confirms;

    public StreamConfirmsTests() => _confirms = new StreamConfirms(() => { }, _counts);

    [Fact]
    public void WaitForRoom_AnswersNotTaken_HoldsUntilTheyAre()
    {
        var settled = 0;
        while (_confirms.WaitForRoomAsync().IsCompleted)
        {
            Assert.InRange(++settled, 1, 100_000);
            Track().Passed();
        }

        var room = _confirms.WaitForRoomAsync();
        Assert.Equal((ulong)settled, Assert.IsType<PublishStreamResponse>(_confirms.Take()).AnsweredThrough);

        Assert.True(room.IsCompleted);
        Assert.True(_confirms.WaitForRoomAsync().IsCompleted);
    }

    [Fact]
    public void Take_LaterOnesWereAnsweredBefore_AnswersThroughAllOfThem()
    {
        PublishRun[] runs = [Track(), Track(), Track(), Track()];
        foreach (var run in runs[1..3])
        {
            run.Passed();
        }

        var early = Assert.IsType<PublishStreamResponse>(_confirms.Take());
        Assert.Equal(0ul, early.AnsweredThrough);
        Assert.Equal([(2ul, 3ul)], early.Acked.Select(range => (range.First, range.Last)));

        runs[0].Passed();
        Assert.Equal(3ul, Assert.IsType<PublishStreamResponse>(_confirms.Take()).AnsweredThrough);
        Assert.False(_confirms.IsEmpty);
        runs[3].Passed();
        Assert.Equal(4ul, Assert.IsType<PublishStreamResponse>(_confirms.Take()).AnsweredThrough);
        Assert.True(_confirms.IsEmpty);
    }

    [Fact]
    public void Take_ConfirmsRefusalsAndReturns_AreCountedOnce()
    {
        var (first, refused, returned) = (Track(), _confirms.Track(Messages.Batch("a", "b", "c"), mandatory: false, targets: 1), Track());
        refused.Refuse([1]);
        refused.Passed();
        _confirms.Take();
        returned.Passed();
        first.Passed();
        _confirms.Track(Messages.Batch("a", "b"), mandatory: true, targets: 0);
        _confirms.Take();

        Assert.Equal((6L, 2L), (_counts[MessageEvent.Confirm], _counts[MessageEvent.ReturnUnroutable]));
    }

    private PublishRun Track() => _confirms.Track(Messages.Batch("a"), mandatory: false, targets: 1);
}
