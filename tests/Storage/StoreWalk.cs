using System.Globalization;
using CsCheck;
using Granary.Core.Links;
using Granary.Silo.Queues.Messages;
using Granary.Silo.Storage;
using Granary.Testing.Walks;

namespace Granary.Storage.Tests;

/// <summary>Operations on a store, each compared with a model.</summary>
internal sealed class StoreWalk(StoreSession session)
{
    private readonly StoreModel _model = new();

    // Of the present step.
    private Random _random = new(0);

    private int _names;
    private MessageRun? _shared;

    /// <summary>Random walks over a store that has just been opened, each over one of its own; one that fails is made smaller.</summary>
    /// <param name="check">For after each walk, before its store goes.</param>
    public static void Walk<THome>(Func<Task<THome>> home, int count, Action<THome>? check = null)
        where THome : IStoreHome => StoreStep.Any.Array[1, 2_000].Walk(
            steps => RunAsync(home, steps, check).GetAwaiter().GetResult(), count, print: steps => string.Join(", ", steps.AsEnumerable()), seconds: 60);

    private static async Task RunAsync<THome>(Func<Task<THome>> newHome, StoreStep[] steps, Action<THome>? check)
        where THome : IStoreHome
    {
        var home = await newHome();
        await using var session = new StoreSession(home);
        await session.OpenAsync();
        await new StoreWalk(session).RunAsync(steps);
        check?.Invoke(home);
    }

    private async Task RunAsync(StoreStep[] steps)
    {
        foreach (var step in steps)
        {
            _random = new Random(step.Seed);
            await (step.Act switch
            {
                StoreAct.Flush => FlushAsync(),
                StoreAct.ReadSome => ReadSomeAsync(),
                StoreAct.TakeOver => TakeOverAsync(),
                StoreAct.ReadRows => ReadRowsAsync(),
                StoreAct.Tidy => session.Store.TidyAsync(CancellationToken.None).AsTask(),
                StoreAct.Crash => RestartAsync(crash: true),
                StoreAct.Reopen => RestartAsync(crash: false),
                _ => ReadAllAsync(),
            });
        }

        await RestartAsync(crash: false);
        await ReadAllAsync();
    }

    private async Task FlushAsync()
    {
        var queues = new List<QueueChanges>();
        _shared = _random.Next(4) == 0 ? NextRun(0, _random.Next(1, 40), _random.Next(500, 3000)) : null;
        var stale = new List<StoredQueue>();
        foreach (var queue in _model.Queues.Where(_ => _random.Next(3) == 0).ToList())
        {
            var changes = new QueueChanges(queue.Handle) { DeliveredBound = _random.Next(1000) };
            Fill(queue, changes);
            changes.IsDeleted = _random.Next(60) == 0;
            queues.Add(changes);
            queue.Apply(changes);
            if (changes.IsDeleted)
            {
                _model.Queues.Remove(queue);
            }
            else if (queue.Stale is { } fenced && _random.Next(4) == 0)
            {
                queues.Add(new QueueChanges(fenced) { Runs = { Messages.Run(queue.NextOffset, 3, mark: "stale") }, Settled = { new OffsetRange(0, 1000) } });
                stale.Add(fenced);
            }
        }

        if (_model.Queues.Count < 8)
        {
            var queue = new QueueModel(session.Store.Create(StoreSession.Identity($"q{_names++ % 10}"), 1));
            var changes = new QueueChanges(queue.Handle) { IsCreated = true };
            Fill(queue, changes);
            queue.Apply(changes);
            queues.Add(changes);
            _model.Queues.Add(queue);
        }

        var rows = Enumerable.Range(0, _random.Next(3)).Select(_ => NextRow()).ToList();
        var conflicts = _model.Apply(rows);
        var result = await session.TryFlushAsync(queues, rows, mustSync: _random.Next(2) == 0);
        Assert.Equal(conflicts, result.Conflicts);
        Assert.Equal(stale.Count, result.Fenced.Count);
        Assert.All(stale, handle => Assert.Contains(handle, result.Fenced));
    }

