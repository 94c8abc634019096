using System.Text;
using System.Text.RegularExpressions;
using Granary.Differ.Tests.Brokers;

namespace Granary.Differ.Tests.Walk;

/// <summary>How long is waited for what comes by itself.</summary>
/// <param name="Quiet">After each step, before it is looked at.</param>
/// <param name="Patience">Until what is not the same counts as a disagreement.</param>
internal sealed record Pace(TimeSpan Quiet, TimeSpan Patience)
{
    public static Pace Quick { get; } = new(TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(300));

    public static Pace Patient { get; } = new(TimeSpan.FromMilliseconds(60), TimeSpan.FromMilliseconds(1500));
}

/// <summary>Sends one sequence to both brokers, and says where they first disagree.</summary>
internal sealed class Duel : IAsyncDisposable
{
    private static readonly TimeSpan OddPause = TimeSpan.FromMilliseconds(150);

    private static int _runs;

    private readonly Pace _pace;
    private readonly Side _rabbit;
    private readonly Side _granary;
    private readonly Dictionary<string, List<Delivered>> _delivered = [];
    private readonly StringBuilder _story = new();
    private int _place = -1;
    private string _last = "";
    private bool _hasStreams;

    private Duel(BothBrokers brokers, string vhost, Pace pace)
    {
        _pace = pace;
        var run = $"r{Interlocked.Increment(ref _runs)}z";
        _rabbit = new Side(brokers.RabbitMq, vhost, run);
        _granary = new Side(brokers.Granary, vhost, run);
    }

