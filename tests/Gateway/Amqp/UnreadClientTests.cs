using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Unkind;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>Clients that go on asking and publishing, and read nothing of what they are answered.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
public sealed class UnreadClientTests
{
    [Fact]
    public async Task Client_ThatAsksAndDoesNotRead_IsNotReadEither()
    {
        const int Gets = 40;
        await using var client = new ConnectionUnderTest();
        await client.OpenAsync();
        var queue = new QueueEnd(client, "q");
        var large = new Granary.Core.Links.DeliverySlice(
            new Granary.Core.Messages.MessageBatch(Messages.Record(new byte[1024 * 1024]), 1, default), 0, Redelivered: false);
        for (var i = 0; i < Gets; i++)
        {
            await client.SendAsync(1, new BasicGet("q", NoAck: true));
        }

        var answered = 0;
        while (!client.Connection.IsBackedUp)
        {
            Assert.InRange(++answered, 1, 20);
            await AnswerAsync();
            await ConnectionUnderTest.WaitUntilAsync(
                () => client.Connection.IsBackedUp || AmqpConnectionTests.Count(client, "q") > answered, "the next basic.get has been read or the client is held");
        }

        Assert.Equal(answered, AmqpConnectionTests.Count(client, "q"));

        // It reads, and all comes.
        var read = Task.Run(async () =>
        {
            for (var methods = 0; methods < Gets;)
            {
                methods += (await client.ReadFrameAsync())[0] == (byte)FrameType.Method ? 1 : 0;
            }
        });
        for (; answered < Gets; answered++)
        {
            await AnswerAsync();
        }

        await read;

        async Task AnswerAsync()
        {
            var sent = await queue.NextAsync();
            var get = Assert.IsType<Granary.Core.Links.GetItem>(Assert.Single(sent.Up.Items));
            queue.Answer(sent, new Granary.Core.Links.GotItem(get.Request, large, 0, null));
        }
    }

    [Fact]
    public async Task Publisher_WithConfirmsThatNeverReads_IsNotReadEither()
    {
        const int Pairs = 4096;
        await using var client = new ConnectionUnderTest();
        foreach (ushort channel in new ushort[] { 1, 2 })
        {
            await client.OpenAsync(channel);
            await client.SendAsync(channel, new ConfirmSelect(NoWait: false));
            await client.ExpectAsync(channel, new ConfirmSelectOk());
        }

        // What comes back fills the socket. Then two channels in turn, so that each message has an outcome of its own.
        await client.OpenAsync(3);
        await client.SendAsync(
        [
            .. Frames.Method(3, new BasicPublish("", "", Mandatory: true, Immediate: false)), .. Frames.Header(3, 100_000), .. Frames.Of(FrameType.Body, 3, new byte[100_000]),
        ]);
        byte[] pair = [.. Frames.Publish(1, "", []), .. Frames.Publish(2, "", [])];
        byte[] block = [.. Enumerable.Repeat(pair, Pairs).SelectMany(octets => octets)];
        ulong sent = 0;
        while (!client.Connection.IsBackedUp)
        {
            Assert.InRange(sent, 0UL, 20UL * Pairs);
            await client.SendAsync(block);
            sent += Pairs;
            await ConnectionUnderTest.WaitUntilAsync(() => client.Connection.IsBackedUp || client.HasReadAll, "the block has been read or the client is held");
        }

        // It reads, and every message is confirmed.
        await client.SendAsync(block);
        sent += Pairs;
        var confirmed = new ulong[3];
        while (confirmed[1] < sent || confirmed[2] < sent)
        {
            NoteConfirmed(await client.ReadFrameAsync());
        }

        void NoteConfirmed(byte[] frame)
        {
            FrameReader.TryRead(frame, 131072, out var type, out var channel, out var payload, out _);
            if (type == FrameType.Method && MethodFrame.ReadId(payload, out var fields) == MethodId.BasicAck)
            {
                confirmed[channel] = MethodFrame.Read<BasicAck>(fields).DeliveryTag;
            }
        }
    }

    [Fact]
    public async Task Client_ThatReadsNothingForTheSendTimeout_IsCutOff()
    {
        await using var client = new ConnectionUnderTest(heartbeat: TimeSpan.FromSeconds(10));
        client.Watched.Expect(1209);
        await client.OpenAsync();
        client.Pass(TimeSpan.FromSeconds(5));
        await client.SendAsync(
        [
            .. Frames.Method(1, new BasicPublish("", "", Mandatory: true, Immediate: false)), .. Frames.Header(1, 100_000), .. Frames.Of(FrameType.Body, 1, new byte[100_000]),
        ]);
        await ConnectionUnderTest.WaitUntilAsync(() => client.HasReadAll, "the message has been read");

        // It sends its heartbeats all the time.
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromSeconds(30); passed += TimeSpan.FromSeconds(5))
        {
            Assert.False(client.IsAborted);
            client.Pass(TimeSpan.FromSeconds(5));
            await client.SendAsync(8, 0, 0, 0, 0, 0, 0, 0xCE);
            await ConnectionUnderTest.WaitUntilAsync(() => client.HasReadAll, "the heartbeat has been read");
        }

        client.Pass(TimeSpan.FromSeconds(1));
        Assert.True(client.IsAborted);
        await client.WaitForEndAsync();
    }
}
