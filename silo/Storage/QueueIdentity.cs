namespace Granary.Silo.Storage;

/// <summary>One queue for the store: a name that is deleted and declared again is another queue, and shares nothing with the earlier one.</summary>
/// <param name="Key">The grain's key.</param>
internal readonly record struct QueueIdentity(string Key, Guid Incarnation)
{
    /// <summary>
    /// It is a stream: whoever takes it over goes on with the offset after the last that is stored. Nobody was given what was not. A queue is one or is
    /// none for ever, so identities are the same whether or not they say so.
    /// </summary>
    public bool IsStream { get; init; }

    /// <summary>Its messages leave at times of their own, in any order: whoever takes it over is told these (<see cref="StoredBacklog.Runs"/>). As with streams, identities are the same without it.</summary>
    public bool HasTimes { get; init; }

    public bool Equals(QueueIdentity other) => Incarnation == other.Incarnation && Key == other.Key;

    public override int GetHashCode() => HashCode.Combine(Key, Incarnation);
}
