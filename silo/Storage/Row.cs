namespace Granary.Silo.Storage;

/// <summary>Names a small record: definitions, bindings, what is due.</summary>
/// <param name="Table">What kind, and of what: rows of one table are read together.</param>
/// <param name="Key">Unique in the table; ordinal.</param>
internal readonly record struct RowKey(string Table, string Key);

/// <param name="Version">1 when it was created, one more with each change.</param>
internal sealed record Row(RowKey Key, ReadOnlyMemory<byte> Value, long Version);

/// <summary>
/// Sets or removes a row. A key may come several times in a flush: its changes are made in order, and when one is refused, so are those after it that
/// expect a version.
/// </summary>
/// <param name="Value">Null removes it.</param>
/// <param name="Expected">The version that is changed: 0, there is none; null, whichever there is. If it is another one nothing is changed.</param>
/// <param name="IsGuarded">Nothing is changed either if any queue of the flush is fenced: the row says something of queues that has to be true.</param>
internal sealed record RowChange(RowKey Key, ReadOnlyMemory<byte>? Value, long? Expected = null, bool IsGuarded = false);
