using System.Security.Cryptography;
using Granary.Amqp;
using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Queues.Deduplication;

/// <summary>
/// What tells messages of one another: the header x-deduplication-header, or else the message id, of which 122 bits of a digest are kept. They take the form of a
/// session's id, with a version that no session has (RFC 9562, version 8): so a store has one list of what was taken, by whom or of which name.
/// </summary>
internal static class MessageKey
{
    /// <summary>No message has it: what is stored with it is the window that exchanges ask a queue for.</summary>
    public static readonly SessionId OfWindow = new(new Guid("00000000-0000-8000-8000-000000000000"));

    /// <summary>No message has it, either: what sessions published that is not persistent was stored for the next activation as well.</summary>
    public static readonly SessionId OfHandOver = new(new Guid("00000000-0000-8000-8000-000000000001"));

    private const int Version = 8;
    private const int SizeBits = 20;

    // Longer than any time that may be asked for.
    private const long ForEver = (1L << 39) - 1;

    /// <summary>It is a key, and not the id of a session.</summary>
    public static bool Is(SessionId id) => id.Value.Version == Version;

    /// <summary>A window as the number that is stored for it: of a wider one it is higher.</summary>
    public static PublishProgress Write(DeduplicationWindow window) => new(OfWindow, ((window.Ttl ?? ForEver) << SizeBits) | (long)window.Size);

    public static DeduplicationWindow ReadWindow(long number)
    {
        var ttl = number >> SizeBits;
        return new DeduplicationWindow((int)(number & ((1L << SizeBits) - 1)), ttl == ForEver ? null : ttl);
    }

    /// <summary>False: the message has neither, and is like no other.</summary>
    public static bool TryRead(in MessageRecord message, out SessionId key)
    {
        var properties = BasicPropertiesView.Read(message.Properties);
        if (properties.TryGetHeaders(out var headers))
        {
            var reader = new FieldTableReader(headers);
            if (reader.MoveTo("x-deduplication-header"u8) && reader.Kind != FieldKind.Void)
            {
                key = Of(reader);
                return true;
            }
        }

        if (properties.TryGetMessageId(out var id))
        {
            key = OfMessageId(id);
            return true;
        }

        key = default;
        return false;
    }

    private static SessionId Of(in FieldTableReader reader)
    {
        var length = HeaderKey.LengthOf(reader);
        Span<byte> named = length <= HeaderKey.LongestOnStack ? stackalloc byte[length] : new byte[length];
        HeaderKey.Write(reader, named);
        return Of(named);
    }

    // A message id is a short string: no header has that kind.
    private static SessionId OfMessageId(ReadOnlySpan<byte> id)
    {
        Span<byte> named = stackalloc byte[byte.MaxValue + 1];
        named[0] = 0;
        id.CopyTo(named[1..]);
        return Of(named[..(id.Length + 1)]);
    }

    private static SessionId Of(ReadOnlySpan<byte> named)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(named, digest);

        // The fields of an id in the order in which it is written, the highest first.
        digest[6] = (byte)((digest[6] & 0x0F) | (Version << 4));
        digest[8] = (byte)((digest[8] & 0x3F) | 0x80);
        return new SessionId(new Guid(digest[..16], bigEndian: true));
    }
}
