using System.Buffers.Binary;
using System.Text;

namespace Granary.Testing.Wire;

/// <summary>Writes AMQP fields; knows nothing of the product's own encoder, so that the two can disagree.</summary>
public sealed class WireWriter
{
    private readonly MemoryStream _bytes = new();

    /// <summary>Starts with the two ids of a method.</summary>
    public static WireWriter Method(ushort classId, ushort methodId) => new WireWriter().Short(classId).Short(methodId);

    /// <summary>Everything written so far.</summary>
    public byte[] ToArray() => _bytes.ToArray();

    /// <summary>One octet; also several bits packed by the caller.</summary>
    public WireWriter Octet(byte value)
    {
        _bytes.WriteByte(value);
        return this;
    }

    /// <summary>Bits in one octet, the first in the lowest place.</summary>
    public WireWriter Bits(params bool[] bits) => Octet((byte)bits.Select((bit, place) => bit ? 1 << place : 0).Sum());

    /// <summary>Two octets, the high one first.</summary>
    public WireWriter Short(ushort value)
    {
        Span<byte> room = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(room, value);
        _bytes.Write(room);
        return this;
    }

    /// <summary>Four octets.</summary>
    public WireWriter Long(uint value)
    {
        Span<byte> room = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(room, value);
        _bytes.Write(room);
        return this;
    }

    /// <summary>Eight octets.</summary>
    public WireWriter LongLong(ulong value)
    {
        Span<byte> room = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(room, value);
        _bytes.Write(room);
        return this;
    }

    /// <summary>A string of at most 255 bytes.</summary>
    public WireWriter ShortString(string value)
    {
        var text = Encoding.UTF8.GetBytes(value);
        return Octet(checked((byte)text.Length)).Raw(text);
    }

    /// <summary>A string with a four-octet length.</summary>
    public WireWriter LongString(string value)
    {
        var text = Encoding.UTF8.GetBytes(value);
        return Long((uint)text.Length).Raw(text);
    }

    /// <summary>Bytes as they are.</summary>
    public WireWriter Raw(ReadOnlySpan<byte> value)
    {
        _bytes.Write(value);
        return this;
    }

    /// <summary>A field table; values may be string, bool, numbers, a time, bytes, null, a list or another table.</summary>
    public WireWriter Table(IReadOnlyDictionary<string, object?>? table)
    {
        var fields = new WireWriter();
        foreach (var (name, value) in table ?? new Dictionary<string, object?>())
        {
            fields.ShortString(name).Field(value);
        }

        var bytes = fields.ToArray();
        return Long((uint)bytes.Length).Raw(bytes);
    }

    private WireWriter Field(object? value) => value switch
    {
        null => Octet((byte)'V'),
        string text => Octet((byte)'S').LongString(text),
        bool flag => Octet((byte)'t').Octet(flag ? (byte)1 : (byte)0),
        byte number => Octet((byte)'B').Octet(number),
        sbyte number => Octet((byte)'b').Octet((byte)number),
        ushort number => Octet((byte)'u').Short(number),
        uint number => Octet((byte)'i').Long(number),
        ulong number => Octet((byte)'L').LongLong(number),
        float number => Octet((byte)'f').Long(BitConverter.SingleToUInt32Bits(number)),
        DateTimeOffset time => Octet((byte)'T').LongLong((ulong)time.ToUnixTimeSeconds()),
        byte[] bytes => Octet((byte)'x').Long((uint)bytes.Length).Raw(bytes),
        short number => Octet((byte)'s').Short((ushort)number),
        int number => Octet((byte)'I').Long((uint)number),
        long number => Octet((byte)'l').LongLong((ulong)number),
        decimal number => Octet((byte)'D').Octet(number.Scale).Long((uint)(int)(number * (decimal)Math.Pow(10, number.Scale))),
        double number => Octet((byte)'d').LongLong(BitConverter.DoubleToUInt64Bits(number)),
        IReadOnlyList<object?> list => Array(list),
        IReadOnlyDictionary<string, object?> table => Octet((byte)'F').Table(table),
        _ => throw new ArgumentException($"No field type for {value.GetType()}.", nameof(value)),
    };

    private WireWriter Array(IReadOnlyList<object?> list)
    {
        var items = new WireWriter();
        foreach (var item in list)
        {
            items.Field(item);
        }

        var bytes = items.ToArray();
        return Octet((byte)'A').Long((uint)bytes.Length).Raw(bytes);
    }
}
