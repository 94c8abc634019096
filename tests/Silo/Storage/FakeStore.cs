using Granary.Core.Links;
using Granary.Core.Messages;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;

namespace Granary.Silo.Tests.Storage;

/// <summary>The plainest possible store: one entry per message, in memory. Flushes can be held up, and made to fail.</summary>
internal sealed class FakeStore : IMessageStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<QueueIdentity, Content> _queues = [];
    private readonly Dictionary<RowKey, Row> _rows = [];
    private readonly ManualResetEventSlim _open = new(initialState: true);

    /// <summary>Messages written so far, each time one was.</summary>
    public long Written { get; private set; }

    public int Flushes { get; private set; }

    public int Synced { get; private set; }

    public int Reads { get; private set; }

    /// <summary>The rows that were written so far, each time one was, removals not counted.</summary>
    public List<RowKey> RowsWritten { get; } = [];

    /// <summary>How many of the next flushes fail.</summary>
    public int Failures { get; set; }

    /// <summary>It takes nothing more of this process.</summary>
    public bool IsFenced { get; set; }

    /// <summary>Flushes wait until <see cref="Release"/>.</summary>
    public void Hold() => _open.Reset();

    public void Release() => _open.Set();

    public long[] Offsets(QueueIdentity queue)
    {
        lock (_gate)
        {
            return _queues.TryGetValue(queue, out var content) ? [.. content.Messages.Keys] : [];
        }
    }

    public Task OpenAsync(CancellationToken cancellation) => Task.CompletedTask;

    public StoredQueue Create(QueueIdentity identity, long epoch) => new Handle(identity, epoch);

    public Task<StoredQueue> TakeOverAsync(QueueIdentity identity, long atLeast, CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (!_queues.TryGetValue(identity, out var content))
            {
                content = new Content();
                _queues.Add(identity, content);
            }

            content.Epoch = Math.Max(content.Epoch + 1, atLeast);
            foreach (var offset in content.Messages.Where(message => !message.Value.IsPersistent).Select(message => message.Key).ToArray())
            {
                content.Messages.Remove(offset);
            }

            var messages = content.Messages.Values;
            var times = new BacklogTimes(identity.HasTimes);
            foreach (var message in messages)
            {
                times.Add(new TimedRun(message.First, message.Count, message.Due, message.Length, (int)message.BodyLength()));
            }

            return Task.FromResult<StoredQueue>(new Handle(identity, content.Epoch)
            {
                Backlog = new StoredBacklog(
                    content.Messages.Count > 0 ? content.Messages.Keys.First() : content.OffsetBound, content.OffsetBound, content.DeliveredBound,
                    content.Messages.Count, messages.Sum(message => (long)message.Length), messages.Sum(message => message.BodyLength()),
                    messages.Aggregate(MessageFlags.None, (flags, message) => flags | message.Flags),
                    messages.Select(message => message.Due).DefaultIfEmpty(MessageRun.Never).Min(),
                    [.. content.Sessions.Select(link => new PublishProgress(link.Key, link.Value))])
                {
                    Pieces = Pieces(messages),
                    Runs = times.Runs,
                    LastDue = times.Latest,
                },
            });
        }
    }

    public ValueTask<FlushResult> FlushAsync(Flush flush, CancellationToken cancellation)
    {
        _open.Wait(cancellation);
        lock (_gate)
        {
            if (IsFenced)
            {
                throw new StoreFencedException();
            }

            if (Failures > 0)
            {
                Failures--;
                throw new StoreUnavailableException("out of reach, for a test");
            }

            Flushes++;
            Synced += flush.MustSync ? 1 : 0;
            var fenced = flush.Queues.Where(changes => !Apply(changes)).Select(changes => changes.Queue).ToArray();
            var conflicts = flush.Rows.Where(change => (change.IsGuarded && fenced.Length > 0) || !Apply(change)).ToArray();
            return ValueTask.FromResult(new FlushResult(fenced, conflicts));
        }
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, long from, long end, int bytes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            Reads++;
            return ValueTask.FromResult(Read(queue, [(from, end)], bytes));
        }
    }

    public ValueTask<MessageRun[]> ReadAsync(StoredQueue queue, IReadOnlyList<OffsetRange> ranges, int bytes, CancellationToken cancellation)
    {
        lock (_gate)
        {
            Reads++;
            return ValueTask.FromResult(Read(queue, ranges.Select(static range => (range.First, range.End)), bytes));
        }
    }

    private MessageRun[] Read(StoredQueue queue, IEnumerable<(long From, long End)> ranges, int bytes)
    {
        List<MessageRun> runs = [];
        foreach (var message in ranges.SelectMany(range => _queues[queue.Identity].Messages.Values.Where(message => message.First >= range.From && message.First < range.End)))
        {
            if (bytes > 0)
            {
                runs.Add(message);
                bytes -= message.Length;
            }
        }

        return [.. runs];
    }

    public Task<Row?> ReadRowAsync(RowKey key, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult(_rows.GetValueOrDefault(key));
        }
    }

    public Task<IReadOnlyList<Row>> ReadRowsAsync(string table, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Row>>([.. _rows.Values.Where(row => row.Key.Table == table)]);
        }
    }

    public Task<IReadOnlyList<(QueueIdentity Queue, long Messages)>> CountMessagesAsync(CancellationToken cancellation) =>
        throw new NotSupportedException("nobody counts here");

    public Task<IReadOnlyList<Row>> ReadTablesAsync(string prefix, CancellationToken cancellation)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Row>>([.. _rows.Values.Where(row => row.Key.Table.StartsWith(prefix, StringComparison.Ordinal))]);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static IReadOnlyList<PagedPiece> Pieces(IEnumerable<MessageRun> messages)
    {
        var pieces = new PagedPieces();
        foreach (var message in messages)
        {
            pieces.Add(new PagedPiece(message.End, message.Count, message.Length, message.BodyLength()));
        }

        return pieces.InOrder();
    }

    private bool Apply(QueueChanges changes)
    {
        if (changes.IsCreated && !_queues.ContainsKey(changes.Queue.Identity))
        {
            _queues.Add(changes.Queue.Identity, new Content { Epoch = changes.Queue.Epoch });
        }

        if (!_queues.TryGetValue(changes.Queue.Identity, out var content) || content.Epoch != changes.Queue.Epoch)
        {
            return false;
        }

        foreach (var run in changes.Runs)
        {
            var rest = run;
            for (var i = 0; i < run.Count; i++)
            {
                var length = MessageRecord.LengthOf(rest.Records.Span);
                var message = rest.Head(1, length) with { Redelivered = false, Flags = new MessageRecord(rest.Records.Span).Flags };
                content.Messages[message.First] = message with { Records = message.Records.ToArray() };
                rest = i + 1 < run.Count ? rest.After(1, length) : rest;
                Written++;
            }
        }

        foreach (var range in changes.Settled)
        {
            foreach (var offset in content.Messages.Keys.Where(offset => offset >= range.First && offset < range.End).ToArray())
            {
                content.Messages.Remove(offset);
            }
        }

        (content.OffsetBound, content.DeliveredBound) = (changes.OffsetBound, changes.DeliveredBound);
        foreach (var (link, number) in changes.Sessions)
        {
            if (number < 0)
            {
                content.Sessions.Remove(link);
            }
            else
            {
                content.Sessions[link] = number;
            }
        }

        if (changes.IsDeleted)
        {
            _queues.Remove(changes.Queue.Identity);
        }

        return true;
    }

    private bool Apply(RowChange change)
    {
        var version = _rows.GetValueOrDefault(change.Key)?.Version ?? 0;
        if (change.Expected is { } expected && expected != version)
        {
            return false;
        }

        if (change.Value is { } value)
        {
            _rows[change.Key] = new Row(change.Key, value, version + 1);
            RowsWritten.Add(change.Key);
        }
        else
        {
            _rows.Remove(change.Key);
        }

        return true;
    }

    private sealed class Handle(QueueIdentity identity, long epoch) : StoredQueue(identity, epoch);

    private sealed class Content
    {
        public SortedDictionary<long, MessageRun> Messages { get; } = [];

        public Dictionary<Core.Links.SessionId, long> Sessions { get; } = [];

        public long Epoch { get; set; }

        public long OffsetBound { get; set; }

        public long DeliveredBound { get; set; }
    }
}
