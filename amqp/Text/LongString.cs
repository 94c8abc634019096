using System.Text;

namespace Granary.Amqp;

/// <summary>The octets of a long string, compared by content: mostly text, but nothing promises that.</summary>
public readonly struct LongString : IEquatable<LongString>
{
    private readonly byte[]? _octets;

    private LongString(byte[] octets) => _octets = octets;

    public ReadOnlySpan<byte> Span => _octets;

    public int Length => _octets?.Length ?? 0;

    public static implicit operator LongString(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new LongString(Encoding.UTF8.GetBytes(text));
    }

    /// <summary>Copies the octets.</summary>
    public static LongString Copy(ReadOnlySpan<byte> octets) => new(octets.ToArray());

    public static bool operator ==(LongString left, LongString right) => left.Equals(right);

    public static bool operator !=(LongString left, LongString right) => !left.Equals(right);

    public bool Equals(LongString other) => Span.SequenceEqual(other.Span);

    public override bool Equals(object? obj) => obj is LongString other && Equals(other);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Span);
        return hash.ToHashCode();
    }

    /// <summary>The octets as UTF-8 text; what is not UTF-8 shows as replacement characters.</summary>
    public override string ToString() => Encoding.UTF8.GetString(Span);
}
