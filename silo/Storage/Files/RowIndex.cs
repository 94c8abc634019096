namespace Granary.Silo.Storage.Files;

/// <summary>Where a row is in the log.</summary>
internal readonly record struct StoredRow(uint Segment, long Position, int Length, long Version);

/// <summary>The rows there are, by table.</summary>
internal sealed class RowIndex(SegmentList segments)
{
    private readonly Dictionary<string, Dictionary<string, StoredRow>> _tables = new(StringComparer.Ordinal);

    public StoredRow? Find(RowKey key) => _tables.TryGetValue(key.Table, out var rows) && rows.TryGetValue(key.Key, out var row) ? row : null;

    public StoredRow[] FindAll(string table) => _tables.TryGetValue(table, out var rows) ? [.. rows.Values] : [];

    /// <summary>Of all tables whose names begin so.</summary>
    public StoredRow[] FindAllOf(string prefix) =>
        [.. _tables.Where(table => table.Key.StartsWith(prefix, StringComparison.Ordinal)).SelectMany(table => table.Value.Values)];

    public void Set(RowKey key, StoredRow row)
    {
        if (!_tables.TryGetValue(key.Table, out var rows))
        {
            _tables.Add(key.Table, rows = new Dictionary<string, StoredRow>(StringComparer.Ordinal));
        }

        if (rows.TryGetValue(key.Key, out var earlier))
        {
            segments.Release(earlier.Segment, earlier.Length);
        }

        rows[key.Key] = row;
        segments.Hold(row.Segment, row.Length);
    }

    public void Remove(RowKey key)
    {
        if (_tables.TryGetValue(key.Table, out var rows) && rows.Remove(key.Key, out var earlier))
        {
            segments.Release(earlier.Segment, earlier.Length);
            if (rows.Count == 0)
            {
                _tables.Remove(key.Table);
            }
        }
    }
}