    private void Fill(QueueModel queue, QueueChanges changes)
    {
        if (_random.Next(5) == 0 && queue.Messages.Count > 0)
        {
            Rewrite(queue, changes);
        }

        for (var runs = _random.Next(5); runs > 0; runs--)
        {
            queue.NextOffset += _random.Next(4) == 0 ? _random.Next(20) : 0;
            var run = NextRun(queue.NextOffset, _random.Next(10) == 0 ? _random.Next(1, 400) : _random.Next(1, 10));
            changes.Runs.Add(run);
            queue.NextOffset = run.End;
        }

        if (_shared is { } shared && _random.Next(3) > 0)
        {
            // The same records for several queues.
            changes.Runs.Add(shared with { First = queue.NextOffset });
            queue.NextOffset += shared.Count;
        }

        changes.Settled.AddRange(NextSettled(queue));
        changes.OffsetBound = queue.NextOffset > queue.OffsetBound || _random.Next(2) == 0 ? queue.NextOffset + _random.Next(100) : 0;
        for (var links = _random.Next(3); links > 0; links--)
        {
            var link = queue.Sessions.Count > 4 ? queue.Sessions.Keys.ElementAt(_random.Next(queue.Sessions.Count)) : SessionId.New();
            changes.Sessions.Add(new PublishProgress(link, _random.Next(4) == 0 ? -1 : _random.Next(1000)));
        }
    }

    /// <summary>Unsettled messages written again: their runs, whole or in part, as a merge or the rewriting of sparse ones does.</summary>
    private void Rewrite(QueueModel queue, QueueChanges changes)
    {
        var from = _random.NextInt64(queue.Messages.Keys.First(), queue.NextOffset);
        var end = from + _random.Next(1, 300);
        var picked = queue.Messages.Keys.Where(offset => offset >= from && offset < end).ToList();
        for (var i = 0; i < picked.Count;)
        {
            var count = 1;
            while (i + count < picked.Count && picked[i + count] == picked[i] + count)
            {
                count++;
            }

            changes.Runs.Add(NextRun(picked[i], count));
            i += count;
        }
    }

    private MessageRun NextRun(long first, int count) => NextRun(first, count, _random.Next(30) switch
    {
        // Some that make a batch of many pieces alone, some that do so when they are written with their neighbours, and mostly small ones.
        0 when count < 20 => _random.Next(1, 20_000),
        < 8 => _random.Next(200, 1_500),
        _ => _random.Next(8, 200),
    });

    private MessageRun NextRun(long first, int count, int size)
    {
        var due = _random.Next(5) == 0 ? _random.Next(1, 1_000_000) : MessageRun.Never;
        var kind = _random.Next(6);
        var phase = _random.Next(3);
        return Messages.Run(first, count, size, due: due, isPersistent: offset => kind != 0 && (kind != 1 || offset % 3 != phase));
    }

    private List<OffsetRange> NextSettled(QueueModel queue)
    {
        var settled = new List<OffsetRange>();
        var from = queue.Messages.Count > 0 ? queue.Messages.Keys.First() : 0;
        if (_random.Next(3) == 0)
        {
            // As a consumer in good order does.
            settled.Add(new OffsetRange(from, _random.Next(1, 500)));
            from = settled[^1].End;
        }

        for (var ranges = _random.Next(4); ranges > 0 && from < queue.NextOffset; ranges--)
        {
            from += _random.Next(100);
            settled.Add(new OffsetRange(from, _random.Next(1, 20)));
            from = settled[^1].End;
        }

        // A message that is settled is never written later.
        queue.NextOffset = Math.Max(queue.NextOffset, settled.Count > 0 ? settled[^1].End : 0);
        return settled;
    }

