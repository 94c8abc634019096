using Granary.Amqp;

namespace Granary.Core.Routing;

/// <summary>
/// One entry of a headers table in the one form that is compared: equal entries have equal bytes. That is the entry as on the wire, but for
/// <c>L</c>, which RabbitMQ reads as <c>l</c>, and for truths other than 1. Types are compared exactly: 1 as <c>I</c> is not 1 as <c>l</c>.
/// </summary>
internal static class HeaderEntry
{
    /// <summary>The key with its length in front: how the presence of a header is asked for.</summary>
    public static ReadOnlySpan<byte> Presence(ReadOnlySpan<byte> entry) => entry[..(1 + entry[0])];

    /// <summary>The entry as it is compared; copied into <paramref name="scratch"/> only where the wire has another form.</summary>
    public static ReadOnlySpan<byte> Canonical(ReadOnlySpan<byte> entry, FieldKind kind, Span<byte> scratch)
    {
        var letter = 1 + entry[0];
        switch (kind)
        {
            case FieldKind.OtherLong:
                entry.CopyTo(scratch);
                scratch[letter] = (byte)FieldKind.Long;
                return scratch[..entry.Length];
            case FieldKind.Boolean when entry[letter + 1] > 1:
                entry.CopyTo(scratch);
                scratch[letter + 1] = 1;
                return scratch[..entry.Length];
            default:
                return entry;
        }
    }
}