    /// <summary>The first disagreement with all that came before it; null if there is none.</summary>
    public static async Task<Disagreement?> FightAsync(BothBrokers brokers, string vhost, IReadOnlyList<Operation> sequence, Pace pace)
    {
        await using var duel = new Duel(brokers, vhost, pace);
        try
        {
            return await duel.RunAsync(sequence);
        }
        finally
        {
            await duel.CleanAsync(sequence);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _rabbit.DisposeAsync();
        await _granary.DisposeAsync();
    }

    private async Task<Disagreement?> RunAsync(IReadOnlyList<Operation> sequence)
    {
        _hasStreams = sequence.Any(one => one.Table("arguments")?.GetValueOrDefault("x-queue-type") is "stream");
        var isTimed = sequence.Any(one => one.Kind == "wait");
        foreach (var one in sequence)
        {
            _place++;
            if (one.Kind == "wait")
            {
                await Task.Delay(one.Number("ms"));
            }
            else if (Tags(one) is var (rabbitTag, granaryTag))
            {
                await Task.WhenAll(_rabbit.DoAsync(one, rabbitTag, OddPause), _granary.DoAsync(one, granaryTag, OddPause));
            }
            else
            {
                continue;
            }

            if (await CompareAsync(one, sequence, isTimed) is { } verdict)
            {
                return verdict.Found;
            }
        }

        return await CompareQueuesAsync(sequence);
    }

    /// <summary>After the connections are closed: what is left in the queues, and in which order.</summary>
    private async Task<Disagreement?> CompareQueuesAsync(IReadOnlyList<Operation> sequence)
    {
        _place++;
        _story.AppendLine("the connections are closed");
        await Task.WhenAll(_rabbit.CloseAsync(), _granary.CloseAsync());
        await Task.Delay(_pace.Quiet * 4);
        _rabbit.Look(take: true);
        _granary.Look(take: true);
        foreach (var queue in NamesIn(sequence, 'q'))
        {
            var end = DateTime.UtcNow + _pace.Patience;
            var count = new Operation("z1", "queue.declare", new Fields { ["queue"] = queue, ["passive"] = true });
            while (true)
            {
                await Task.WhenAll(_rabbit.DoAsync(count, 0, OddPause), _granary.DoAsync(count, 0, OddPause));
                if (_rabbit.Look(take: false).Lines().SequenceEqual(_granary.Look(take: false).Lines()) || DateTime.UtcNow > end)
                {
                    break;
                }

                _rabbit.Look(take: true);
                _granary.Look(take: true);
                await Task.Delay(20);
            }

            if (await CompareAsync(count, sequence, isTimed: false) is { } verdict)
            {
                return verdict.Found;
            }

            var get = new Operation("z1", "basic.get", new Fields { ["queue"] = queue, ["no-ack"] = true });
            for (var i = 0; i < 40 && !_last.EndsWith("basic.get-empty ''", StringComparison.Ordinal) && !_last.Contains(".close", StringComparison.Ordinal); i++)
            {
                await Task.WhenAll(_rabbit.DoAsync(get, 0, OddPause), _granary.DoAsync(get, 0, OddPause));
                if (await CompareAsync(get, sequence, isTimed: false) is { } other)
                {
                    return other.Found;
                }
            }

            _last = "";
        }

        return null;
    }

    /// <summary>Null: they agree, go on. Otherwise the sequence is over, with a disagreement or one that is known.</summary>
    private async Task<Verdict?> CompareAsync(Operation one, IReadOnlyList<Operation> sequence, bool isTimed)
    {
        await Task.Delay(isTimed ? _pace.Quiet + TimeSpan.FromMilliseconds(20) : _pace.Quiet);
        var end = DateTime.UtcNow + _pace.Patience;
        string[] rabbit, granary;
        while (true)
        {
            rabbit = Plain(KnownDifferences.Rewrite(_rabbit.Look(take: false).Lines()));
            granary = Plain(KnownDifferences.RewriteGranary(_granary.Look(take: false).Lines()));
            if (DateTime.UtcNow > end || (rabbit.SequenceEqual(granary) && !_rabbit.IsOwed && !_granary.IsOwed) || IsOver(rabbit, granary))
            {
                break;
            }

            await Task.Delay(2);
        }

        var rabbitNews = _rabbit.Look(take: true);
        var granaryNews = _granary.Look(take: true);
        rabbit = Plain(KnownDifferences.Rewrite(rabbitNews.Lines()));
        granary = Plain(KnownDifferences.RewriteGranary(granaryNews.Lines()));
        _last = rabbit.LastOrDefault() ?? "";
        _story.AppendLine(one.ToString());
        if (!rabbit.SequenceEqual(granary))
        {
            if (KnownDifferences.Ends(one, sequence, rabbit, granary) is { } known)
            {
                return new Verdict(known, null);
            }

            foreach (var line in rabbit.Except(granary))
            {
                _story.AppendLine($"    RabbitMQ: {line}");
            }

            foreach (var line in granary.Except(rabbit))
            {
                _story.AppendLine($"    Granary:  {line}");
            }

            if (rabbit.ToHashSet().SetEquals(granary))
            {
                _story.AppendLine($"    in another order or count: RabbitMQ {string.Join(" | ", rabbit)}; Granary {string.Join(" | ", granary)}");
            }

            return new Verdict(null, new Disagreement(_story.ToString(), Sign(one, rabbit.Except(granary), granary.Except(rabbit)), _place));
        }

        foreach (var line in rabbit)
        {
            _story.AppendLine($"    {line}");
        }

        NoteDeliveries(rabbitNews, granaryNews, rabbit);
        return null;

        // A close is the last word: there is no need to be patient.
        static bool IsOver(string[] rabbit, string[] granary) =>
            rabbit.Any(line => line.Contains("connection.close ", StringComparison.Ordinal)) && granary.Any(line => line.Contains("connection.close ", StringComparison.Ordinal))
            && rabbit.SequenceEqual(granary);
    }

    /// <summary>How many messages a stream has RabbitMQ finds out every few seconds only, and does not say of one that is deleted.</summary>
    private string[] Plain(string[] lines) => _hasStreams ? [.. lines.Select(line => Regex.Replace(line, "(messages=|delete-ok )[0-9]+", "$1?"))] : lines;

    /// <summary>What two disagreements have in common that are the same: operation and answers without names and numbers.</summary>
    private static string Sign(Operation one, IEnumerable<string> rabbit, IEnumerable<string> granary)
    {
        static string Plain(IEnumerable<string> lines) => string.Join(" | ", lines.Take(2).Select(line => Regex.Replace(
            line.Length > 160 ? line[..160] : line, @"\b[abcz][0-9]?\b|[qxt@][0-9]|[0-9]+|m[0-9]+", "#")));
        return $"{one.Kind}: R {Plain(rabbit)} / G {Plain(granary)}";
    }

    private void NoteDeliveries(News rabbit, News granary, string[] lines)
    {
        foreach (var (mine, other) in rabbit.Deliveries().Zip(granary.Deliveries()))
        {
            if (!_delivered.TryGetValue(mine.Place, out var list))
            {
                _delivered[mine.Place] = list = [];
            }

            list.AddRange(mine.Tags.Zip(other.Tags, (rabbitTag, granaryTag) => new Delivered(rabbitTag, granaryTag)));
        }

        foreach (var line in lines.Where(line => line.Contains(".close", StringComparison.Ordinal) || line.EndsWith("the end of the stream", StringComparison.Ordinal)))
        {
            var place = line[..line.IndexOf(':', StringComparison.Ordinal)];
            foreach (var key in _delivered.Keys.Where(key => key.StartsWith(place, StringComparison.Ordinal)).ToArray())
            {
                _delivered.Remove(key);
            }
        }
    }

    /// <summary>The tags that an operation means at either broker; null if it means other deliveries at one than at the other.</summary>
    private (ulong Rabbit, ulong Granary)? Tags(Operation one)
    {
        if (one.Kind is not ("basic.ack" or "basic.nack" or "basic.reject"))
        {
            return (0, 0);
        }

        if (one.Fields.GetValueOrDefault("tag") is int given)
        {
            return ((ulong)given, (ulong)given);
        }

        if (!_delivered.TryGetValue(one.Place, out var list))
        {
            return null;
        }

        var open = one.Flag("settled") ? list : [.. list.Where(delivered => !delivered.IsSettled)];
        if (open.Count == 0)
        {
            return null;
        }

        var chosen = open[one.Number("pick") % open.Count];
        if (one.Flag("multiple"))
        {
            if (list.Any(delivered => delivered.Rabbit <= chosen.Rabbit != delivered.Granary <= chosen.Granary))
            {
                return null;
            }

            list.Where(delivered => delivered.Rabbit <= chosen.Rabbit).ToList().ForEach(delivered => delivered.IsSettled = true);
        }

        chosen.IsSettled = true;
        return (chosen.Rabbit, chosen.Granary);
    }

    private async Task CleanAsync(IReadOnlyList<Operation> sequence)
    {
        await Task.WhenAll(_rabbit.CloseAsync(), _granary.CloseAsync());
        await Task.WhenAll(CleanAsync(_rabbit, sequence), CleanAsync(_granary, sequence));
    }

    private static async Task CleanAsync(Side side, IReadOnlyList<Operation> sequence)
    {
        foreach (var queue in NamesIn(sequence, 'q').Append("@1").Append("@2").Append("@3"))
        {
            await side.DoAsync(new Operation("y1", "queue.delete", new Fields { ["queue"] = queue }), 0, OddPause);
        }

        foreach (var exchange in NamesIn(sequence, 'x'))
        {
            await side.DoAsync(new Operation("y1", "exchange.delete", new Fields { ["exchange"] = exchange }), 0, OddPause);
        }

        await side.CloseAsync();
    }

    private static string[] NamesIn(IReadOnlyList<Operation> sequence, char kind) =>
        [.. sequence.SelectMany(one => one.Fields.Values.OfType<string>()).Where(name => name is [var first, >= '0' and <= '9'] && first == kind).Distinct().Order(StringComparer.Ordinal)];

    private sealed record Verdict(string? Known, Disagreement? Found);

    private sealed class Delivered(ulong rabbit, ulong granary)
    {
        public ulong Rabbit => rabbit;

        public ulong Granary => granary;

        public bool IsSettled { get; set; }
    }
}

/// <param name="Story">All operations up to it, with what came, and what came from one of the two only.</param>
/// <param name="Sign">The same for disagreements of the same kind.</param>
/// <param name="Place">Which operation it was at; beyond the last: in what the queues had at the end.</param>
internal sealed record Disagreement(string Story, string Sign, int Place);
