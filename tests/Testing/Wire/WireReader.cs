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

    /// <summary>A string with a four-octet length.</summary>
    public string LongString() => Encoding.UTF8.GetString(Take(checked((int)Long())));

    /// <summary>A field table, with values as <see cref="WireWriter.Table"/> takes them.</summary>
    public Dictionary<string, object?> Table()
    {
        var fields = Part();
        var table = new Dictionary<string, object?>();
        while (!fields._rest.IsEmpty)
        {
            table[fields.ShortString()] = fields.Field();
        }

        return table;
    }

    private object? Field() => (char)Octet() switch
    {
        'S' => LongString(),
        't' => Octet() != 0,
        'B' => Octet(),
        'b' => (sbyte)Octet(),
        's' => (short)Short(),
        'u' => Short(),
        'I' => (int)Long(),
        'i' => Long(),
        'l' => (long)LongLong(),
        'L' => LongLong(),
        'f' => BitConverter.UInt32BitsToSingle(Long()),
        'd' => BitConverter.UInt64BitsToDouble(LongLong()),
        'D' => Decimal(),
        'T' => DateTimeOffset.FromUnixTimeSeconds((long)LongLong()),
        'x' => Take(checked((int)Long())).ToArray(),
        'V' => null,
        'A' => Array(),
        'F' => Table(),
        var letter => throw new InvalidDataException($"Unknown field type '{letter}'."),
    };

    private decimal Decimal()
    {
        var scale = Octet();
        var number = (int)Long();
        return new decimal(Math.Abs(number), 0, 0, number < 0, scale);
    }

    private List<object?> Array()
    {
        var items = Part();
        var list = new List<object?>();
        while (!items._rest.IsEmpty)
        {
            list.Add(items.Field());
        }

        return list;
    }

    private WireReader Part() => new(Take(checked((int)Long())).ToArray());

    private ReadOnlySpan<byte> Take(int count)
    {
        var taken = _rest.Span[..count];
        _rest = _rest[count..];
        return taken;
    }
}
