namespace Granary.Amqp.Tests;

public sealed class FrameReaderTests
{
    private const int FrameMax = 4096;

    [Theory]
    [Splits]
    public void TryRead_CutAnywhere_GivesTheSameFrames(string name, int split)
    {
        var bytes = WireCases.All[name];
        var (expected, _, _) = FrameOracle.Read(bytes, FrameMax);

        var frames = new List<OracleFrame>();
        var consumed = Drain(bytes.AsSpan()[..split], frames, FrameMax);
        consumed += Drain(bytes.AsSpan()[consumed..], frames, FrameMax);

        Assert.Equal(expected, frames);
        Assert.Equal(bytes.Length, consumed);
    }

    [Theory]
    [Splits]
    public void TryRead_CutAnywhere_TellsTheSameWithoutAFrameMax(string name, int split)
    {
        var bytes = WireCases.All[name].AsSpan()[..split];
        var limited = new List<OracleFrame>();
        var unlimited = new List<OracleFrame>();

        Assert.Equal(Drain(bytes, limited, FrameMax), Drain(bytes, unlimited, 0));
        Assert.Equal(limited, unlimited);
    }

    [Theory]
    [Splits]
    public void FrameSize_CutAnywhere_IsKnownFromSevenOctetsOn(string name, int split)
    {
        var bytes = WireCases.All[name];
        Assert.True(FrameReader.TryRead(bytes, FrameMax, out _, out _, out _, out var whole));

        Assert.Equal(split < 7 ? null : whole, FrameReader.FrameSize(bytes.AsSpan()[..split], FrameMax));
    }

    [Fact]
    public void TryRead_PayloadOfFrameMax_IsTakenAsRabbitMqDoes()
    {
        var bytes = new byte[FrameMax + Frame.Overhead];
        Frame.WriteHeader(bytes, FrameType.Body, 1, FrameMax);
        bytes[^1] = Frame.End;

        Assert.True(FrameReader.TryRead(bytes, FrameMax, out _, out _, out var payload, out var consumed));
        Assert.Equal((FrameMax, bytes.Length), (payload.Length, consumed));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(20)]
    public void TryRead_PayloadTooLarge_IsRefusedFromTheHeaderAlone(int arrived)
    {
        var bytes = new byte[arrived];
        Frame.WriteHeader(bytes, FrameType.Body, 1, FrameMax + 1);

        var error = Refused(bytes, FrameMax);

        Assert.Equal("FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088}", error.Text);
        Assert.Equal((ReplyCode.FrameError, 0, 0), (error.ReplyCode, error.ClassId, error.MethodId));
        Assert.Throws<AmqpConnectionException>(() => FrameReader.FrameSize(bytes, FrameMax));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(int.MaxValue)]
    public void TryRead_SizeBeyondAnyArray_IsRefusedWithoutAFrameMax(int frameMax) =>
        Assert.Equal(ReplyCode.FrameError, Refused([3, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF], frameMax).ReplyCode);

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(7)]
    [InlineData(9)]
    [InlineData(33)] // 33 modulo 32 is a frame type
    [InlineData(35)]
    [InlineData(255)]
    public void TryRead_UnknownType_IsRefused(byte type)
    {
        Assert.Equal($"FRAME_ERROR - type {type}, all octets = <<>>: unknown_frame", Refused([type, 0, 0, 0, 0, 0, 0], FrameMax).Text);
        Assert.Equal($"FRAME_ERROR - type {type}, all octets = <<\"ab\">>: unknown_frame", Refused([type, 0, 0, 0, 0, 0, 2, 97, 98, 0xCE], FrameMax).Text);
    }

    [Theory]
    [InlineData(FrameMax)]
    [InlineData(0)]
    public void TryRead_WrongEndOctet_IsRefused(int frameMax)
    {
        byte[] bytes = [.. MethodSample.Frame(1, new Methods.BasicAck(1, false))[..^1], 0];

        Assert.Equal(
            "FRAME_ERROR - type 1, all octets = <<0,60,0,80,0,0,0,0,0,0,0,1,0>>: {invalid_frame_end_marker,0}", Refused(bytes, frameMax).Text);
    }

    [Fact]
    public void WriteBody_LargerThanFrameMax_IsCutIntoFullFrames()
    {
        var output = new System.Buffers.ArrayBufferWriter<byte>();
        Frame.WriteBody(output, 9, new byte[10], 12);

        var (frames, consumed, _) = FrameOracle.Read(output.WrittenSpan.ToArray(), 12);
        Assert.Equal([8, 8, 4], frames.Select(frame => frame.Payload.Length));
        Assert.Equal(output.WrittenCount, consumed);
    }

    internal static int Drain(ReadOnlySpan<byte> bytes, List<OracleFrame> frames, int frameMax)
    {
        var position = 0;
        while (FrameReader.TryRead(bytes[position..], frameMax, out var type, out var channel, out var payload, out var consumed))
        {
            frames.Add(new OracleFrame((int)type, channel, Convert.ToHexString(payload)));
            position += consumed;
        }

        return position;
    }

    private static AmqpConnectionException Refused(byte[] bytes, int frameMax) =>
        Assert.Throws<AmqpConnectionException>(() => FrameReader.TryRead(bytes, frameMax, out _, out _, out _, out _));
}
