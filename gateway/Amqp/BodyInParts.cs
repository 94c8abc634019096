using System.Buffers;
using Granary.Amqp;
using Granary.Gateway.Amqp.Publishing;

namespace Granary.Gateway.Amqp;

/// <summary>
/// A large body frame on its way in, whose octets are put where they stay as they come: it is not waited for as a whole. The message is complete
/// only when the frame's end is there and is what it has to be.
/// </summary>
internal sealed class BodyInParts
{
    // As many as a refusal shows.
    private readonly byte[] _first = new byte[16];

    // Less than this is better read together with what follows.
    private const int LeastTarget = 32 * 1024;

    private MessageIntake? _intake;
    private int _length;
    private int _missing;

    public bool IsUnderWay => _intake is not null;

    /// <summary>Where what comes next may be received to, or empty.</summary>
    public Memory<byte> Target => _missing >= LeastTarget && IsWanted ? _intake!.Content.Room(_missing) : default;

    // The channel may have failed in the middle of the frame: the rest is for nobody.
    private bool IsWanted => _intake is { Content.ExpectsBody: true };

    /// <exception cref="AmqpConnectionException">501: the message has no room for a frame of that length.</exception>
    public void Begin(MessageIntake intake, int length)
    {
        intake.Content.BeginFrame(length);
        (_intake, _length, _missing) = (intake, length, length);
    }

    /// <summary>So much has been received to <see cref="Target"/>.</summary>
    public void Received(ReadOnlySpan<byte> part)
    {
        Note(part);
        if (IsWanted)
        {
            _intake!.Content.Advance(part.Length);
        }
    }

    /// <summary>Takes what is there; true when the frame has ended.</summary>
    /// <exception cref="AmqpConnectionException">501: wrong end octet.</exception>
    public bool TryTake(FrameSlicer frames, ref ReadOnlySequence<byte> buffer)
    {
        while (_missing > 0)
        {
            var room = IsWanted ? _intake!.Content.Room(_missing) : default;
            if (!frames.TryTake(ref buffer, IsWanted ? room.Length : _missing, out var part))
            {
                return false;
            }

            if (IsWanted)
            {
                part.CopyTo(room.Span);
            }

            Received(part);
        }

        if (!frames.TryTake(ref buffer, 1, out var end))
        {
            return false;
        }

        var intake = IsWanted ? _intake : null;
        _intake = null;
        FrameReader.CheckEnd(FrameType.Body, _first.AsSpan(0, Math.Min(_first.Length, _length)), _length, end[0]);
        intake?.OnBodyEnd();
        return true;
    }

    private void Note(ReadOnlySpan<byte> part)
    {
        var noted = _length - _missing;
        if (noted < _first.Length)
        {
            part[..Math.Min(part.Length, _first.Length - noted)].CopyTo(_first.AsSpan(noted));
        }

        _missing -= part.Length;
    }
}
