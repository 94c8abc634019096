using CsCheck;
using Google.Protobuf;
using Granary.Gateway.Grpc.Publishing;
using Granary.Testing.Walks;
using Granary.V1;
using Grpc.Core;

namespace Granary.Gateway.Tests.Grpc.Publishing;

/// <summary>Messages read in place against what generated code reads.</summary>
public sealed class PublishedMessageTests
{
    private static readonly Gen<string> Text = Gen.Frequency((3, Gen.Const('k')), (1, Gen.Const('ü'))).Array[0, 19].Select(letters => new string(letters));

    private static readonly Gen<Message> AnyMessage = Gen.Select(
        Gen.Bool, Text, Text, Gen.Select(Text, Gen.UInt[0, 2], (id, mode) => new BasicProperties { MessageId = id, DeliveryMode = mode }).Null(), Gen.Byte.Array[0, 400],
        (mandatory, exchange, key, properties, body) => new Message
        {
            Mandatory = mandatory,
            Exchange = exchange,
            RoutingKey = key,
            Properties = properties,
            Body = ByteString.CopyFrom(body),
        });

    /// <summary>Cut somewhere, or with another byte somewhere.</summary>
    private static readonly Gen<byte[]> Damaged = Gen.Select(
        AnyMessage, Gen.Bool, Gen.Double.Unit, Gen.Byte, (message, isCut, at, other) =>
        {
            var bytes = message.ToByteArray();
            var index = (int)(at * bytes.Length);
            if (isCut || bytes.Length == 0)
            {
                return bytes[..index];
            }

            bytes[index] = other;
            return bytes;
        });

    [Fact]
    public void Read_AnyMessage_IsWhatGeneratedCodeReads() => AnyMessage.Walk(message => AssertSame(message, message.ToByteArray()), count: 8_000);

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
    [InlineData("8A80808010016B", "a tag whose bits beyond the 32nd are not zero")]
    [InlineData("0A81808080106B", "a length whose bits beyond the 32nd are not zero")]
    [InlineData("7B7C", "a group")]
    [InlineData("7B08017B7C10027C0A016B", "groups in one another, and a field")]
    public void Read_WhatGeneratedCodeIsLenientWith_IsReadAsThere(string hex, string what)
    {
        var bytes = Convert.FromHexString(hex);
        Assert.True(TryParse(bytes) is not null, what);
        AssertSame(TryParse(bytes)!, bytes);
    }

    [Theory]
    [InlineData("7B", "a group that does not end")]
    [InlineData("7B84017C", "a group that ends as another")]
    [InlineData("7C", "the end of no group")]
    [InlineData("7E", "a wire type that there is not")]
    public void Read_Malformed_IsRefused(string hex, string what)
    {
        var bytes = Convert.FromHexString(hex);
        Assert.True(TryParse(bytes) is null, what);
        Assert.Equal(StatusCode.InvalidArgument, Assert.Throws<RpcException>(() => PublishedMessage.Read(bytes)).StatusCode);
    }

    [Fact]
    public void Read_GroupsDeeperThanGeneratedCodeReads_AreRefused()
    {
        byte[] bytes = [.. Enumerable.Repeat((byte)0x7B, 10_000), .. Enumerable.Repeat((byte)0x7C, 10_000)];
        Assert.Null(TryParse(bytes));
        Assert.Throws<RpcException>(() => PublishedMessage.Read(bytes));
    }

    [Fact]
    public void Read_CutOrChangedBytes_AreRefusedOrReadAsGeneratedCodeDoes() => Damaged.Walk(AssertSameOrRefused, count: 20_000, print: Convert.ToHexString);

    private static void AssertSameOrRefused(byte[] bytes)
    {
        try
        {
            // The oracle is stricter with what is inside of the properties, which are not looked at here.
            _ = PublishedMessage.Read(bytes);
        }
        catch (RpcException refused)
        {
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.True(TryParse(bytes) is null, "Refused what generated code reads.");
            return;
        }

        if (TryParse(bytes) is { } parsed)
        {
            AssertSame(parsed, bytes);
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
}
