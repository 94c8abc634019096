using System.Text;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;

namespace Granary.Silo.Ownership;

/// <summary>
/// What is not durable and is stored nevertheless, since it has to come back when its silo is lost: one row for each such queue and exchange, which names its
/// owner, so that those whose owner is gone are found without reading all definitions.
/// </summary>
internal static class OwnedRows
{
    public const string Table = "owned";

    public static RowChange Added(DueKind kind, string grainKey, string owner) => new(KeyOf(kind, grainKey), Encoding.UTF8.GetBytes(owner));

    public static RowChange Removed(DueKind kind, string grainKey) => new(KeyOf(kind, grainKey), null);

    /// <exception cref="StoreException">The row is not one of an owned grain.</exception>
    public static (DueKind Kind, string GrainKey, string Owner) Parse(Row row)
    {
        var text = row.Key.Key;
        var end = text.IndexOf(' ', StringComparison.Ordinal);
        return end > 0 && Enum.TryParse<DueKind>(text.AsSpan(0, end), out var kind)
            ? (kind, text[(end + 1)..], Encoding.UTF8.GetString(row.Value.Span))
            : throw new StoreException($"The stored row '{text}' of '{Table}' names no grain.");
    }

    private static RowKey KeyOf(DueKind kind, string grainKey) => new(Table, $"{kind} {grainKey}");
}
