using System.Globalization;
using System.Text;

namespace Granary.Cluster.Tests.Chaos;

/// <summary>Which message of which publisher one is: its body.</summary>
internal readonly record struct Stamp(int Publisher, int Number)
{
    public byte[] Encode() => Encoding.ASCII.GetBytes(ToString());

    public static Stamp Decode(ReadOnlyMemory<byte> body)
    {
        var parts = Encoding.ASCII.GetString(body.Span).Split('/');
        return new Stamp(int.Parse(parts[0], CultureInfo.InvariantCulture), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Publisher}/{Number}");
}
