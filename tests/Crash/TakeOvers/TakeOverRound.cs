using System.Diagnostics;
using System.Globalization;
using Granary.Crash.Brokers;
using Granary.Crash.Ledger;
using Granary.Crash.Load;

namespace Granary.Crash.TakeOvers;

/// <summary>One take-over, with queues of its own.</summary>
internal sealed class TakeOverRound(int number, bool isLast, Home home, NodeProcess first, NodeProcess second, Random random, Faults faults)
{
    private const int Queues = 10;
    private const int MostTries = 12;

    /// <summary>The database has begun with a flush of the first node and waits for the rest of it.</summary>
    private const string IsInFlush =
        $"select count(*) from pg_stat_activity where application_name = '{TakeOverRun.First}' and backend_xid is not null and wait_event = 'ClientRead'";

    /// <summary>Who publishes to the first node since before it is stopped, to the first node later, and to the second.</summary>
    private const ushort Early = 0;
    private const ushort Late = 1;
    private const ushort Other = 2;

    private static readonly TimeSpan TakeOverLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly int _taken = random.Next(Queues);
    private readonly bool _isConsumed = number % 3 != 2;
    private readonly bool _isHunting = number % 2 == 0;
    private readonly QueueNotes[] _queues =
        [.. Enumerable.Range(0, Queues).Select(queue => new QueueNotes($"round-{number}-queue-{queue}", faults))];

    /// <summary>The queue that the second node takes.</summary>
    public string Name => Taken.Name;

    private QueueNotes Taken => _queues[_taken];

    public async Task<RoundResult> RunAsync()
    {
        await DeclareAsync();
        using var stop = new CancellationTokenSource();
        var consumers = _isConsumed ? await StartConsumersAsync() : [];
        var publishers = await StartPublishersAsync();
        var publishing = publishers.Select((publisher, queue) => queue == _taken ? RunUntilLostAsync(publisher) : publisher.RunAsync(stop.Token)).ToArray();
        var other = new QueuePublisher(Taken, Other, random.Next(), window: 20, isHeavy: false);
        await other.ConnectAsync(second.AmqpPort);
        await WaitForLoadAsync();

        var isInFlush = await SuspendAsync();
        var time = await TakeOverAsync(other);
        var marks = _queues.Select(queue => queue.CountSent(Early)).ToArray();
        Taken.Fence(Early);
        var atOther = other.RunAsync(stop.Token);
        await first.ResumeAsync();
        var resumed = Stopwatch.GetTimestamp();

        var late = new QueuePublisher(Taken, Late, random.Next(), window: 1, isHeavy: false);
        await late.ConnectAsync(first.AmqpPort);
        Taken.Fence(Late);
        for (var i = 0; i < 3; i++)
        {
            await late.PublishAsync();
        }

        await WaitForOthersAsync(marks);
        var recovered = Stopwatch.GetElapsedTime(resumed);
        await WaitUntilToldAsync(publishing[_taken]);
        await stop.CancelAsync();
        await late.AbandonAsync();
        await publishers[_taken].AbandonAsync();
        await Task.WhenAll([.. publishing, atOther]);
        for (var queue = 0; queue < consumers.Length; queue++)
        {
            await (queue == _taken ? consumers[queue].AbandonAsync() : consumers[queue].CloseAsync());
        }

        await DrainAsync();
        return new RoundResult(time, isInFlush, recovered, Stopwatch.GetElapsedTime(resumed), _queues.Sum(queue => queue.Confirmed));
    }

    private static async Task RunUntilLostAsync(QueuePublisher publisher)
    {
        try
        {
            await publisher.RunAsync(CancellationToken.None);
        }
        catch (Exception exception) when (Client.IsLoss(exception))
        {
            // It was told, which the round waits for.
        }
    }

    private async Task DeclareAsync()
    {
        await using var connection = await Client.ConnectAsync(first.AmqpPort);
        await using var channel = await connection.CreateChannelAsync();
        foreach (var queue in _queues)
        {
            await channel.QueueDeclareAsync(queue.Name, durable: true, exclusive: false, autoDelete: false);
        }
    }

    private async Task<QueueConsumer[]> StartConsumersAsync()
    {
        var consumers = _queues.Select(queue => new QueueConsumer(queue, faults, (ushort)random.Next(1, 60))).ToArray();
        await Task.WhenAll(consumers.Select(consumer => consumer.StartAsync(first.AmqpPort)));
        return consumers;
    }

    /// <summary>Most publish large messages, so that flushes have several parts.</summary>
    private async Task<QueuePublisher[]> StartPublishersAsync()
    {
        var publishers = _queues
            .Select((queue, i) => new QueuePublisher(queue, Early, random.Next(), window: random.Next(50, 200), isHeavy: (i + number) % 4 != 0))
            .ToArray();
        await Task.WhenAll(publishers.Select(publisher => publisher.ConnectAsync(first.AmqpPort)));
        return publishers;
    }

