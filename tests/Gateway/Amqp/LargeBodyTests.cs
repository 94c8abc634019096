using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>Body frames that are put in place as they come, in parts.</summary>
public sealed class LargeBodyTests
{
    private const int FrameMax = 131072;

    public static TheoryData<int> Sizes =>
    [
        8 * 1024 - 1, 8 * 1024, 32 * 1024, 64 * 1024, FrameMax - 9, FrameMax - 8, FrameMax - 7, FrameMax, FrameMax + 8, 2 * (FrameMax - 8), 1024 * 1024, 2_000_000,
    ];

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task Body_InPiecesOfAnySize_ArrivesAsItIs(int size)
    {
        var random = new Random(size);
        var body = new byte[size];
        random.NextBytes(body);
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();

        await SendInPiecesAsync(client, [.. Frames.Publish(1, "q", body), .. Frames.Of(FrameType.Heartbeat, 0)], random);

        var queue = new QueueEnd(client, "q");
        var first = Assert.IsType<PublishItem>(Assert.Single(await queue.AnswerAsync(new OpenedItem(Guid.NewGuid()), new PublishedItem(0, null))));
        Assert.Equal(1, first.Batch.Count);
        Assert.True(new MessageRecord(first.Batch.Records.Span).Body.SequenceEqual(body));
        await client.SendAsync(Frames.Publish(1, "q", [7]));
        var second = Assert.IsType<PublishItem>(Assert.Single(await queue.AnswerAsync(new PublishedItem(1, null))));
        Assert.Equal([7], new MessageRecord(second.Batch.Records.Span).Body.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9_000)]
    [InlineData(9_999)]
    [InlineData(10_000)]
    public async Task Body_WithWrongEnd_ClosesTheConnection(int cut)
    {
        var frame = Frames.Of(FrameType.Body, 1, [.. Enumerable.Range(0, 10_000).Select(i => (byte)i)]);
        frame[^1] = 0xCD;
        await using var client = new ConnectionUnderTest();
        await StartAsync(client, 10_000);

        await client.SendAsync(frame[..(Frame.HeaderSize + cut)]);
        await client.SendAsync(frame[(Frame.HeaderSize + cut)..]);

        await client.ExpectCloseAsync(
            ReplyCode.FrameError, "FRAME_ERROR - type 3, first 16 octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>: {invalid_frame_end_marker,205}");
    }

    [Fact]
    public async Task Body_LongerThanAnnounced_IsRefusedBeforeItHasCome()
    {
        await using var client = new ConnectionUnderTest();
        await StartAsync(client, 9_999);

        await client.SendAsync(Frames.Of(FrameType.Body, 1, new byte[10_000])[..(Frame.HeaderSize + 1)]);

        await client.ExpectCloseAsync(
            ReplyCode.FrameError, "FRAME_ERROR - content body frame of 10000 octets is larger than the 9999 octets that its header left", MethodId.BasicPublish);
    }

    [Fact]
    public async Task Channel_FailedInTheMiddleOfABody_TheRestIsPassedOver()
    {
        await using var client = new ConnectionUnderTest();
        client.Watched.Expect(1004);
        await client.OpenAsync();
        await client.SendAsync(1, new ConfirmSelect(NoWait: false));
        await client.ExpectAsync(1, new ConfirmSelectOk());
        await client.SendAsync(Frames.Publish(1, "q", [1]));
        var queue = new QueueEnd(client, "q");
        var sent = await queue.NextAsync();
        byte[] large = Frames.Publish(1, "q", new byte[100_000]);
        await client.SendAsync(large[..50_000]);

        queue.Answer(sent, new OpenedItem(Guid.NewGuid()), new EndedItem(LinkEnd.Elsewhere));
        var close = new ChannelClose(
            ReplyCode.NotFound, "NOT_FOUND - a queue that messages were published to is served by another node now, and whether it has them is not known",
            (ushort)(MethodId.BasicPublish >> 16), (ushort)(MethodId.BasicPublish & 0xFFFF));
        await client.ExpectAsync(1, close);
        await client.SendAsync(large[50_000..]);
        await client.SendAsync(1, new ChannelCloseOk());
        await client.SettleAsync();
    }

    private static async Task StartAsync(ConnectionUnderTest client, ulong size)
    {
        await client.OpenAsync();
        await client.SendAsync([.. Frames.Method(1, new BasicPublish("", "q", Mandatory: false, Immediate: false)), .. Frames.Header(1, size)]);
    }

    private static async Task SendInPiecesAsync(ConnectionUnderTest client, byte[] octets, Random random)
    {
        for (var at = 0; at < octets.Length;)
        {
            var piece = Math.Min(octets.Length - at, random.Next(1, random.Next(3) == 0 ? 20 : 100_000));
            await client.SendAsync(octets[at..(at + piece)]);
            at += piece;
        }
    }
}
