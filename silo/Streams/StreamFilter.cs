using Granary.Amqp;
using Granary.Core.Messages;

namespace Granary.Silo.Streams;

/// <summary>
/// Which messages a consumer wants by the value that they were published with (x-stream-filter-value). RabbitMQ filters by chunks and leaves the rest to the client;
/// here each message is looked at.
/// </summary>
internal sealed class StreamFilter
{
    public const string ValuesArgument = "x-stream-filter";
    public const string UnfilteredArgument = "x-stream-match-unfiltered";

    private readonly List<byte[]> _values = [];
    private readonly bool _takesUnfiltered;

    private StreamFilter(bool takesUnfiltered) => _takesUnfiltered = takesUnfiltered;

    /// <summary>Null: all messages are wanted (rabbit_stream_queue's filter_spec).</summary>
    public static StreamFilter? Read(FieldTable arguments)
    {
        if (!arguments.TryGetValue(ValuesArgument, out var values))
        {
            return null;
        }

        var filter = new StreamFilter(arguments.TryGetValue(UnfilteredArgument, out var takes) && takes.TryGetBoolean(out var isTaken) && isTaken);
        if (values.TryGetArray(out var several))
        {
            foreach (var value in several)
            {
                filter.Add(value);
            }

            return filter;
        }

        filter.Add(values);
        return filter._values.Count > 0 ? filter : null;
    }

    public bool Takes(MessageRecord record)
    {
        if (!BasicPropertiesView.Read(record.Properties).TryGetHeaders(out var headers))
        {
            return _takesUnfiltered;
        }

        var entries = new FieldTableReader(headers);
        if (!entries.MoveTo("x-stream-filter-value"u8) || entries.Kind != FieldKind.LongString)
        {
            return _takesUnfiltered;
        }

        foreach (var value in _values)
        {
            if (entries.Value.SequenceEqual(value))
            {
                return true;
            }
        }

        return false;
    }

    private void Add(FieldValue value)
    {
        if (value.Kind == FieldKind.LongString && value.TryGetBytes(out var octets))
        {
            _values.Add(octets.ToArray());
        }
    }
}
