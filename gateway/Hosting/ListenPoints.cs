using System.Collections;
using System.Net;
using Granary.Gateway.Amqp.Proxy;

namespace Granary.Gateway.Hosting;

/// <summary>Where something is listened for: ports, each at an address of its own or at that of all listeners.</summary>
public sealed class ListenPoints : IReadOnlyList<ListenPoint>
{
    public static readonly ListenPoints None = new([]);

    private readonly ListenPoint[] _points;

    public ListenPoints(IEnumerable<ListenPoint> points) => _points = [.. points];

    public int Count => _points.Length;

    public ListenPoint this[int index] => _points[index];

    /// <summary>Reads <c>none</c>, or ports and addresses with ports, with commas between them: <c>5672</c>, <c>127.0.0.1:5672</c>, <c>::1:5672</c>.</summary>
    /// <exception cref="FormatException">It is none of these.</exception>
    public static ListenPoints Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text == "none" ? None : new ListenPoints(text.Split(',', StringSplitOptions.TrimEntries).Select(ParseOne));
    }

    public static ListenPoints At(int port) => new([new ListenPoint(null, port)]);

    public IEnumerator<ListenPoint> GetEnumerator() => _points.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => _points.Length == 0 ? "none" : string.Join(',', _points.AsEnumerable());

    // The last colon is before the port, as in RabbitMQ, whose addresses of IPv6 have no brackets; with brackets they are understood, too.
    private static ListenPoint ParseOne(string text)
    {
        var colon = text.LastIndexOf(':');
        if (!ushort.TryParse(text.AsSpan(colon + 1), out var port))
        {
            throw new FormatException($"'{text}' is not a port, 0 to 65535, nor an address with one, such as 127.0.0.1:5672");
        }

        return colon < 0 ? new ListenPoint(null, port)
            : AddressText.TryRead(text[..colon].Trim('[', ']'), out var address) ? new ListenPoint(address, port)
            : throw new FormatException($"'{text[..colon]}' in '{text}' is not an IP address");
    }
}

/// <param name="Address">Null: that of all listeners.</param>
/// <param name="Port">0 picks a free one.</param>
public readonly record struct ListenPoint(IPAddress? Address, int Port)
{
    /// <summary>Where it is, if all listeners are at <paramref name="address"/>.</summary>
    public IPEndPoint At(IPAddress address) => new(Address ?? address, Port);

    public override string ToString() => Address is null ? $"{Port}" : $"{new IPEndPoint(Address, Port)}";
}
