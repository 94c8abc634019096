namespace Granary.Silo.Storage.Postgres;

/// <summary>Changes of rows, column by column.</summary>
internal sealed class RowColumns
{
    private readonly List<RowChange> _changes = [];

    public List<string> Kinds { get; } = [];

    public List<string> Keys { get; } = [];

    public List<ReadOnlyMemory<byte>?> Values { get; } = [];

    public List<long?> Versions { get; } = [];

    public int Count => _changes.Count;

    /// <summary>By its ordinal.</summary>
    public RowChange this[int ordinal] => _changes[ordinal];

    public void Add(RowChange change)
    {
        _changes.Add(change);
        Kinds.Add(TextColumn.Encode(change.Key.Table));
        Keys.Add(TextColumn.Encode(change.Key.Key));
        Values.Add(change.Value);
        Versions.Add(change.Expected);
    }
}
