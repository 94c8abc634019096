using System.Text;
using Granary.Testing.Wire;

namespace Granary.Compat.Tests.Garbage;

/// <summary>What a well-behaved client sends from its first byte to its last, as one stream of parts that a mutation may spoil.</summary>
internal static class RecordedSession
{
    /// <summary>The stream: handshake, topology, publishes with confirms, a consumer, settlements, transactions, closing.</summary>
    public static byte[] Bytes(string queue)
    {
        var body = Encoding.UTF8.GetBytes("a body that is not empty");
        var properties = new WireWriter()
            .ShortString("text/plain").Table(new Dictionary<string, object?> { ["n"] = 1, ["list"] = new List<object?> { "a", 2L, null } })
            .Octet(1).Octet(4).ToArray();
        return
        [
            .. WireConnection.ProtocolHeader,
            .. Method(0, WireMethods.StartOk()),
            .. Method(0, WireMethods.TuneOk()),
            .. Method(0, WireMethods.ConnectionOpen()),
            .. Method(1, WireMethods.ChannelOpen()),
            .. Method(1, WireMethods.QueueDeclare(queue, exclusive: true, arguments: new Dictionary<string, object?> { ["x-max-length"] = 100 })),
            .. Method(1, WireMethods.ExchangeDeclare("amq.topic", "topic", durable: true)),
            .. Method(1, WireMethods.QueueBind(queue, "amq.topic", queue + ".*.#")),
            .. Method(1, WireMethods.ConfirmSelect()),
            .. Content(1, WireMethods.BasicPublish("", queue), WireMethods.Header((ulong)body.Length, 0xB800, properties), body),
            .. Content(1, WireMethods.BasicPublish("amq.topic", queue + ".a.b", mandatory: true), WireMethods.Header((ulong)body.Length), body),
            .. Method(1, WireMethods.BasicQos(0, 10)),
            .. Method(1, WireMethods.BasicConsume(queue, "tag")),
            .. Method(1, WireMethods.BasicAck(1)),
            .. Method(1, WireMethods.BasicNack(2, multiple: false, requeue: true)),
            .. Method(1, WireMethods.BasicRecover(requeue: true)),
            .. new WireFrame(WireFrame.HeartbeatType, 0, []).ToBytes(),
            .. Method(2, WireMethods.ChannelOpen()),
            .. Method(2, WireMethods.TxSelect()),
            .. Content(2, WireMethods.BasicPublish("", queue), WireMethods.Header(0), []),
            .. Method(2, WireMethods.TxCommit()),
            .. Method(2, WireMethods.QueuePurge(queue)),
            .. Method(2, WireMethods.QueueDelete(queue)),
            .. Method(2, WireMethods.ChannelClose()),
            .. Method(0, WireMethods.ConnectionClose()),
        ];
    }

    private static byte[] Method(ushort channel, byte[] method) => new WireFrame(WireFrame.MethodType, channel, method).ToBytes();

    private static byte[] Content(ushort channel, byte[] publish, byte[] header, byte[] body) =>
    [
        .. Method(channel, publish),
        .. new WireFrame(WireFrame.HeaderType, channel, header).ToBytes(),
        .. body.Length == 0 ? [] : new WireFrame(WireFrame.BodyType, channel, body).ToBytes(),
    ];
}
