using System.Buffers.Binary;

namespace Granary.Amqp;

/// <summary>Makes new property bytes from given ones by changing one thing and copying the rest as it is.</summary>
public static class BasicPropertiesEdit
{
    /// <summary>What headers take beside their entries.</summary>
    public const int HeadersSize = sizeof(uint);

    /// <summary>With a property that is a short string set or replaced.</summary>
    /// <exception cref="ArgumentException">The text has more than 255 bytes, or the property is of another type.</exception>
    /// <exception cref="AmqpConnectionException">501: the bytes cannot be decoded.</exception>
    public static byte[] WithText(ReadOnlySpan<byte> bytes, BasicProperty property, ReadOnlySpan<byte> text)
    {
        BasicPropertiesView.RequireText(property);
        Span<byte> value = stackalloc byte[1 + AmqpWriter.MaxShortString];
        var writer = new AmqpWriter(value);
        writer.WriteShortString(text);
        return Replace(BasicPropertiesView.Read(bytes), property, value[..writer.Position]);
    }

    /// <summary>With the headers set or replaced.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes cannot be decoded.</exception>
    public static byte[] WithHeaders(ReadOnlySpan<byte> bytes, FieldTable headers)
    {
        var value = new byte[AmqpWriter.SizeOfTable(headers)];
        var writer = new AmqpWriter(value);
        writer.WriteTable(headers);
        return Replace(BasicPropertiesView.Read(bytes), BasicProperty.Headers, value);
    }

    /// <summary>Without one property.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes cannot be decoded.</exception>
    public static byte[] Without(ReadOnlySpan<byte> bytes, BasicProperty property)
    {
        var view = BasicPropertiesView.Read(bytes);
        return view.Has(property) ? Replace(view, property, []) : bytes.ToArray();
    }

    /// <summary>Without all entries of the headers that have this key; headers that become empty stay, as an empty table.</summary>
    /// <exception cref="AmqpConnectionException">501: the bytes cannot be decoded.</exception>
    public static byte[] WithoutHeader(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> key)
    {
        var view = BasicPropertiesView.Read(bytes);
        if (!view.TryGetHeaders(out var headers))
        {
            return bytes.ToArray();
        }

        var value = new byte[sizeof(uint) + headers.Length];
        var size = sizeof(uint);
        var entries = new FieldTableReader(headers, MethodId.BasicPublish);
        while (entries.MoveNext())
        {
            if (!entries.Key.SequenceEqual(key))
            {
                var entry = headers[entries.Start..entries.End];
                entry.CopyTo(value.AsSpan(size));
                size += entry.Length;
            }
        }

        BinaryPrimitives.WriteInt32BigEndian(value, size - sizeof(uint));
        return Replace(view, BasicProperty.Headers, value.AsSpan(0, size));
    }

    /// <summary>Writes the properties with one more header behind the others, none of which may have its key.</summary>
    /// <param name="entry">Key, type and value as on the wire.</param>
    /// <param name="destination">Has room for <see cref="HeadersSize"/> bytes more than the properties and the entry together take.</param>
    /// <param name="end">Where the entry ends in what was written.</param>
    /// <returns>How many bytes were written.</returns>
    /// <exception cref="AmqpConnectionException">501: the bytes cannot be decoded.</exception>
    public static int AddHeader(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> entry, Span<byte> destination, out int end)
    {
        var view = BasicPropertiesView.Read(bytes);
        var start = view.StartOf(BasicProperty.Headers);
        var after = view.TryGetHeaders(out var headers) ? start + HeadersSize + headers.Length : start;
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)(view.Present | BasicProperty.Headers));
        bytes[BasicPropertiesView.FlagsSize..start].CopyTo(destination[BasicPropertiesView.FlagsSize..]);
        BinaryPrimitives.WriteInt32BigEndian(destination[start..], headers.Length + entry.Length);
        var at = start + HeadersSize;
        headers.CopyTo(destination[at..]);
        at += headers.Length;
        entry.CopyTo(destination[at..]);
        end = at + entry.Length;
        bytes[after..].CopyTo(destination[end..]);
        return end + bytes.Length - after;
    }

    // An empty value takes the property away: no property is empty on the wire.
    private static byte[] Replace(BasicPropertiesView view, BasicProperty property, ReadOnlySpan<byte> value)
    {
        view.TryGetRaw(property, out var old);
        var start = view.StartOf(property);
        var before = view.Bytes[BasicPropertiesView.FlagsSize..start];
        var after = view.Bytes[(start + old.Length)..];
        var present = value.IsEmpty ? view.Present & ~property : view.Present | property;

        var result = new byte[BasicPropertiesView.FlagsSize + before.Length + value.Length + after.Length];
        var writer = new AmqpWriter(result);
        writer.WriteShort((ushort)present);
        writer.WriteRaw(before);
        writer.WriteRaw(value);
        writer.WriteRaw(after);
        return result;
    }
}
