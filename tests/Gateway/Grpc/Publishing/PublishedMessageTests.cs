using Google.Protobuf;
using Granary.Gateway.Grpc.Publishing;
using Granary.Gateway.Tests.Fakes;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Tests.Grpc.Publishing;

/// <summary>Messages read in place against what generated code reads.</summary>
public sealed class PublishedMessageTests
{
    public static TheoryData<int> Walks => [.. Enumerable.Range(0, 4).Select(walk => Seeds.First + walk)];

    [Theory]
    [MemberData(nameof(Walks))]
    public void Read_AnyMessage_IsWhatGeneratedCodeReads(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 2_000; i++)
        {
            var message = RandomMessage(random);
            AssertSame(message, message.ToByteArray());
        }
    }

    [Fact]
    public void Read_FieldsTwiceAndUnknownOnes_LastWinsAndPartsAreJoined()
    {
        byte[] unknown = [0x78, 0x01, 0x7D, 1, 2, 3, 4, 0x79, 1, 2, 3, 4, 5, 6, 7, 8, 0x7A, 2, 9, 9];
        var first = new Message { RoutingKey = "a", Body = ByteString.CopyFromUtf8("first"), Properties = new BasicProperties { MessageId = "id", Type = "t" } };
        var second = new Message { RoutingKey = "b", Mandatory = true, Properties = new BasicProperties { Type = "u" } };
        byte[] bytes = [.. first.ToByteArray(), .. unknown, .. second.ToByteArray()];

        AssertSame(Message.Parser.ParseFrom(bytes), bytes);
    }

    [Theory]
    [MemberData(nameof(Walks))]
    public void Read_CutOrChangedBytes_AreRefusedOrReadAsGeneratedCodeDoes(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < 5_000; i++)
        {
            var bytes = RandomMessage(random).ToByteArray();
            if (bytes.Length == 0)
            {
                continue;
            }

            if (random.Next(2) == 0)
            {
                bytes = bytes[..random.Next(bytes.Length)];
            }
            else
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                // The oracle is stricter with what is inside of the properties, which are not looked at here.
                _ = PublishedMessage.Read(bytes);
            }
            catch (RpcException refused)
            {
                Assert.Equal(StatusCode.Internal, refused.StatusCode);
                Assert.ThrowsAny<Exception>(() => Message.Parser.ParseFrom(bytes));
                continue;
            }

            if (TryParse(bytes) is { } parsed)
            {
                AssertSame(parsed, bytes);
            }
        }
    }

    private static Message? TryParse(byte[] bytes)
    {
        try
        {
            return Message.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static void AssertSame(Message expected, byte[] bytes)
    {
        var read = PublishedMessage.Read(bytes);
        Assert.Equal(expected.Exchange, System.Text.Encoding.UTF8.GetString(read.Exchange));
        Assert.Equal(expected.RoutingKey, System.Text.Encoding.UTF8.GetString(read.RoutingKey));
        Assert.Equal(expected.Properties is not null, read.HasProperties);
        Assert.Equal(expected.Properties ?? new BasicProperties(), BasicProperties.Parser.ParseFrom(read.Properties));
        Assert.Equal(expected.Body.ToByteArray(), bytes[read.Body]);
        Assert.Equal(expected.Mandatory, read.IsMandatory);
    }

    private static Message RandomMessage(Random random)
    {
        var message = new Message { Mandatory = random.Next(2) == 0, Exchange = Text(random), RoutingKey = Text(random) };
        if (random.Next(2) == 0)
        {
            message.Properties = new BasicProperties { MessageId = Text(random), DeliveryMode = (uint)random.Next(3) };
        }

        var body = new byte[random.Next(4) == 0 ? 0 : random.Next(400)];
        random.NextBytes(body);
        message.Body = ByteString.CopyFrom(body);
        return message;
    }

    private static string Text(Random random) => random.Next(3) == 0 ? "" : string.Concat(Enumerable.Range(0, random.Next(20)).Select(_ => random.Next(4) == 0 ? "ü" : "k"));
}
