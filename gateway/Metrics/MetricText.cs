using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Granary.Core.Figures;

namespace Granary.Gateway.Metrics;

/// <summary>Writes Prometheus' text format (version 0.0.4): a line for each sample, straight into the response's memory.</summary>
internal sealed class MetricText(IBufferWriter<byte> output)
{
    private byte[] _name = [];

    /// <summary>Begins a family.</summary>
    /// <param name="type"><c>counter</c>, <c>gauge</c>, <c>untyped</c>.</param>
    public void Family(string name, string type, string help)
    {
        _name = Encoding.UTF8.GetBytes(name);
        Write($"# TYPE {name} {type}\n# HELP {name} {help}\n");
    }

    /// <param name="labels">As <see cref="Labels"/> makes them; empty: none.</param>
    public void Sample(ReadOnlySpan<byte> labels, double value)
    {
        const int Rest = 40;
        var line = output.GetSpan(_name.Length + labels.Length + Rest);
        _name.CopyTo(line);
        var at = _name.Length;
        if (!labels.IsEmpty)
        {
            line[at++] = (byte)'{';
            labels.CopyTo(line[at..]);
            at += labels.Length;
            line[at++] = (byte)'}';
        }

        line[at++] = (byte)' ';
        at += Format(value, line[at..]);
        line[at++] = (byte)'\n';
        output.Advance(at);
    }

    /// <summary>A whole family that is a histogram.</summary>
    public void Histogram(string name, string help, Distribution distribution, IReadOnlyList<(string Name, string Value)> labels)
    {
        Family(name, "histogram", help);
        var (family, count) = (_name, 0L);
        _name = Encoding.UTF8.GetBytes($"{name}_bucket");
        for (var i = 0; i < distribution.Counts.Count; i++)
        {
            count += distribution.Counts[i];
            Sample(Labels([.. labels, ("le", i < distribution.Bounds.Count ? BoundOf(distribution.Bounds[i]) : "+Inf")]), count);
        }

        _name = [.. family, .. "_sum"u8];
        Sample(Labels([.. labels]), distribution.Sum);
        _name = [.. family, .. "_count"u8];
        Sample(Labels([.. labels]), count);
    }

    /// <summary>Labels of a sample, to be used for many.</summary>
    public static byte[] Labels(params ReadOnlySpan<(string Name, string Value)> labels)
    {
        var text = new StringBuilder();
        foreach (var (name, value) in labels)
        {
            text.Append(text.Length > 0 ? "," : "").Append(name).Append("=\"").Append(Escaped(value)).Append('"');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>As OpenMetrics has it, and Prometheus makes it from version 3 on: a query that works with one works with the other.</summary>
    private static string BoundOf(double bound) => bound >= 1e6 ? bound.ToString("0.###e+00", CultureInfo.InvariantCulture)
        : bound == Math.Floor(bound) ? bound.ToString("0.0", CultureInfo.InvariantCulture)
        : bound.ToString(CultureInfo.InvariantCulture);

    private static int Format(double value, Span<byte> to)
    {
        // Most are whole numbers, and a double's own text is slower.
        var whole = (long)value;
        _ = whole == value ? Utf8Formatter.TryFormat(whole, to, out var written) : Utf8Formatter.TryFormat(value, to, out written);
        return written;
    }

    private static string Escaped(string value) => value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
        ? value
        : value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private void Write(string text)
    {
        var span = output.GetSpan(Encoding.UTF8.GetMaxByteCount(text.Length));
        output.Advance(Encoding.UTF8.GetBytes(text, span));
    }
}
