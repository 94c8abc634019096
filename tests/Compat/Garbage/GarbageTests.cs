using System.Buffers.Binary;
using System.Globalization;
using Granary.Testing.Brokers;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Garbage;

/// <summary>Bytes no client should send: each session is ended by the broker, the broker serves the next client, and its memory comes back.</summary>
/// <remarks>GRANARY_TEST_GARBAGE says how many mutated sessions (2,000 unless told), GRANARY_TEST_GARBAGE_SEED where their seeds start.</remarks>
public sealed class GarbageTests(OwnBroker own) : IClassFixture<OwnBroker>
{
    // Longer than RabbitMQ's silent close (3 s) and than a handshake that never ends (10 s).
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(30);
    private static readonly byte[] FrameTypes = [WireFrame.MethodType, WireFrame.HeaderType, WireFrame.BodyType, WireFrame.HeartbeatType];
    private static readonly ushort[] ChannelCodes = [403, 404, 405, 406];
    private static readonly ushort[] ConnectionCodes = [402, 403, 501, 502, 503, 504, 505, 530, 540];
    private static readonly int Sessions = Number("GRANARY_TEST_GARBAGE", 2000);
    private static readonly int FirstSeed = Number("GRANARY_TEST_GARBAGE_SEED", 1);

    private readonly BrokerProcess _broker = own.Broker;

    [Fact]
    public async Task RandomBytes_FromTheFirstByte_AreAnsweredOrClosed()
    {
        for (var seed = FirstSeed; seed < FirstSeed + 20; seed++)
        {
            var bytes = new byte[4096];
            new Random(seed).NextBytes(bytes);
            await EndsAsync(bytes);
        }

        await ServesAsync();
    }

    [Fact]
    public async Task Handshake_CutAfterAnyByte_DoesNoHarm()
    {
        var session = RecordedSession.Bytes("garbage.cut");
        for (var length = 0; length < 200; length++)
        {
            await EndsAsync(session[..length]);
        }

        await ServesAsync();
    }

    [Fact]
    public async Task FrameLength_OfFourGigabytes_CostsNoMemory()
    {
        var before = ResidentBytes();
        for (var i = 0; i < 50; i++)
        {
            await using var connection = await WireConnection.OpenAsync(_broker.AmqpPort);
            await connection.SendAsync(new WireWriter().Octet(WireFrame.BodyType).Short(1).Long(0xFFFFFFF0).Raw(new byte[64]).ToArray());
            Assert.Equal("connection", (await connection.ExpectCloseAsync()).Level);
        }

        await ServesAsync();
        Assert.InRange(ResidentBytes() - before, long.MinValue, 256L << 20);
    }

    [Fact]
    public async Task MutatedSessions_ByTheThousand_LeaveTheBrokerAsItWas()
    {
        // The first few hundred warm the broker up: what it keeps from them is no leak.
        var warm = Math.Min(Sessions / 4, 1000);
        await RunAsync(FirstSeed, warm);
        await ServesAsync();
        var before = ResidentBytes();
        await RunAsync(FirstSeed + warm, Sessions - warm);
        await ServesAsync();

        // Nothing that a client sends is an error of the broker.
        Assert.DoesNotContain("fail: ", _broker.Log);
        Assert.InRange(ResidentBytes() - before, long.MinValue, 256L << 20);
    }

    private static int Number(string variable, int otherwise) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    private async Task RunAsync(int firstSeed, int count) => await Parallel.ForAsync(
        firstSeed, firstSeed + count, new ParallelOptions { MaxDegreeOfParallelism = 128 }, async (seed, _) =>
        {
            try
            {
                await EndsAsync(Mutation.Of(RecordedSession.Bytes($"garbage.{seed}"), seed));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new InvalidOperationException($"Session of seed {seed} (GRANARY_TEST_GARBAGE_SEED={seed}): {e.Message}\n{_broker.Log}", e);
            }
        });

    /// <summary>Sends the bytes and the end of the stream, and waits for the broker to close its side too.</summary>
    private async Task EndsAsync(byte[] bytes)
    {
        await using var connection = await WireConnection.ConnectAsync(_broker.AmqpPort);
        try
        {
            await connection.SendAsync(bytes);
            connection.EndSending();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            return; // Closed while we were still sending: as good an end as any.
        }

        CheckAnswer(await connection.ReadToEndAsync(EndLimit));
    }

    /// <summary>Frames from start to end, but for a last one that a reset may have cut; and no close that says that the broker itself failed.</summary>
    private static void CheckAnswer(ReadOnlySpan<byte> answer)
    {
        if (answer.StartsWith("AMQP"u8))
        {
            Assert.Equal(WireConnection.ProtocolHeader, answer.ToArray());
            return;
        }

        while (answer.Length >= 8)
        {
            var size = BinaryPrimitives.ReadUInt32BigEndian(answer[3..]);
            if (size > (uint)(answer.Length - 8))
            {
                return;
            }

            var frame = new WireFrame(answer[0], BinaryPrimitives.ReadUInt16BigEndian(answer[1..]), answer.Slice(7, (int)size).ToArray());
            Assert.Equal(WireFrame.End, answer[7 + (int)size]);
            Assert.Contains(frame.Type, FrameTypes);
            if (WireClose.From(frame) is { } close)
            {
                Assert.Contains(close.Code, close.Level == "channel" ? ChannelCodes : ConnectionCodes);
                Assert.Matches("^[A-Z_]+ - .", close.Text);
            }

            answer = answer[(8 + (int)size)..];
        }
    }

    /// <summary>A client that does everything right gets its message through.</summary>
    private async Task ServesAsync()
    {
        var queue = $"served.{Guid.NewGuid():N}";
        await using var connection = await WireConnection.OpenAsync(_broker.AmqpPort);
        await connection.CallAsync(1, WireMethods.QueueDeclare(queue, exclusive: true), 50, 11);
        await connection.CallAsync(1, WireMethods.ConfirmSelect(), 85, 11);
        await connection.PublishAsync(1, WireMethods.BasicPublish("", queue), [1, 2, 3]);
        await connection.ExpectAsync(60, 80);
        await connection.CallAsync(1, WireMethods.BasicGet(queue, noAck: true), 60, 71);
    }

    /// <summary>What the broker's process holds in memory; 0 when it was not started here.</summary>
    private long ResidentBytes()
    {
        if (_broker.ProcessId is not { } id)
        {
            return 0;
        }

        var line = File.ReadLines($"/proc/{id}/status").First(text => text.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }
}
