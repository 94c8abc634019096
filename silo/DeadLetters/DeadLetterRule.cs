namespace Granary.Silo.DeadLetters;

/// <summary>Where a queue sends its dead messages.</summary>
/// <param name="Exchange">Empty is the default exchange. It need not exist.</param>
/// <param name="RoutingKey">Replaces all keys of a message, or null.</param>
internal sealed record DeadLetterRule(string Exchange, string? RoutingKey)
{
    /// <summary>The only queue that they go to, whatever any bindings say; null: bindings say it.</summary>
    public string? Queue { get; init; }

    /// <summary>What is refused, or finds no queue, is kept and tried again later, until all queues that it goes to have it (<c>at-least-once</c>). Otherwise it is gone.</summary>
    public bool Keeps { get; init; }
}
