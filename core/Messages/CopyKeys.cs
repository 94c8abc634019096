using Granary.Amqp;
using Granary.Core.Topology;

namespace Granary.Core.Messages;

/// <summary>The CC and BCC headers: further routing keys of a message (RabbitMQ's sender-selected distribution). BCC is removed before delivery.</summary>
public static class CopyKeys
{
    private static ReadOnlySpan<byte> Cc => "CC"u8;

    private static ReadOnlySpan<byte> Bcc => "BCC"u8;

    public static bool AreIn(ReadOnlySpan<byte> headers)
    {
        var reader = new FieldTableReader(headers);
        while (reader.MoveNext())
        {
            if (reader.Key.SequenceEqual(Cc) || reader.Key.SequenceEqual(Bcc))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The keys of both headers. Elements that are no text are passed over, as by rabbit_basic:header_routes.</summary>
    /// <exception cref="AmqpChannelException">406 when one of the headers is not an array.</exception>
    public static ReadOnlyMemory<byte>[] Read(ReadOnlySpan<byte> headers)
    {
        var keys = new List<ReadOnlyMemory<byte>>();
        var table = FieldTable.Decode(headers, MethodId.BasicPublish);
        foreach (var name in (ReadOnlySpan<string>)["CC", "BCC"])
        {
            if (!table.TryGetValue(name, out var value))
            {
                continue;
            }

            if (!value.TryGetArray(out var array))
            {
                throw new AmqpChannelException(
                    ReplyCode.PreconditionFailed,
                    $"invalid message: {{unacceptable_type_in_header,\"{name}\",{FieldText.TypeName(value.Kind)}}}", MethodId.BasicPublish);
            }

            foreach (var key in array)
            {
                if (key.Kind == FieldKind.LongString && key.TryGetBytes(out var octets))
                {
                    keys.Add(octets);
                }
            }
        }

        return [.. keys];
    }
}
