using Granary.Gateway.Grpc.Access;

namespace Granary.Gateway.Grpc.Publishing;

/// <summary>How a field's value is written (protobuf's encoding, "Message structure").</summary>
internal enum WireType
{
    Varint = 0,
    Fixed64 = 1,
    LengthDelimited = 2,
    StartGroup = 3,
    EndGroup = 4,
    Fixed32 = 5,
}

/// <summary>
/// Reads the fields of one protobuf message in place. Generated classes would make an object, two strings and an array of every published message, only to be
/// written into a record and forgotten.
/// </summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private const int MostVarintBytes = 10;

    // As generated parsers have it.
    private const int DeepestGroup = 100;

    private readonly ReadOnlySpan<byte> _message = message;

    /// <summary>How far it has read.</summary>
    public int Position { get; private set; }

    /// <summary>False at the end of the message.</summary>
    /// <exception cref="global::Grpc.Core.RpcException">502, here and below: the message is malformed.</exception>
    public bool TryReadTag(out int field, out WireType type)
    {
        if (Position == _message.Length)
        {
            (field, type) = (0, default);
            return false;
        }

        var tag = ReadVarint32();
        (field, type) = ((int)(tag >> 3), (WireType)(tag & 7));
        return tag > 7 ? true : throw CallErrors.Malformed("a field has no number");
    }

    public ulong ReadVarint()
    {
        var value = 0ul;
        for (var i = 0; i < MostVarintBytes && Position < _message.Length; i++)
        {
            var next = _message[Position++];
            value |= (ulong)(next & 0x7F) << (7 * i);
            if (next < 0x80)
            {
                return value;
            }
        }

        throw CallErrors.Malformed("a number does not end");
    }

    /// <summary>The bytes of a length-delimited value; <see cref="Position"/> is their end.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        var length = ReadVarint32();
        if (length > (uint)(_message.Length - Position))
        {
            throw CallErrors.Malformed("a field is longer than the message");
        }

        var bytes = _message.Slice(Position, (int)length);
        Position += (int)length;
        return bytes;
    }

    /// <summary>Passes over a value, such as one of a field that a later version has.</summary>
    public void Skip(int field, WireType type) => Skip(field, type, depth: 0);

    // Of a number that should have 32 bits generated parsers leave out the others, and so does this.
    private uint ReadVarint32() => unchecked((uint)ReadVarint());

    private void Skip(int field, WireType type, int depth)
    {
        switch (type)
        {
            case WireType.Varint:
                ReadVarint();
                break;
            case WireType.Fixed64:
                Pass(sizeof(ulong));
                break;
            case WireType.LengthDelimited:
                ReadBytes();
                break;
            case WireType.Fixed32:
                Pass(sizeof(uint));
                break;
            case WireType.StartGroup when depth < DeepestGroup:
                SkipGroup(field, depth + 1);
                break;
            default:
                throw CallErrors.Malformed($"a field has the wire type {(int)type}");
        }
    }

    private void SkipGroup(int group, int depth)
    {
        while (TryReadTag(out var field, out var type))
        {
            if ((field, type) == (group, WireType.EndGroup))
            {
                return;
            }

            Skip(field, type, depth);
        }

        throw CallErrors.Malformed("a group does not end");
    }

    private void Pass(int bytes)
    {
        Position += bytes <= _message.Length - Position ? bytes : throw CallErrors.Malformed("a field is longer than the message");
    }
}
