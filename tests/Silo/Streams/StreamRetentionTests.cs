using Granary.Amqp;
using Granary.Silo.Streams;
using static Granary.Silo.Tests.Streams.TestStream;

namespace Granary.Silo.Tests.Streams;

/// <summary>What a stream keeps: whole segments, and always the last.</summary>
public sealed class StreamRetentionTests
{
    [Fact]
    public async Task MaxBytes_DropsTheFirstSegments()
    {
        await using var stream = new TestStream(arguments: [("x-max-length-bytes", 10_000), ("x-stream-max-segment-size-bytes", 4_000)]);
        var link = stream.Gateway.Open();
        for (var i = 0; i < 1_000; i++)
        {
            link.Publish(i, 1);
        }

        Assert.InRange(stream.Stream.Figures.ReadyBytes.All, 4_000, 15_000);
        var first = 1_000 - stream.Stream.ReadyCount;
        link.Send(Consumer(1, "first"), Consumer(2, 0));
        Assert.Equal(Numbered(first, 1_000), Given(link, 1));
        Assert.Equal(Numbered(first, 1_000), Given(link, 2));

        await stream.RestartAsync();
        Assert.Equal(1_000 - first, stream.Stream.ReadyCount);
        link = stream.Gateway.Open();
        link.Send(Consumer(1, "first"));
        Assert.Equal(Numbered(first, 1_000), Given(link, 1));
        for (var i = 1_000; i < 2_000; i++)
        {
            link.Publish(i, 1);
        }

        Assert.InRange(stream.Stream.Figures.ReadyBytes.All, 4_000, 15_000);
    }

    [Fact]
    public async Task MaxAge_DropsSegmentsThatAreOlder_WhenAnotherOneEnds()
    {
        await using var stream = new TestStream(arguments: [("x-max-age", "1m"), ("x-stream-max-segment-size-bytes", 1)]);
        var link = stream.Gateway.Open();
        for (var i = 0; i < 10; i++)
        {
            link.Publish(i, 1);
            stream.Gateway.Now += 20_000;
        }

        Assert.Equal(4, stream.Stream.ReadyCount);
        stream.Gateway.Now += 600_000;
        link.Publish(10, 1);
        Assert.Equal(1, stream.Stream.ReadyCount);
    }

    [Fact]
    public async Task Consumer_BehindWhatIsDropped_GoesOnWithTheFirstThatIsThere()
    {
        await using var stream = new TestStream(arguments: [("x-max-length-bytes", 1), ("x-stream-max-segment-size-bytes", 1)]);
        var link = stream.Gateway.Open();
        link.Publish(0, 1);
        link.Send(Consumer(1, "first") with { Window = new(1, 1L << 40) });
        for (var i = 1; i < 5; i++)
        {
            link.Publish(i, 1);
        }

        link.Send(new Granary.Core.Links.WindowItem(1, new(100, 1L << 40)));
        Assert.Equal([(0, 0), (4, 4)], Given(link, 1));
    }

    [Theory]
    [InlineData("1s", 1_000)]
    [InlineData("20m", 1_200_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("7D", 604_800_000)]
    [InlineData("2M", 5_184_000_000)]
    [InlineData("1Y", 31_536_000_000)]
    public void Age_IsRead(string text, long milliseconds)
    {
        Assert.True(StreamAge.TryRead(text, out var read));
        Assert.Equal(milliseconds, read);
    }

    [Theory]
    [InlineData("")]
    [InlineData("h")]
    [InlineData("0h")]
    [InlineData("1W")]
    [InlineData("-1h")]
    [InlineData("1 h")]
    public void Age_ThatIsNone_IsRefused(string text) => Assert.False(StreamAge.TryRead(text, out _));

    [Fact]
    public void Segments_OfWhichTheStoreWasNotTold_ArePartsOfTheNext()
    {
        var segments = new StreamSegments(StreamSettings.From(FieldTable.Of(("x-max-length-bytes", 250), ("x-stream-max-segment-size-bytes", 100))));
        segments.Restore([new StreamSegment(10, 20, 100, 1_000), new StreamSegment(0, 10, 100, 500)], first: 10, bytes: 180);
        Assert.Equal((2, 180), (segments.Count, segments.Bytes));
        Assert.Equal(10, segments.Trim(2_000));

        Assert.False(segments.Append(28, 20, 2_000));
        Assert.True(segments.Append(30, 100, 2_000));
        Assert.Equal(20, segments.Trim(2_000));
        Assert.Equal([(0, true), (20, false), (10, true)], segments.TakeChanges().Select(change => ((int)change.Segment.First, change.IsGone)));
    }
}
