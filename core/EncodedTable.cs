using Granary.Amqp;

namespace Granary.Core;

/// <summary>
/// A field table as on the wire (without its length): how arguments travel between grains. The empty value is the empty table.
/// Equal when the bytes are equal.
/// </summary>
[GenerateSerializer, Immutable, Alias("granary.EncodedTable")]
public readonly struct EncodedTable(ReadOnlyMemory<byte> bytes) : IEquatable<EncodedTable>
{
    public static readonly EncodedTable Empty;

    [Id(0)]
    public readonly ReadOnlyMemory<byte> Bytes = bytes;

    public bool IsEmpty => Bytes.IsEmpty;

    public static EncodedTable From(FieldTable table) => new(table.Encode());

    public FieldTable Decode() => FieldTable.Decode(Bytes.Span);

    public bool Equals(EncodedTable other) => Bytes.Span.SequenceEqual(other.Bytes.Span);

    public override bool Equals(object? obj) => obj is EncodedTable other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes.Span);
        return hash.ToHashCode();
    }

    public static bool operator ==(EncodedTable left, EncodedTable right) => left.Equals(right);

    public static bool operator !=(EncodedTable left, EncodedTable right) => !left.Equals(right);
}
