using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;

namespace Granary.Amqp;

/// <summary>Reads the fields of a method one after the other. Every read throws 501 when the bytes end before the field does.</summary>
/// <param name="buffer">The bytes of the fields.</param>
/// <param name="methodId">The method that errors name, as in <see cref="MethodId"/>; 0 for none.</param>
public ref struct AmqpReader(ReadOnlySpan<byte> buffer, uint methodId = 0)
{
    private readonly ReadOnlySpan<byte> _buffer = buffer;
    private readonly uint _methodId = methodId;
    private int _position;

    /// <summary>Octets that are not read yet.</summary>
    public readonly int Remaining => _buffer.Length - _position;

    public byte ReadOctet() => Take(1)[0];

    /// <summary>The octet that packs up to eight consecutive bit fields, the first in the lowest bit (section 4.2.5.2).</summary>
    public byte ReadBits() => Take(1)[0];

    /// <summary>A bit field that stands alone.</summary>
    public bool ReadBit() => (Take(1)[0] & 1) != 0;

    public ushort ReadShort() => BinaryPrimitives.ReadUInt16BigEndian(Take(2));

    public uint ReadLong() => BinaryPrimitives.ReadUInt32BigEndian(Take(4));

    public ulong ReadLongLong() => BinaryPrimitives.ReadUInt64BigEndian(Take(8));

    /// <summary>A short string in place, 255 octets at most, not checked to be UTF-8.</summary>
    public ReadOnlySpan<byte> ReadShortString() => Take(Take(1)[0]);

    /// <summary>A short string as text.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, or not UTF-8, which RabbitMQ refuses in the fields of methods.</exception>
    public string ReadShortStringText()
    {
        var octets = ReadShortString();
        if (!Utf8.IsValid(octets))
        {
            DecodeError.MalformedShortString(_methodId);
        }

        return Encoding.UTF8.GetString(octets);
    }

    /// <summary>A long string in place.</summary>
    public ReadOnlySpan<byte> ReadLongString()
    {
        var length = ReadLong();
        if (length > (uint)Remaining)
        {
            Fail();
        }

        return Take((int)length);
    }

    /// <summary>A field table.</summary>
    /// <exception cref="AmqpConnectionException">501: truncated, an unknown type letter, or nested too deeply.</exception>
    public FieldTable ReadTable() => FieldTable.Decode(ReadLongString(), _methodId);

    /// <summary>Throws 501 when bytes are left over, as RabbitMQ does.</summary>
    public readonly void ExpectEnd()
    {
        if (_position != _buffer.Length)
        {
            Fail();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _buffer.Length - _position)
        {
            Fail();
        }

        var octets = _buffer.Slice(_position, count);
        _position += count;
        return octets;
    }

    [DoesNotReturn]
    private readonly void Fail() => DecodeError.Undecodable(_buffer, _methodId);
}
