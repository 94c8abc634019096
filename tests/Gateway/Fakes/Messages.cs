using System.Text;
using Granary.Core.Links;
using Granary.Core.Messages;

namespace Granary.Gateway.Tests.Fakes;

/// <summary>Records whose body is a text.</summary>
internal static class Messages
{
    /// <summary>Properties without any property.</summary>
    public static readonly byte[] NoProperties = [0, 0];

    public static byte[] Record(string body, string exchange = "x", string key = "k", byte[]? properties = null) =>
        Record(Encoding.UTF8.GetBytes(body), exchange, key, properties);

    public static byte[] Record(byte[] body, string exchange = "x", string key = "k", byte[]? properties = null)
    {
        properties ??= NoProperties;
        var (exchangeBytes, keyBytes) = (Encoding.UTF8.GetBytes(exchange), Encoding.UTF8.GetBytes(key));
        var record = new byte[MessageRecord.SizeOf(false, exchangeBytes.Length, keyBytes.Length, properties.Length, body.Length)];
        var at = MessageRecord.WriteHead(record, MessageFlags.None, 0, 0, exchangeBytes, keyBytes, properties, body.Length);
        body.CopyTo(record, at);
        return record;
    }

    public static MessageBatch Batch(params string[] bodies) => new(bodies.SelectMany(body => Record(body)).ToArray(), bodies.Length);

    public static DeliverySlice Slice(long firstOffset, params string[] bodies) => new(Batch(bodies), firstOffset, Redelivered: false);

    public static string[] Bodies(in MessageBatch batch)
    {
        var bodies = new string[batch.Count];
        var rest = batch.Records.Span;
        for (var i = 0; i < bodies.Length; i++)
        {
            var record = new MessageRecord(rest);
            bodies[i] = Encoding.UTF8.GetString(record.Body);
            rest = rest[record.Length..];
        }

        Assert.True(rest.IsEmpty, "A batch must hold its messages and nothing else.");
        return bodies;
    }
}
