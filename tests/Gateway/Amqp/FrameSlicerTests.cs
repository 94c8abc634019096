using System.Buffers;
using Granary.Amqp;
using Granary.Amqp.Methods;
using Granary.Gateway.Amqp;
using Granary.Gateway.Tests.Fakes;

namespace Granary.Gateway.Tests.Amqp;

/// <summary>Frames come out the same however the pipe has cut them into segments.</summary>
public sealed class FrameSlicerTests
{
    private const int FrameMax = 4096;

    private static readonly byte[] Stream =
    [
        .. Frames.Method(1, new BasicAck(7, Multiple: true)), .. Frames.Of(FrameType.Heartbeat, 0), .. Frames.Of(FrameType.Body, 2, 1, 2, 3),
    ];

    private static readonly string[] Expected = ["Method 1 13", "Heartbeat 0 0", "Body 2 3"];

    [Fact]
    public void TryNext_AnyTwoCuts_GivesEveryFrame()
    {
        for (var first = 0; first <= Stream.Length; first++)
        {
            for (var second = first; second <= Stream.Length; second++)
            {
                var buffer = Segments(Stream[..first], Stream[first..second], Stream[second..]);
                var slicer = new FrameSlicer(FrameMax);

                Assert.Equal(Expected, Take(slicer, ref buffer));
                Assert.True(buffer.IsEmpty);
            }
        }
    }

    [Fact]
    public void TryNext_OctetByOctet_GivesEveryFrame()
    {
        var buffer = Segments([.. Stream.Select(octet => new[] { octet })]);

        Assert.Equal(Expected, Take(new FrameSlicer(FrameMax), ref buffer));
        Assert.True(buffer.IsEmpty);
    }

    [Fact]
    public void TryNext_StreamCutAnywhere_GoesOnWithTheRest()
    {
        for (var cut = 0; cut <= Stream.Length; cut++)
        {
            var slicer = new FrameSlicer(FrameMax);
            var start = new ReadOnlySequence<byte>(Stream, 0, cut);
            var frames = Take(slicer, ref start);
            var rest = Segments(start.ToArray(), Stream[cut..]);

            Assert.Equal(Expected, frames.Concat(Take(slicer, ref rest)));
        }
    }

    [Fact]
    public void Repeat_AtAnyCut_GivesTheSameFrameOnceMore()
    {
        for (var cut = 0; cut <= Stream.Length; cut++)
        {
            var buffer = Segments(Stream[..cut], Stream[cut..]);
            var slicer = new FrameSlicer(FrameMax);
            var frames = new List<string>();
            while (slicer.TryNext(ref buffer, out var type, out var channel, out var payload))
            {
                frames.Add($"{type} {channel} {payload.Length}");
                if (frames.Count % 2 == 1)
                {
                    // As the connection does it: what is repeated comes from another read.
                    slicer.Repeat();
                    slicer.Release(ref buffer);
                }
            }

            Assert.Equal(Expected.SelectMany(frame => new[] { frame, frame }), frames);
        }
    }

    [Fact]
    public void TryNext_WrongEndAtAnyCut_IsRefused()
    {
        byte[] bad = [.. Frames.Of(FrameType.Heartbeat, 0), .. Frames.Of(FrameType.Body, 1, 9)];
        bad[^1] = 0xCD;
        for (var cut = 0; cut <= bad.Length; cut++)
        {
            var buffer = Segments(bad[..cut], bad[cut..]);
            var slicer = new FrameSlicer(FrameMax);
            Assert.True(slicer.TryNext(ref buffer, out _, out _, out _));

            var error = Assert.Throws<AmqpConnectionException>(() => slicer.TryNext(ref buffer, out _, out _, out _));
            Assert.Equal("FRAME_ERROR - type 3, all octets = <<9>>: {invalid_frame_end_marker,205}", error.Text);
        }
    }

    [Fact]
    public void TryNext_TooLarge_IsRefusedBeforeThePayload()
    {
        for (var cut = 0; cut <= Frame.HeaderSize; cut++)
        {
            byte[] header = [1, 0, 1, 0, 0, 0x10, 0x01];
            var buffer = Segments(header[..cut], header[cut..]);

            var error = Assert.Throws<AmqpConnectionException>(() => new FrameSlicer(FrameMax).TryNext(ref buffer, out _, out _, out _));
            Assert.Equal("FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,4097,4088}", error.Text);
        }
    }

    private static List<string> Take(FrameSlicer slicer, ref ReadOnlySequence<byte> buffer)
    {
        var frames = new List<string>();
        while (slicer.TryNext(ref buffer, out var type, out var channel, out var payload))
        {
            frames.Add($"{type} {channel} {payload.Length}");
        }

        slicer.Release(ref buffer);
        return frames;
    }

    private static ReadOnlySequence<byte> Segments(params byte[][] parts)
    {
        var first = new Segment(parts[0], null);
        var last = first;
        foreach (var part in parts[1..])
        {
            last = new Segment(part, last);
        }

        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] bytes, Segment? before)
        {
            Memory = bytes;
            if (before is not null)
            {
                RunningIndex = before.RunningIndex + before.Memory.Length;
                before.Next = this;
            }
        }
    }
}
