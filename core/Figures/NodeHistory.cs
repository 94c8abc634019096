using Granary.Core.Counting;

namespace Granary.Core.Figures;

/// <summary>The numbers of this process over time: ten minutes in steps of five seconds, and a day in steps of a minute.</summary>
public sealed class NodeHistory : IHistorySource
{
    private const int FineInCoarse = 12;

    private static readonly int Numbers = Enum.GetValues<NodeNumber>().Length;

    private readonly SampleTimes _times;
    private readonly SampleTimes _days = new(samples: 1440);
    private readonly CountHistory _fine;
    private readonly CountHistory _coarse;
    private NodeFigure? _node;
    private double _sinceCoarse;

    public NodeHistory(SampleTimes times, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(clock);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        (_times, _fine, _coarse) = (times, new CountHistory(now), new CountHistory(now));
    }

    /// <summary>What is told of the process, with how fast it changes.</summary>
    public NodeFigure AddTo(NodeFigure node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return node with { Rates = _fine.Rates(_times) };
    }

    /// <summary>The process is looked at, with all others of these times.</summary>
    public void Look(NodeFigure node)
    {
        Span<long> numbers = stackalloc long[Numbers];
        Read(node, numbers);
        _fine.Look(numbers, _times);
        _sinceCoarse += _times.Elapsed;
        if (_times.Tick % FineInCoarse == 1)
        {
            _days.Advance(_times.Now, TimeSpan.FromSeconds(_sinceCoarse));
            _coarse.Look(numbers, _days);
            _sinceCoarse = 0;
        }

        Volatile.Write(ref _node, node);
    }

    public void Tell(HistoryQuery query, long now, List<HistoryFigure> told)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(told);
        if (query.Subject != HistorySubject.Node || Volatile.Read(ref _node) is not { } node || (query.Keys is { } keys && !keys.Contains(node.Address)))
        {
            return;
        }

        // What it was when it was last looked at stands for what it is: to look again costs more than it tells.
        Span<long> numbers = stackalloc long[Numbers];
        Read(node, numbers);
        told.Add(query.Range.Age > _times.Samples * (long)Sampler.Period.TotalMilliseconds
            ? _coarse.Read(node.Address, query.Range, numbers, now, _days)
            : _fine.Read(node.Address, query.Range, numbers, now, _times));
    }

    private static void Read(NodeFigure node, Span<long> numbers)
    {
        for (var i = 0; i < MessageCounts.Events.Length && i < node.Counts.Length; i++)
        {
            numbers[i] = node.Counts[i];
        }

        numbers[(int)NodeNumber.Ready] = node.Ready;
        numbers[(int)NodeNumber.Unacked] = node.Unacked;
        numbers[(int)NodeNumber.ConnectionsOpened] = node.ConnectionsOpened;
        numbers[(int)NodeNumber.ConnectionsEnded] = node.ConnectionsEnded;
        numbers[(int)NodeNumber.ChannelsOpened] = node.ChannelsOpened;
        numbers[(int)NodeNumber.ChannelsEnded] = node.ChannelsEnded;
        numbers[(int)NodeNumber.QueuesDeclared] = node.QueuesDeclared;
        numbers[(int)NodeNumber.QueuesEnded] = node.QueuesEnded;
        numbers[(int)NodeNumber.MemoryUsed] = node.MemoryUsed;
        numbers[(int)NodeNumber.DiskFree] = node.DiskFree;
        numbers[(int)NodeNumber.FilesUsed] = node.FilesUsed;
        numbers[(int)NodeNumber.SocketsUsed] = node.SocketsUsed;
        numbers[(int)NodeNumber.Threads] = node.Threads;
        numbers[(int)NodeNumber.Collections] = node.Collections;
        numbers[(int)NodeNumber.AllocatedBytes] = node.AllocatedBytes;
    }
}
