using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Routing;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp.Publishing;

/// <summary>A message comes out as one record, however its body was cut into frames.</summary>
public sealed class ContentAssemblerTests
{
    private readonly ChunkAllocator _chunks = new();
    private readonly ContentAssembler _content = new();
    private readonly PublishedProperties _properties = new();

    public ContentAssemblerTests() => _properties.Read(Messages.NoProperties, "guest");

    [Fact]
    public void Message_BodyCutAnywhere_IsTheSameRecord()
    {
        byte[] body = [1, 2, 3, 4, 5, 6, 7];
        for (var first = 0; first <= body.Length; first++)
        {
            for (var second = first; second <= body.Length; second++)
            {
                Start(body.Length);
                Assert.Equal(first == body.Length, _content.OnBody(body.AsSpan(..first)));
                if (first < body.Length)
                {
                    Assert.Equal(second == body.Length, _content.OnBody(body.AsSpan(first..second)));
                }

                if (second < body.Length)
                {
                    Assert.True(_content.OnBody(body.AsSpan(second..)));
                }

                Check(body);
            }
        }
    }

    [Fact]
    public void Message_WithoutBody_IsCompleteAtItsHeader()
    {
        _content.OnMethod("x"u8, "key"u8, mandatory: true);

        Assert.True(_content.TryLayOut(_chunks, PublishPath.Nowhere, _properties, Messages.NoProperties, 0));

        Assert.True(_content.IsIdle);
        Assert.True(_content.IsMandatory);
        Check([]);
    }

    [Fact]
    public void Messages_OfOneChunk_FollowEachOther()
    {
        Start(1);
        _content.OnBody([9]);
        var (array, end) = (_content.Array, _content.Start + _content.Length);

        Start(1);
        _content.OnBody([9]);

        Assert.Same(array, _content.Array);
        Assert.Equal(end, _content.Start);
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(1_100_000)]
    [InlineData(5_000_000)]
    public void Message_OfAnySize_IsWhole(int size)
    {
        var body = new byte[size];
        new Random(size).NextBytes(body);
        Start(size);
        foreach (var part in body.Chunk(131_064))
        {
            Assert.True(_content.TryMakeRoom(part.Length, mayUseReserve: false));
            _content.OnBody(part);
        }

        Assert.True(_content.IsIdle);
        Check(body);
    }

    [Fact]
    public void Header_OfHundredMegabytes_AllocatesOneAtFirst()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        Start(100_000_000);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_200_000);
    }

    [Fact]
    public void Body_LongerThanAnnounced_IsRefused()
    {
        Start(3);
        Assert.False(_content.OnBody([1]));

        var error = Assert.Throws<AmqpConnectionException>(() => _content.OnBody([1, 2, 3]));

        Assert.Equal("FRAME_ERROR - content body frame of 3 octets is larger than the 2 octets that its header left", error.Text);
    }

    [Fact]
    public void Abandon_InTheMiddle_AllowsTheNext()
    {
        Start(3);
        _content.OnBody([1]);
        _content.Abandon();
        Assert.True(_content.IsIdle);

        Start(2);
        Assert.True(_content.OnBody([1, 2]));
        Check([1, 2]);
    }

    private void Start(int size)
    {
        _content.OnMethod("x"u8, "key"u8, mandatory: false);
        Assert.True(_content.ExpectsHeader);
        Assert.True(_content.TryLayOut(_chunks, PublishPath.Nowhere, _properties, Messages.NoProperties, size));
        Assert.True(_content.ExpectsBody);
    }

    private void Check(byte[] body)
    {
        var record = new MessageRecord(_content.Record.Span);
        Assert.Equal(_content.Length, record.Length);
        Assert.Equal("x"u8, record.Exchange);
        Assert.Equal("key"u8, record.RoutingKey);
        Assert.Equal(Messages.NoProperties, record.Properties);
        Assert.True(record.Body.SequenceEqual(body));
        _content.Release();
    }
}
