using System.Collections.Concurrent;

namespace Granary.Core.Transactions;

/// <summary>Sets of queues that are not on one silo, as far as is known: whoever has them do something together need not try for a while whether one flush is enough.</summary>
public sealed class QueuesApart(TimeProvider time)
{
    private const int Most = 1024;

    private static readonly TimeSpan Believed = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, long> _apart = new(StringComparer.Ordinal);

    public void Note(string vhost, IEnumerable<string> queues)
    {
        if (_apart.Count >= Most)
        {
            _apart.Clear();
        }

        _apart[KeyOf(vhost, queues)] = time.GetTimestamp();
    }

    public bool Has(string vhost, IEnumerable<string> queues) =>
        !_apart.IsEmpty && _apart.TryGetValue(KeyOf(vhost, queues), out var noted) && time.GetElapsedTime(noted) < Believed;

    // Names have no more than 255 bytes, and any character but none of these.
    private static string KeyOf(string vhost, IEnumerable<string> queues) => string.Join('\0', queues.Order(StringComparer.Ordinal).Prepend(vhost));
}
