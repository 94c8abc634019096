namespace Granary.Silo.Storage;

/// <summary>One queue for the store: a name that is deleted and declared again is another queue, and shares nothing with the earlier one.</summary>
/// <param name="Key">The grain's key.</param>
internal readonly record struct QueueIdentity(string Key, Guid Incarnation);
