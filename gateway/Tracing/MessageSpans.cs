using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Granary.Amqp;
using Granary.Core.Messages;
using Granary.Gateway.Hosting;

namespace Granary.Gateway.Tracing;

/// <summary>
/// Spans of OpenTelemetry for messages on their way through this process: one when a message is published, and one for each delivery. A message tells its trace by the
/// header <c>traceparent</c> (W3C Trace Context); those without one, or whose sender did not sample them, are passed on as they are, unless some are to be sampled here.
/// Names are those of OpenTelemetry's conventions for messaging. Where nothing is traced there is no object of this class.
/// </summary>
internal sealed class MessageSpans(TracingOptions options)
{
    /// <summary>How OpenTelemetry calls the protocols.</summary>
    public const string Amqp = "amqp", Grpc = "grpc";

    private const string Header = "traceparent";

    // version-trace-span-flags, in hexadecimal: 00-{32}-{16}-{2}.
    private const int HeaderLength = 55, SpanAt = 36, SpanLength = 16;

    private static readonly ActivitySource Source = new(TracingOptions.SourceName);

    /// <summary>
    /// Messages are about to be handed to queues: nobody but the caller has the batch yet. The header of those that are traced names the span of their publish from now
    /// on, in place; a message that is sampled here gets one, and then the batch is another one.
    /// </summary>
    public MessageBatch Published(in MessageBatch batch, string protocol, string vhost)
    {
        if (!Source.HasListeners())
        {
            return batch;
        }

        MemoryStream? extended = null;
        var records = MemoryMarshal.AsMemory(batch.Records).Span;
        for (int at = 0, length; at < records.Length; at += length)
        {
            var message = new MessageRecord(records[at..]);
            length = message.Length;
            var context = Find(message, out var place);
            if (context is { } parent)
            {
                if ((parent.TraceFlags & ActivityTraceFlags.Recorded) != 0)
                {
                    using var span = Start("publish", ActivityKind.Consumer, parent, message, queue: null, protocol, vhost);
                    if (span is not null)
                    {
                        Encoding.ASCII.GetBytes(span.SpanId.ToHexString(), records.Slice(at + place + SpanAt, SpanLength));
                    }
                }
            }
            else if (options.SampleRatio > 0 && place < 0 && Random.Shared.NextDouble() < options.SampleRatio && StartRoot(message, protocol, vhost) is { } root)
            {
                using (root)
                {
                    if (extended is null)
                    {
                        extended = new MemoryStream();
                        extended.Write(records[..at]);
                    }

                    extended.Write(WithHeader(message, root.Id!));
                    continue;
                }
            }

            extended?.Write(records.Slice(at, length));
        }

        return extended is null ? batch : batch with { Records = extended.ToArray() };
    }

    /// <summary>Messages are given to a client.</summary>
    public void Delivered(ReadOnlySpan<byte> records, string queue, bool redelivered, string protocol, string vhost)
    {
        if (!Source.HasListeners())
        {
            return;
        }

        while (!records.IsEmpty)
        {
            var message = new MessageRecord(records);
            records = records[message.Length..];
            if (Find(message, out _) is { } parent && (parent.TraceFlags & ActivityTraceFlags.Recorded) != 0)
            {
                using var span = Start("deliver", ActivityKind.Producer, parent, message, queue, protocol, vhost);
                if (redelivered)
                {
                    span?.SetTag("granary.message.redelivered", value: true);
                }
            }
        }
    }

    /// <param name="place">Where in the record the header's text is; -1: it has none. What is there may be no such header.</param>
    private static ActivityContext? Find(in MessageRecord message, out int place)
    {
        place = -1;
        var view = BasicPropertiesView.Read(message.Properties);
        if (!view.TryGetHeaders(out var headers))
        {
            return null;
        }

        try
        {
            var reader = new FieldTableReader(headers);
            if (!reader.MoveTo("traceparent"u8))
            {
                return null;
            }

            place = 0;
            if (reader.Kind != FieldKind.LongString || reader.Value.Length != HeaderLength
                || !ActivityContext.TryParse(Encoding.ASCII.GetString(reader.Value), StateOf(headers), isRemote: true, out var context))
            {
                return null;
            }

            // The value is a part of the record.
            message.Bytes.Overlaps(reader.Value, out place);
            return context;
        }
        catch (AmqpConnectionException)
        {
            // What nobody can read passes untouched.
            return null;
        }
    }

    private static string? StateOf(ReadOnlySpan<byte> headers)
    {
        var reader = new FieldTableReader(headers);
        return reader.MoveTo("tracestate"u8) && reader.Kind == FieldKind.LongString ? Encoding.ASCII.GetString(reader.Value) : null;
    }

    private static Activity? StartRoot(in MessageRecord message, string protocol, string vhost)
    {
        // A call of gRPC may have an activity of its own, which nobody exports.
        var outer = Activity.Current;
        Activity.Current = null;
        var root = Start("publish", ActivityKind.Consumer, default, message, queue: null, protocol, vhost);
        if (root is null)
        {
            Activity.Current = outer;
        }

        return root;
    }

    private static Activity? Start(
        string operation, ActivityKind kind, ActivityContext parent, in MessageRecord message, string? queue, string protocol, string vhost)
    {
        var (exchange, key) = (Encoding.UTF8.GetString(message.Exchange), Encoding.UTF8.GetString(message.RoutingKey));
        string?[] parts = [exchange, key, queue == key ? null : queue];
        var destination = string.Join(':', parts.Where(static part => !string.IsNullOrEmpty(part)));
        var view = BasicPropertiesView.Read(message.Properties);
        List<KeyValuePair<string, object?>> tags =
        [
            new("messaging.system", "rabbitmq"),
            new("messaging.operation.name", operation),
            new("messaging.operation.type", queue is null ? "receive" : "send"),
            new("messaging.destination.name", destination.Length > 0 ? destination : "amq.default"),
            new("messaging.message.body.size", message.Body.Length),
            new("network.protocol.name", protocol),
            new("granary.vhost", vhost),
        ];
        if (key.Length > 0)
        {
            tags.Add(new("messaging.rabbitmq.destination.routing_key", key));
        }

        if (view.TryGetMessageId(out var id))
        {
            tags.Add(new("messaging.message.id", Encoding.UTF8.GetString(id)));
        }

        if (view.TryGetCorrelationId(out var conversation))
        {
            tags.Add(new("messaging.message.conversation_id", Encoding.UTF8.GetString(conversation)));
        }

        return Source.StartActivity(kind, parent, tags, name: $"{operation} {(queue ?? (exchange.Length > 0 ? exchange : "amq.default"))}");
    }

    private static byte[] WithHeader(in MessageRecord message, string traceparent)
    {
        var headers = BasicPropertiesView.Read(message.Properties).TryGetHeaders(out var content) ? FieldTable.Decode(content, MethodId.BasicPublish) : FieldTable.Empty;
        var properties = BasicPropertiesEdit.WithHeaders(message.Properties, new FieldTable([.. headers, new(Header, traceparent)]));
        var (flags, expiry) = (message.Flags, message.Expiry);
        var record = new byte[MessageRecord.SizeOf(expiry is not null, message.Exchange.Length, message.RoutingKey.Length, properties.Length, message.Body.Length)];
        var body = MessageRecord.WriteHead(record, flags, message.Priority, expiry ?? 0, message.Exchange, message.RoutingKey, properties, message.Body.Length);
        message.Body.CopyTo(record.AsSpan(body));
        return record;
    }
}