    private async Task WaitForLoadAsync()
    {
        foreach (var queue in _queues)
        {
            if (!await queue.WaitConfirmedAsync(1 + random.Next(60), Limit))
            {
                faults.Add($"{queue.Name}: {queue.Confirmed} confirms in {Limit}");
            }
        }
    }

    /// <summary>Stops the first node at a random moment, in every other round while it sends a large flush; returns whether the database waits for the rest of one.</summary>
    private async Task<bool> SuspendAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            if (_isHunting)
            {
                await SuspendWhileFlushIsHeldAsync();
            }
            else
            {
                await Task.Delay(random.Next(500));
                await first.SuspendAsync();
            }

            var isInFlush = await home.QueryAsync(IsInFlush) != "0";
            if (isInFlush || !_isHunting || attempt == MostTries)
            {
                return isInFlush;
            }

            await first.ResumeAsync();
        }
    }

    /// <summary>
    /// A database that is slow for a moment: while one flush waits for the lock that each begins with, the next gathers as much as publishers may have
    /// under way, which takes several parts. It waits, too, while the node sends them, and that is when the node is stopped.
    /// </summary>
    private Task SuspendWhileFlushIsHeldAsync()
    {
        const string Lock = "lock table granary.writers in exclusive mode";
        return home.QueryAsync(
            "begin", Lock, Sleep(0.3, 0.6), "commit", "begin", Lock, Sleep(0, 0.4), $"\\! kill -STOP {first.Id}", "commit");
    }

    private string Sleep(double from, double to) =>
        string.Create(CultureInfo.InvariantCulture, $"do $$ begin perform pg_sleep({from + ((to - from) * random.NextDouble()):0.000}); end $$");

    /// <summary>Has the second node take the queue over; from the first word to it until its first confirm.</summary>
    private async Task<TimeSpan> TakeOverAsync(QueuePublisher other)
    {
        var since = Stopwatch.GetTimestamp();
        if (number % 2 == 1)
        {
            await other.DeclarePassivelyAsync();
        }

        var declared = Stopwatch.GetElapsedTime(since);
        var message = await other.PublishAsync();
        if (!await Taken.WaitConfirmedBeyondAsync(Other, 0, Limit))
        {
            throw new TimeoutException($"{Taken.Name}: the second node has confirmed nothing within {Limit}.");
        }

        var time = declared + Taken.TimeToConfirm(message);
        if (time > TakeOverLimit)
        {
            faults.Add($"{Taken.Name}: taking it over took {time}");
        }

        return time;
    }

    /// <summary>Those that were not taken over get confirms for what was published after SIGCONT.</summary>
    private async Task WaitForOthersAsync(uint[] marks)
    {
        for (var queue = 0; queue < Queues; queue++)
        {
            if (queue != _taken && !await _queues[queue].WaitConfirmedBeyondAsync(Early, marks[queue], Limit))
            {
                faults.Add($"{_queues[queue].Name}: nothing that was published after SIGCONT was confirmed for {Limit}");
            }
        }
    }

    /// <summary>Whoever published to the taken queue at the first node gets no answers, and its channel is closed.</summary>
    private async Task WaitUntilToldAsync(Task publishing)
    {
        try
        {
            await publishing.WaitAsync(Limit);
        }
        catch (TimeoutException)
        {
            faults.Add($"{Taken.Name}: its publisher at the first node was not told that it is lost within {Limit}");
        }
    }

    private async Task DrainAsync()
    {
        // The taken one first, while the first node leaves it alone.
        foreach (var queue in _queues.OrderBy(queue => queue != Taken))
        {
            var port = queue == Taken ? second.AmqpPort : first.AmqpPort;
            var drained = await QueueDrain.RunAsync(port, queue, faults, delete: queue != Taken || !isLast);
            queue.Judge(drained, mayForgetAcks: queue == Taken);
        }
    }
}

/// <summary>What one take-over showed.</summary>
/// <param name="Time">From the first word about the queue to the second node until its first confirm.</param>
/// <param name="IsInFlush">The first node was stopped in the middle of a flush.</param>
/// <param name="Recovered">From SIGCONT until each of the other queues had confirmed something new.</param>
/// <param name="Drained">From SIGCONT until all queues were empty.</param>
internal sealed record RoundResult(TimeSpan Time, bool IsInFlush, TimeSpan Recovered, TimeSpan Drained, int Confirmed)
{
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{(IsInFlush ? "in" : "not in")} the middle of a flush, taken over in {Time.TotalSeconds:0.00} s; after SIGCONT the other queues went on in "
        + $"{Recovered.TotalSeconds:0.0} s and all were drained in {Drained.TotalSeconds:0.0} s; confirmed {Confirmed}");
}
