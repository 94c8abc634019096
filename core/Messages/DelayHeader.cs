using System.Buffers.Text;
using Granary.Amqp;

namespace Granary.Core.Messages;

/// <summary>The header x-delay, as rabbit_delayed_message_utils reads it: for how many milliseconds an exchange is to keep a message.</summary>
public static class DelayHeader
{
    public const string Name = "x-delay";

    /// <summary>The longest delay, in milliseconds: 2^32 - 1, some 49 days. A longer one is none.</summary>
    public const long Longest = uint.MaxValue;

    /// <summary>The delay that the headers ask for; 0: none.</summary>
    /// <param name="headers">The content of the headers table, or empty.</param>
    /// <exception cref="AmqpConnectionException">501: the table cannot be decoded.</exception>
    public static long Of(ReadOnlySpan<byte> headers)
    {
        var reader = new FieldTableReader(headers, MethodId.BasicPublish);
        return reader.MoveTo("x-delay"u8) && TryRead(reader, out var delay) && delay is > 0 and <= Longest ? delay : 0;
    }

    /// <inheritdoc cref="Of"/>
    /// <param name="properties">A message's properties as on the wire.</param>
    public static long OfMessage(ReadOnlySpan<byte> properties) =>
        BasicPropertiesView.Read(properties).TryGetHeaders(out var headers) ? Of(headers) : 0;

    private static bool TryRead(FieldTableReader reader, out long delay)
    {
        if (reader.TryGetInteger(out delay))
        {
            return true;
        }

        if (reader.Kind is FieldKind.LongString or FieldKind.Bytes)
        {
            return Utf8Parser.TryParse(reader.Value, out delay, out var read) && read == reader.Value.Length;
        }

        if (reader.Kind is not (FieldKind.Float or FieldKind.Double) || !reader.ToFieldValue().TryGetDouble(out var number) || !(Math.Abs(number) <= Longest))
        {
            return false;
        }

        delay = (long)number;
        return true;
    }
}
