using System.Collections.Concurrent;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>What was confirmed and what came, by queue.</summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<string, Page> _pages = new();

    public int Confirmed => _pages.Values.Sum(page => page.Confirmed);

    public int Delivered => _pages.Values.Sum(page => page.Delivered);

    public void AddConfirmed(string queue, Stamp message) => PageOf(queue).AddConfirmed(message);

    public void AddDelivered(string queue, Stamp message, bool redelivered) => PageOf(queue).AddDelivered(message, redelivered);

    /// <summary>What was confirmed to a queue and has not come, said for somebody to read.</summary>
    public string[] MissingOf(IEnumerable<string> queues) => [.. queues.SelectMany(queue => PageOf(queue).Missing().Select(message => $"{queue}: {message}"))];

    /// <summary>What came to a queue behind a later one of its publisher, or twice, neither as redelivered.</summary>
    public string[] Faults() => [.. _pages.SelectMany(page => page.Value.Faults().Select(fault => $"{page.Key}: {fault}"))];

    private Page PageOf(string queue) => _pages.GetOrAdd(queue, _ => new Page());

    private sealed class Page
    {
        private readonly Lock _lock = new();
        private readonly HashSet<Stamp> _confirmed = [];
        private readonly HashSet<Stamp> _delivered = [];
        private readonly Dictionary<int, int> _last = [];
        private readonly List<string> _faults = [];
        private int _count;

        public int Confirmed => _confirmed.Count;

        public int Delivered => _count;

        public void AddConfirmed(Stamp message)
        {
            lock (_lock)
            {
                _confirmed.Add(message);
            }
        }

        public void AddDelivered(Stamp message, bool redelivered)
        {
            lock (_lock)
            {
                _count++;
                var last = _last.GetValueOrDefault(message.Publisher, -1);
                if (!_delivered.Add(message) && !redelivered)
                {
                    _faults.Add($"{message} came twice, not as redelivered");
                }
                else if (message.Number < last && !redelivered)
                {
                    _faults.Add($"{message} came after number {last}");
                }

                _last[message.Publisher] = Math.Max(last, message.Number);
            }
        }

        public Stamp[] Missing()
        {
            lock (_lock)
            {
                return [.. _confirmed.Where(message => !_delivered.Contains(message))];
            }
        }

        public string[] Faults()
        {
            lock (_lock)
            {
                return [.. _faults];
            }
        }
    }
}