    private RowChange NextRow()
    {
        var key = new RowKey($"t{_random.Next(3)}", $"k{_random.Next(20)}");
        var value = new byte[_random.Next(10) == 0 ? 5000 : _random.Next(50)];
        _random.NextBytes(value);
        long? expected = _random.Next(3) switch
        {
            0 => null,
            1 => _model.Rows.TryGetValue(key, out var row) ? row.Version : 0,
            _ => _random.Next(4),
        };
        return new RowChange(key, _random.Next(4) == 0 ? null : value, expected);
    }

    private async Task TakeOverAsync()
    {
        if (_model.Queues.Count > 0)
        {
            var queue = _model.Queues[_random.Next(_model.Queues.Count)];
            queue.EndActivation();
            await TakeOverAsync(queue);
        }
    }

    private async Task TakeOverAsync(QueueModel queue)
    {
        queue.Stale = queue.Handle;
        queue.Handle = await session.TakeOverAsync(queue.Stale);
        queue.ExpectBacklog(queue.Handle.Backlog);
    }

    private async Task RestartAsync(bool crash)
    {
        await session.RestartAsync(crash);
        _model.EndActivations();
        foreach (var queue in _model.Queues)
        {
            await TakeOverAsync(queue);
            queue.Stale = null;
        }
    }

    private async Task ReadSomeAsync()
    {
        if (_model.Queues.Count > 0)
        {
            var queue = _model.Queues[_random.Next(_model.Queues.Count)];
            var from = _random.NextInt64(queue.NextOffset + 1);
            await ReadAsync(queue, from, from + _random.Next(1, 500), _random.Next(1, 50_000));
            await ReadRangesAsync(queue);
        }
    }

    private async Task ReadRangesAsync(QueueModel queue)
    {
        OffsetRange[] ranges = [.. Enumerable.Range(0, _random.Next(1, 6)).Select(_ => new OffsetRange(_random.NextInt64(queue.NextOffset + 1), _random.Next(1, 100)))];

        // Each message is asked for once.
        for (var i = 1; i < ranges.Length; i++)
        {
            ranges[i] = Array.Exists(ranges[..i], range => range.First < ranges[i].End && ranges[i].First < range.End) ? ranges[i] with { Count = 0 } : ranges[i];
        }

        var expected = ranges.SelectMany(range => queue.Messages.Values.Select(pair => pair.Message).Where(message => message.Offset >= range.First && message.Offset < range.End));
        Assert.Equal(expected, await session.ReadAsync(queue.Handle, ranges.Where(range => range.Count > 0), _random.Next(1, 50_000)));
    }

    private async Task ReadAllAsync()
    {
        foreach (var queue in _model.Queues)
        {
            await ReadAsync(queue, 0, long.MaxValue, 100_000);
        }

        await ReadRowsAsync();
    }

    private async Task ReadAsync(QueueModel queue, long from, long end, int bytes)
    {
        var expected = queue.Messages.Values.Select(pair => pair.Message).Where(message => message.Offset >= from && message.Offset < end);
        Assert.Equal(expected, await session.ReadAsync(queue.Handle, from, end, bytes));
    }

    private async Task ReadRowsAsync()
    {
        for (var table = 0; table < 3; table++)
        {
            var rows = await session.Store.ReadRowsAsync($"t{table}", CancellationToken.None);
            Assert.Equal(
                _model.Rows.Where(row => row.Key.Table == $"t{table}").Select(row => Describe(row.Key, row.Value.Value, row.Value.Version)).Order(StringComparer.Ordinal),
                rows.Select(row => Describe(row.Key, row.Value.Span, row.Version)).Order(StringComparer.Ordinal));
        }
    }

    private static string Describe(RowKey key, ReadOnlySpan<byte> value, long version) =>
        string.Create(CultureInfo.InvariantCulture, $"{key.Key}@{version}={Convert.ToHexString(value)}");
}
