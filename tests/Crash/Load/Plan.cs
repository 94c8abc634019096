namespace Granary.Crash.Load;

/// <summary>A way from an exchange to queues.</summary>
/// <param name="MayRefuse">The queue refuses messages when it is full.</param>
internal sealed record Route(string Exchange, string Key, int[] Queues, bool MayRefuse = false);

internal enum Settling
{
    /// <summary>Acknowledges in batches, and gives some back.</summary>
    Acks,

    /// <summary>Holds all that its prefetch allows for a while, then acknowledges or gives back all at once.</summary>
    Hoards,

    /// <summary>Acknowledges in transactions.</summary>
    Commits,

    /// <summary>Closes its channel now and then with messages in hand.</summary>
    Leaves,

    /// <summary>Gets one message after the other.</summary>
    Gets,
}

/// <summary>One consumer of a queue.</summary>
/// <param name="Publisher">As which it publishes receipts: messages in the same transaction as acknowledgements.</param>
internal sealed record ConsumerPlan(int Queue, int Number, Settling Settling, ushort Prefetch, int Batch, TimeSpan Patience, int Seed, ushort Publisher)
{
    public string Name => $"consumer {Number} of {Plan.NameOf(Queue)}";
}

/// <summary>One publisher.</summary>
/// <param name="Window">How many messages may wait for their confirm.</param>
/// <param name="Transactions">It uses transactions instead of confirms.</param>
internal sealed record PublisherPlan(ushort Id, int Window, int Burst, bool Transactions, int Seed);

/// <summary>What is declared and who does what: all of it follows from the seed.</summary>
internal sealed class Plan
{
    public const string Fanout = "crash.fanout", Topic = "crash.topic", Relay = "crash.relay";

    /// <summary>Of the queues with priorities. Messages are sent with higher ones, too.</summary>
    public const byte HighestPriority = 3;

    private const int Groups = 3;

    public Plan(int seed, int queues)
    {
        Seed = seed;
        Queues = queues;
        Refusing = queues - 1;
        FannedOut = [.. Enumerable.Range(0, Math.Min(4, Refusing))];
        var random = new Random(seed);
        var routes = new List<Route>();
        for (var queue = 0; queue < queues; queue++)
        {
            routes.Add(new Route("", NameOf(queue), [queue], MayRefuse: queue == Refusing));
        }

        routes.Add(new Route(Fanout, "any", FannedOut));
        routes.Add(new Route(Relay, "all", FannedOut));
        for (var group = 0; group < Groups; group++)
        {
            routes.Add(new Route(Topic, $"group.{group}.x", [.. Enumerable.Range(0, Refusing).Where(queue => queue == 0 || queue % Groups == group)]));
        }

        Routes = [.. routes];
        Publishers = [.. Enumerable.Range(0, Math.Clamp(queues / 2, 4, 9)).Select(id => new PublisherPlan(
            (ushort)id, random.Next(1, 200), random.Next(1, 40), Transactions: id % 4 == 1, random.Next()))];
        Consumers = [.. Enumerable.Range(0, queues).SelectMany(queue => Enumerable.Range(0, random.Next(4) == 0 ? 2 : 1).Select(number => new ConsumerPlan(
            queue,
            number,
            queue == Refusing ? Settling.Hoards : (Settling)((queue + (number * 2)) % 5),
            (ushort)(queue == Refusing || random.Next(3) == 0 ? random.Next(1, 10) : random.Next(10, 400)),
            random.Next(1, 60),
            TimeSpan.FromMilliseconds(random.Next(300, 2_000)),
            random.Next(),
            (ushort)(Publishers.Length + (2 * queue) + number))))];
        PublisherIds = Publishers.Length + (2 * queues);
    }

    public int Seed { get; }

    public int Queues { get; }

    /// <summary>The queue that refuses messages when it is full.</summary>
    public int Refusing { get; }

    /// <summary>The queues bound to the fanout exchange.</summary>
    public int[] FannedOut { get; }

    public Route[] Routes { get; }

    public PublisherPlan[] Publishers { get; }

    /// <summary>Publishers have ids below; those beyond <see cref="Publishers"/> are consumers'.</summary>
    public int PublisherIds { get; }

    public ConsumerPlan[] Consumers { get; }

    /// <summary>The queue gives out the highest priority first.</summary>
    public static bool HasPriorities(int queue) => queue % 3 == 1;

    /// <summary>Messages alternate at times, and have the same for a while at others.</summary>
    public static byte PriorityOf(MessageId id) => (byte)((id.Number % 128 < 64 ? id.Number : id.Number / 30) * 7 % 6);

    public static string NameOf(int queue) => $"crash-{queue:00}";

    /// <summary>The keys with which a queue is bound to the topic exchange; the first queue is bound twice and yet gets a message once.</summary>
    public static IEnumerable<string> TopicKeysOf(int queue) => queue == 0 ? ["group.0.*", "group.#"] : [$"group.{queue % Groups}.*"];
}
