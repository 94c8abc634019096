using System.Globalization;

namespace Granary.Core.Topology;

/// <summary>
/// A queue that an exchange has for itself, as exchanges keep no messages: for those that it delays, or those that it published last. Nobody declares it: it is there
/// with the first message that is sent to it, and goes with the exchange. Clients do not see it, whatever they may do.
/// </summary>
/// <param name="Durable">The exchange is.</param>
/// <param name="Incarnation">Of the exchange: what one of the same name left that was deleted is nobody's.</param>
/// <param name="Exchange">Its name.</param>
/// <param name="Length">Of a history: how many messages it has at the most.</param>
public readonly record struct HiddenQueue(HiddenQueueKind Kind, bool Durable, Guid Incarnation, string Exchange, long Length = 0)
{
    private const string Delayed = "amq.delayed.";
    private const string History = "amq.history.";
    private const int FormatLength = 32;

    /// <summary><c>amq.delayed.</c> or <c>amq.history.</c>, <c>d</c> or <c>t</c> for durable or transient, a dot, the incarnation, a dot, of a history its length and a dot, the exchange.</summary>
    public string Name => Kind == HiddenQueueKind.History
        ? string.Create(CultureInfo.InvariantCulture, $"{History}{(Durable ? 'd' : 't')}.{Incarnation:n}.{Length}.{Exchange}")
        : string.Create(CultureInfo.InvariantCulture, $"{Delayed}{(Durable ? 'd' : 't')}.{Incarnation:n}.{Exchange}");

    /// <summary>No client may say such a name.</summary>
    public static bool IsHidden(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.StartsWith(Delayed, StringComparison.Ordinal) || name.StartsWith(History, StringComparison.Ordinal);
    }

    /// <inheritdoc cref="IsHidden(string)"/>
    public static bool IsHidden(ReadOnlySpan<byte> name) => name.StartsWith("amq.delayed."u8) || name.StartsWith("amq.history."u8);

    /// <summary>The queue that an exchange of this kind has; null: it has none.</summary>
    public static HiddenQueue? Of(string exchange, Guid incarnation, ExchangeDeclaration declaration)
    {
        ArgumentNullException.ThrowIfNull(declaration);
        return declaration.Type switch
        {
            Routing.ExchangeTypes.DelayedMessage => new HiddenQueue(HiddenQueueKind.Delayed, declaration.Durable, incarnation, exchange),
            Routing.ExchangeTypes.RecentHistory =>
                new HiddenQueue(HiddenQueueKind.History, declaration.Durable, incarnation, exchange, RecentHistoryRules.LengthOf(declaration.Arguments.Decode())),
            _ => null,
        };
    }

    /// <summary>Reads what <see cref="Name"/> wrote.</summary>
    public static bool TryParse(string name, out HiddenQueue queue)
    {
        queue = default;
        if (!IsHidden(name) || name.Length < Delayed.Length + FormatLength + 3)
        {
            return false;
        }

        var rest = name.AsSpan(Delayed.Length);
        if (rest[0] is not ('d' or 't') || rest[1] != '.' || rest[2 + FormatLength] != '.' || !Guid.TryParseExact(rest.Slice(2, FormatLength), "n", out var incarnation))
        {
            return false;
        }

        var isDurable = rest[0] == 'd';
        var exchange = rest[(3 + FormatLength)..];
        if (!name.StartsWith(History, StringComparison.Ordinal))
        {
            queue = new HiddenQueue(HiddenQueueKind.Delayed, isDurable, incarnation, exchange.ToString());
            return true;
        }

        var dot = exchange.IndexOf('.');
        if (dot < 0 || !long.TryParse(exchange[..dot], NumberStyles.None, CultureInfo.InvariantCulture, out var length))
        {
            return false;
        }

        queue = new HiddenQueue(HiddenQueueKind.History, isDurable, incarnation, exchange[(dot + 1)..].ToString(), length);
        return true;
    }
}

/// <summary>What an exchange has a queue of its own for.</summary>
public enum HiddenQueueKind
{
    /// <summary>Messages that are not due.</summary>
    Delayed,

    /// <summary>The messages that it published last.</summary>
    History,
}
