using System.Buffers;
using Granary.Amqp;
using Granary.Gateway.Amqp.Publishing;
using Granary.Gateway.Sockets;

namespace Granary.Gateway.Amqp;

/// <summary>
/// A large body frame on its way in, whose octets are put where they stay as they come: it is not waited for as a whole. The message is complete
/// only when the frame's end is there and is what it has to be.
/// </summary>
/// <param name="reader">Where a part can be received to where it stays; null where it cannot.</param>
internal sealed class BodyInParts(ITargetedReader? reader)
{
    // As many as a refusal shows.
    private readonly byte[] _first = new byte[16];

    // Less than this is better read together with what follows.
    private const int LeastTarget = 32 * 1024;

    private MessageIntake? _intake;
    private Memory<byte> _target;
    private int _length;
    private int _missing;

    public bool IsUnderWay => _intake is not null;

    // The channel may have failed in the middle of the frame: the rest is for nobody.
    private bool IsWanted => _intake is { Content.ExpectsBody: true };

    /// <exception cref="AmqpConnectionException">501: the message has no room for a frame of that length.</exception>
    public void Begin(MessageIntake intake, int length)
    {
        intake.Content.BeginFrame(length);
        (_intake, _length, _missing) = (intake, length, length);
    }

    /// <summary>Has the next read put what it gets where it stays, if it is of this body. Under the gate: the channel may fail meanwhile.</summary>
    public void Aim(bool nothingElseWaits)
    {
        if (reader is not null)
        {
            _target = nothingElseWaits && _missing >= LeastTarget && IsWanted ? _intake!.Content.Room(_missing) : default;
            reader.Target = _target;
        }
    }

    /// <summary>Takes what was received to where it stays.</summary>
    public void TakeAimed() => Received(_target[..(reader?.TakeTargeted() ?? 0)].Span);

    /// <summary>Takes what is there; true when the frame has ended. If not, an operation may have begun that is to be awaited before the rest.</summary>
    /// <exception cref="AmqpConnectionException">501: wrong end octet.</exception>
    public bool TryTake(FrameSlicer frames, ref ReadOnlySequence<byte> buffer)
    {
        while (_missing > 0)
        {
            if (IsWanted && !_intake!.TryMakeRoom(1))
            {
                return false;
            }

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

    private void Received(ReadOnlySpan<byte> part)
    {
        Note(part);
        if (IsWanted)
        {
            _intake!.Content.Advance(part.Length);
        }
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
