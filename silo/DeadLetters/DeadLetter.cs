using System.Globalization;
using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Silo.DeadLetters;

/// <summary>The message that goes on from one that died: to the dead-letter exchange, with its history and without an expiration.</summary>
internal sealed class DeadLetter
{
    private readonly MessageFlags _flags;
    private readonly byte _priority;
    private readonly long _expiry;
    private readonly byte[] _properties;

    private DeadLetter(MessageFlags flags, byte priority, byte[] properties, long expiry = 0) =>
        (_flags, _priority, _properties, _expiry) = (flags, priority, properties, expiry);

    /// <summary>What the message says it was published to.</summary>
    public required byte[] Exchange { get; init; }

    /// <summary>Whose bindings say where it goes.</summary>
    public required byte[] Via { get; init; }

    public required byte[] RoutingKey { get; init; }

    /// <summary>Further keys that it is routed by.</summary>
    public required ReadOnlyMemory<byte>[] MoreKeys { get; init; }

    /// <summary>Its x-death.</summary>
    public required FieldArray Deaths { get; init; }

    public MessageFlags Flags => _flags;

    /// <summary>As on the wire.</summary>
    public byte[] Properties => _properties;

    /// <param name="record">The message as it was in the queue.</param>
    /// <param name="at">When it died.</param>
    /// <exception cref="AmqpException">The message's properties cannot be decoded.</exception>
    public static DeadLetter From(MessageRecord record, string queue, DeathReason reason, DeadLetterRule rule, DateTimeOffset at)
    {
        var view = BasicPropertiesView.Read(record.Properties);
        var headers = view.TryGetHeaders(out var content) ? FieldTable.Decode(content) : FieldTable.Empty;
        var copies = (record.Flags & MessageFlags.SingleKey) != 0 ? [] : CopyKeysOf(headers);
        var exchange = FieldValue.LongString(record.Exchange);

        var wasDead = (record.Flags & MessageFlags.DeadLettered) != 0;
        var earlier = wasDead && headers.TryGetValue(DeathHistory.Header, out var known) && known.TryGetArray(out var array) ? array : FieldArray.Empty;
        FieldArray keys = new([FieldValue.LongString(record.RoutingKey), .. copies.Select(key => FieldValue.LongString(key.Span))]);
        var deaths = DeathHistory.Add(
            earlier, queue, reason,
            [
                ("time", FieldValue.Timestamp((ulong)at.ToUnixTimeSeconds())), ("exchange", exchange), ("routing-keys", keys),
                .. record.Expiry is { } expiry ? [("original-expiration", expiry.ToString(CultureInfo.InvariantCulture))] : Array.Empty<(string, FieldValue)>(),
            ]);

        headers = headers.With(DeathHistory.Header, deaths);
        headers = wasDead ? headers : WithDeath(headers, "first", queue, reason, exchange);
        headers = WithDeath(headers, "last", queue, reason, exchange);
        var properties = BasicPropertiesEdit.WithHeaders(BasicPropertiesEdit.Without(record.Properties, BasicProperty.Expiration), headers);
        return new DeadLetter(FlagsOf(record.Flags, rule), record.Priority, properties)
        {
            Exchange = Encoding.UTF8.GetBytes(rule.Exchange),
            Via = Encoding.UTF8.GetBytes(rule.Exchange),
            RoutingKey = rule.RoutingKey is { } key ? Encoding.UTF8.GetBytes(key) : record.RoutingKey.ToArray(),
            MoreKeys = rule.RoutingKey is null ? copies : [],
            Deaths = deaths,
        };
    }

    /// <summary>
    /// A message that was delayed and is due: as it was published, but that the delay is negative now, so that no exchange delays it again. Its time to live begins
    /// where it goes.
    /// </summary>
    /// <param name="rule">Says the exchange that delayed it.</param>
    /// <exception cref="AmqpException">The message's properties cannot be decoded.</exception>
    public static DeadLetter Due(MessageRecord record, DeadLetterRule rule)
    {
        var view = BasicPropertiesView.Read(record.Properties);
        var headers = view.TryGetHeaders(out var content) ? FieldTable.Decode(content) : FieldTable.Empty;
        var copies = (record.Flags & MessageFlags.SingleKey) != 0 ? [] : CopyKeysOf(headers);
        var properties = BasicPropertiesEdit.WithHeaders(record.Properties, headers.With(DelayHeader.Name, -DelayHeader.Of(content)));

        return new DeadLetter(FlagsOfPublisher(record, view), record.Priority, properties, record.Expiry ?? 0)
        {
            Exchange = record.Exchange.ToArray(),
            Via = Encoding.UTF8.GetBytes(rule.Exchange),
            RoutingKey = record.RoutingKey.ToArray(),
            MoreKeys = copies,
            Deaths = FieldArray.Empty,
        };
    }

    /// <summary>A message that goes once more to who is there now, as it was published.</summary>
    /// <param name="rule">Says by whose bindings.</param>
    /// <exception cref="AmqpException">The message's properties cannot be decoded.</exception>
    public static DeadLetter Again(MessageRecord record, DeadLetterRule rule)
    {
        var view = BasicPropertiesView.Read(record.Properties);
        var headers = view.TryGetHeaders(out var content) ? FieldTable.Decode(content) : FieldTable.Empty;
        return new DeadLetter(FlagsOfPublisher(record, view), record.Priority, record.Properties.ToArray(), record.Expiry ?? 0)
        {
            Exchange = record.Exchange.ToArray(),
            Via = Encoding.UTF8.GetBytes(rule.Exchange),
            RoutingKey = record.RoutingKey.ToArray(),
            MoreKeys = (record.Flags & MessageFlags.SingleKey) != 0 ? [] : CopyKeysOf(headers),
            Deaths = FieldArray.Empty,
        };
    }

    public long SizeWith(int bodyLength) =>
        MessageRecord.SizeOf((_flags & MessageFlags.HasExpiry) != 0, Exchange.Length, RoutingKey.Length, _properties.Length, bodyLength);

    public void Write(Span<byte> destination, ReadOnlySpan<byte> body)
    {
        var at = MessageRecord.WriteHead(destination, _flags, _priority, _expiry, Exchange, RoutingKey, _properties, body.Length);
        body.CopyTo(destination[at..]);
    }

    // It was stored whatever its publisher asked for.
    private static MessageFlags FlagsOfPublisher(MessageRecord record, BasicPropertiesView view) =>
        view.TryGetDeliveryMode(out var mode) && mode == 2 ? record.Flags : record.Flags & ~MessageFlags.Persistent;

    private static MessageFlags FlagsOf(MessageFlags flags, DeadLetterRule rule) =>
        (flags & ~MessageFlags.HasExpiry) | MessageFlags.DeadLettered | (rule.RoutingKey is null ? MessageFlags.None : MessageFlags.SingleKey);

    private static FieldTable WithDeath(FieldTable headers, string which, string queue, DeathReason reason, FieldValue exchange) => headers
        .With($"x-{which}-death-reason", DeathHistory.NameOf(reason))
        .With($"x-{which}-death-queue", queue)
        .With($"x-{which}-death-exchange", exchange);

    /// <summary>The keys in CC, which was checked when the message was published; BCC never gets as far as a queue.</summary>
    private static ReadOnlyMemory<byte>[] CopyKeysOf(FieldTable headers)
    {
        var keys = new List<ReadOnlyMemory<byte>>();
        if (headers.TryGetValue("CC", out var value) && value.TryGetArray(out var array))
        {
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
