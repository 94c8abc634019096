using System.Buffers.Binary;
using System.Text;

namespace Granary.Testing.Wire;

/// <summary>Reads AMQP fields of a method the tests want to look into.</summary>
public sealed class WireReader(ReadOnlyMemory<byte> bytes)
{
    private ReadOnlyMemory<byte> _rest = bytes;

    /// <summary>One octet.</summary>
    public byte Octet() => Take(1)[0];

    /// <summary>Two octets.</summary>
    public ushort Short() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    /// <summary>Four octets.</summary>
    public uint Long() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    /// <summary>Eight octets.</summary>
    public ulong LongLong() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>A short string.</summary>
    public string ShortString() => Encoding.UTF8.GetString(Take(Octet()));

    private ReadOnlySpan<byte> Take(int count)
    {
        var taken = _rest.Span[..count];
        _rest = _rest[count..];
        return taken;
    }
}
