namespace Granary.Bench.Load;

/// <summary>Which keys and bindings a load has, and which worker uses which queues and keys; the same over every protocol.</summary>
internal sealed class LoadPlan(LoadOptions options)
{
    /// <summary>The exchange is this load's to declare and delete.</summary>
    public bool OwnsExchange => options.Exchange.Length > 0 && !options.Exchange.StartsWith("amq.", StringComparison.Ordinal);

    public bool IsDurable => options.Durable || options.Persistent;

    /// <summary>Bindings that messages use: every queue has one, and every key has a queue.</summary>
    public int UsedBindings => options.Exchange.Length == 0 ? 0 : options.Copies > 1 ? options.Queues : Math.Max(KeyCount, options.Queues);

    /// <summary>Bindings that match nothing.</summary>
    public int UnusedBindings => options.Exchange.Length == 0 ? 0 : options.Bindings;

    private int KeyCount => options.RoutingKeys > 0 ? options.RoutingKeys : options.Queues;

    public static string UsedKey(int binding) => $"load.{binding}.message";

    public static string UnusedKey(int binding) => $"load.unused{binding}.*";

    public string QueueOfBinding(int binding) => options.QueueName(binding % options.Queues);

    public IReadOnlyList<string> QueuesOf(int consumer) => [.. Share(options.Queues, options.Consumers, consumer).Select(options.QueueName)];

    public IReadOnlyList<string> KeysOf(int producer)
    {
        if (options.Exchange.Length == 0)
        {
            return [.. Share(options.Queues, options.Producers, producer).Select(options.QueueName)];
        }

        // Each producer uses all keys, but starts elsewhere.
        var first = (int)((long)producer * KeyCount / options.Producers);
        return [.. Enumerable.Range(first, KeyCount).Select(key => UsedKey(key % KeyCount))];
    }

    /// <summary>How many messages a producer publishes; as many as it can without a number.</summary>
    public long MessagesOf(int producer) => options.Messages == 0
        ? long.MaxValue
        : (options.Messages / options.Producers) + (producer < options.Messages % options.Producers ? 1 : 0);

    /// <summary>The things that one of several workers takes on: a part of them each, or one each where there are more workers than things.</summary>
    internal static IEnumerable<int> Share(int things, int workers, int worker) =>
        workers >= things
            ? [worker % things]
            : Enumerable.Range(0, things).Where(thing => thing % workers == worker);
}
