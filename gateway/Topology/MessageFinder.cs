using System.Diagnostics;
using Granary.Core;
using Granary.Core.Messages;
using Granary.Core.Topology;

namespace Granary.Gateway.Topology;

/// <summary>What is looked for among the ready messages of a queue.</summary>
/// <param name="Queue">Its name.</param>
/// <param name="After">Where an answer said to go on, or the place of the message before the first; empty: from the start.</param>
/// <param name="Search">Octets that are in the payload, the routing key or the properties; empty: every message is meant.</param>
internal readonly record struct MessageQuery(string Queue, string After, ReadOnlyMemory<byte> Search)
{
    public const int UsualCount = 100;
    public const int MostMessages = 1_000;
    public const int UsualBytes = 16 * 1024 * 1024;
    public const int MostBytes = 1024 * 1024 * 1024;
    public const int UsualTime = 2_000;
    public const int MostTime = 30_000;

    /// <summary>So many messages at the most, 1 to <see cref="MostMessages"/>.</summary>
    public required int Count { get; init; }

    /// <summary>When so many bytes were looked at, the rest is for the next query; up to <see cref="MostBytes"/>.</summary>
    public required long Bytes { get; init; }

    /// <summary>When so many milliseconds have passed, the rest is for the next query; up to <see cref="MostTime"/>.</summary>
    public required int Time { get; init; }

    /// <summary>So many octets of bodies in the answer; there is one message in any case.</summary>
    public required long Bodies { get; init; }
}

/// <summary>Messages that were found, which are where they were.</summary>
/// <param name="Examined">How many were looked at.</param>
/// <param name="ExaminedBytes">With how many octets of properties and body, and some 30 more each.</param>
/// <param name="Next">Where the next query goes on; null: there is nothing behind these.</param>
internal sealed record FoundMessages(List<BrowsedMessage> Messages, int Examined, long ExaminedBytes, string? Next);

/// <summary>Looks through the ready messages of a queue, which stay where and as they are.</summary>
internal static class MessageFinder
{
    /// <summary>What a queue is asked for at once.</summary>
    private const int PageBytes = 256 * 1024;

    public static async Task<(BrokerError? Error, FoundMessages? Found)> FindAsync(this BrowseCalls queue, MessageQuery query)
    {
        var began = Stopwatch.GetTimestamp();
        List<BrowsedMessage> found = [];
        var (examined, looked, bodies) = (0, 0L, 0L);
        string? next = query.After;
        do
        {
            var answer = await queue.BrowseAsync(query.Queue, next, MessageQuery.MostMessages, PageBytes).ConfigureAwait(false);
            if (answer.Error is { } error)
            {
                return (error, null);
            }

            next = answer.Next;
            foreach (var message in answer.Messages)
            {
                examined++;
                looked += message.Record.Length;
                if (!Contains(new MessageRecord(message.Record), query.Search.Span))
                {
                    continue;
                }

                found.Add(message);
                bodies += new MessageRecord(message.Record).Body.Length;
                if (found.Count == query.Count || bodies >= query.Bodies)
                {
                    next = answer.Next is null && message == answer.Messages[^1] ? null : message.Place;
                    break;
                }
            }
        }
        while (next is not null && found.Count < query.Count && bodies < query.Bodies && looked < query.Bytes
            && Stopwatch.GetElapsedTime(began).TotalMilliseconds < query.Time);

        return (null, new FoundMessages(found, examined, looked, next));
    }

    // Properties are searched as they are on the wire: texts in headers, and their names, stand there as they are.
    private static bool Contains(MessageRecord record, ReadOnlySpan<byte> search) =>
        search.IsEmpty || record.Body.IndexOf(search) >= 0 || record.RoutingKey.IndexOf(search) >= 0 || record.Properties.IndexOf(search) >= 0;
}
