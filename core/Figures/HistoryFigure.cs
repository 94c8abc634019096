namespace Granary.Core.Figures;

/// <summary>Times at which somebody wants to know what numbers were, at even distances.</summary>
/// <param name="First">The oldest, in Unix milliseconds.</param>
/// <param name="Increment">Milliseconds from one to the next.</param>
/// <param name="Points">How many.</param>
[GenerateSerializer, Immutable, Alias("granary.HistoryRange")]
public readonly record struct HistoryRange([property: Id(0)] long First, [property: Id(1)] long Increment, [property: Id(2)] int Points)
{
    /// <summary>Milliseconds between the oldest and the newest.</summary>
    public long Age => Increment * (Points - 1);

    public long TimeOf(int point) => First + (Increment * point);

    /// <summary>How many of them are before a time.</summary>
    public int PointsBefore(long time) => (int)Math.Clamp((time - First + Increment - 1) / Increment, 0, Points);
}

/// <summary>What there are histories of.</summary>
public enum HistorySubject
{
    /// <summary>Processes, by their address; numbers by <see cref="NodeNumber"/>.</summary>
    Node,

    /// <summary>By key; numbers by <see cref="QueueCount"/>, then the ready and the unacknowledged messages.</summary>
    Queue,

    /// <summary>By key; numbers: published to it, and copies that went to queues.</summary>
    Exchange,

    /// <summary>By id; numbers: octets received and sent.</summary>
    Connection,

    /// <summary>By the connection's id, <c>/</c> and its number; numbers by <see cref="Counting.MessageEvent"/>.</summary>
    Channel,
}

/// <summary>What a process is asked to tell of the past.</summary>
/// <param name="Keys">Of these alone; null: of all.</param>
[GenerateSerializer, Immutable, Alias("granary.HistoryQuery")]
public sealed record HistoryQuery([property: Id(0)] HistorySubject Subject, [property: Id(1)] HistoryRange Range, [property: Id(2)] string[]? Keys)
{
    public static string ChannelKey(Guid connection, int channel) => $"{connection}/{channel}";
}

/// <summary>What the numbers of one thing were.</summary>
/// <param name="Missing">So many of the range's times, the first ones, are before it was first looked at.</param>
/// <param name="Numbers">By number, then by point of the range; one value alone: it never changed. Empty: nothing is known.</param>
[GenerateSerializer, Immutable, Alias("granary.HistoryFigure")]
public sealed record HistoryFigure([property: Id(0)] string Key, [property: Id(1)] int Missing, [property: Id(2)] long[][] Numbers)
{
    public bool IsEmpty => Numbers.Length == 0;

    /// <param name="point">Not one of those that are missing.</param>
    public long ValueOf(int number, int point) => Numbers[number] is { Length: 1 } same ? same[0] : Numbers[number][point];

    /// <summary>The same thing, as several processes have seen their parts of it.</summary>
    public static HistoryFigure Sum(HistoryRange range, IReadOnlyList<HistoryFigure> all)
    {
        HistoryFigure[] told = [.. all.Where(static one => !one.IsEmpty)];
        if (told.Length <= 1)
        {
            return told.Length == 1 ? told[0] : all[0];
        }

        var missing = told.Min(static one => one.Missing);
        var numbers = new long[told.Max(static one => one.Numbers.Length)][];
        for (var number = 0; number < numbers.Length; number++)
        {
            numbers[number] = new long[range.Points];
            foreach (var one in told.Where(one => number < one.Numbers.Length))
            {
                for (var point = one.Missing; point < range.Points; point++)
                {
                    numbers[number][point] += one.ValueOf(number, point);
                }
            }
        }

        return new HistoryFigure(told[0].Key, missing, numbers);
    }
}

/// <summary>A part of this process that knows what its numbers were.</summary>
public interface IHistorySource
{
    /// <param name="now">Unix milliseconds.</param>
    void Tell(HistoryQuery query, long now, List<HistoryFigure> told);
}
