using Granary.Silo.Queues.Messages;

namespace Granary.Silo.Tests.Queues;

public sealed class ArrivalTimesTests
{
    private readonly ArrivalTimes _times = new();

    [Fact]
    public void Time_OfAMessage_IsThatOfItsBatch()
    {
        _times.Note(10, 1_000);
        _times.Note(13, 1_000);
        _times.Note(20, 1_500);
        Assert.Equal([1_000, 1_000, 1_000, 1_500, 1_500], new long[] { 3, 10, 19, 20, 99 }.Select(_times.TimeOf));
        Assert.Equal(2, _times.Marks);
    }

    [Fact]
    public void Time_OfAnHourOfMessages_IsRightToASixteenthOfTheAgeWithFewMarks()
    {
        const long Start = 1_000_000;
        const int Hour = 3_600_000;
        for (var i = 0; i < Hour; i++)
        {
            _times.Note(i, Start + i);
        }

        Assert.InRange(_times.Marks, 16, 600);
        for (var i = 0; i < Hour; i += 997)
        {
            var (age, told) = ((double)(Hour - i), Hour - (_times.TimeOf(i) - Start));
            Assert.InRange(told, age, (age * 17 / 16) + 1);
        }
    }

    [Fact]
    public void Waits_OfWhatIsGivenOut_AreCountedByMessage()
    {
        _times.Note(0, 1_000);
        _times.Note(5, 3_000);
        _times.Give(0, 2, 1_000);
        _times.Give(2, 3, 3_500);
        _times.Give(5, 1, 3_500);
        _times.Clear();
        _times.Note(6, 4_000);
        _times.Give(6, 1, 4_007);

        Assert.NotNull(_times.Waits);
        var bounds = ArrivalTimes.Bounds;
        var counts = _times.Waits.Counts;
        Assert.Equal(
            [(0.001, 2L), (0.01, 1L), (0.5, 1L), (5, 3L)],
            bounds.Select((bound, bucket) => (bound, counts[bucket])).Where(pair => pair.Item2 > 0));
        Assert.Equal((3 * 2.5) + 0.5 + 0.007, _times.Waits.Sum, tolerance: 1e-9);
    }

    [Fact]
    public void Waits_WhenNobodyKnowsWhenMessagesCame_AreNotCounted()
    {
        _times.Give(0, 1, 1_000);
        Assert.Null(_times.Waits);
    }
}
