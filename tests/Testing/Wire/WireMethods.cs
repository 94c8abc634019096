using Arguments = System.Collections.Generic.IReadOnlyDictionary<string, object?>;

namespace Granary.Testing.Wire;

/// <summary>The client's methods as payloads, with every bit free to be set, also where a client library has none for it.</summary>
public static class WireMethods
{
    /// <summary>connection.start-ok with PLAIN.</summary>
    public static byte[] StartOk(string user = "guest", string password = "guest", string mechanism = "PLAIN") =>
        WireWriter.Method(10, 11)
            .Table(new Dictionary<string, object?>
            {
                ["capabilities"] = new Dictionary<string, object?> { ["authentication_failure_close"] = true, ["consumer_cancel_notify"] = true },
            })
            .ShortString(mechanism).LongString($"\0{user}\0{password}").ShortString("en_US").ToArray();

    /// <summary>connection.tune-ok.</summary>
    public static byte[] TuneOk(ushort channelMax = 2047, uint frameMax = 131072, ushort heartbeat = 0) =>
        WireWriter.Method(10, 31).Short(channelMax).Long(frameMax).Short(heartbeat).ToArray();

    /// <summary>connection.open.</summary>
    public static byte[] ConnectionOpen(string vhost = "/") => WireWriter.Method(10, 40).ShortString(vhost).ShortString("").Octet(0).ToArray();

    /// <summary>connection.close without fault.</summary>
    public static byte[] ConnectionClose() => WireWriter.Method(10, 50).Short(200).ShortString("bye").Short(0).Short(0).ToArray();

    /// <summary>connection.close-ok.</summary>
    public static byte[] ConnectionCloseOk() => WireWriter.Method(10, 51).ToArray();

    /// <summary>channel.open.</summary>
    public static byte[] ChannelOpen() => WireWriter.Method(20, 10).ShortString("").ToArray();

    /// <summary>channel.flow.</summary>
    public static byte[] ChannelFlow(bool active) => WireWriter.Method(20, 20).Bits(active).ToArray();

    /// <summary>channel.close without fault.</summary>
    public static byte[] ChannelClose() => WireWriter.Method(20, 40).Short(200).ShortString("bye").Short(0).Short(0).ToArray();

    /// <summary>channel.close-ok.</summary>
    public static byte[] ChannelCloseOk() => WireWriter.Method(20, 41).ToArray();

    /// <summary>exchange.declare.</summary>
    public static byte[] ExchangeDeclare(
        string name,
        string type = "direct",
        bool passive = false,
        bool durable = false,
        bool autoDelete = false,
        bool isInternal = false,
        Arguments? arguments = null) =>
        WireWriter.Method(40, 10).Short(0).ShortString(name).ShortString(type)
            .Bits(passive, durable, autoDelete, isInternal, false).Table(arguments).ToArray();

    /// <summary>exchange.delete.</summary>
    public static byte[] ExchangeDelete(string name, bool ifUnused = false) =>
        WireWriter.Method(40, 20).Short(0).ShortString(name).Bits(ifUnused, false).ToArray();

    /// <summary>exchange.bind.</summary>
    public static byte[] ExchangeBind(string destination, string source, string key = "") =>
        WireWriter.Method(40, 30).Short(0).ShortString(destination).ShortString(source).ShortString(key).Bits(false).Table(null).ToArray();

    /// <summary>exchange.unbind.</summary>
    public static byte[] ExchangeUnbind(string destination, string source, string key = "") =>
        WireWriter.Method(40, 40).Short(0).ShortString(destination).ShortString(source).ShortString(key).Bits(false).Table(null).ToArray();

    /// <summary>queue.declare.</summary>
    public static byte[] QueueDeclare(
        string name,
        bool passive = false,
        bool durable = false,
        bool exclusive = false,
        bool autoDelete = false,
        Arguments? arguments = null) =>
        WireWriter.Method(50, 10).Short(0).ShortString(name).Bits(passive, durable, exclusive, autoDelete, false).Table(arguments).ToArray();

    /// <summary>queue.bind.</summary>
    public static byte[] QueueBind(string queue, string exchange, string key = "", Arguments? arguments = null) =>
        WireWriter.Method(50, 20).Short(0).ShortString(queue).ShortString(exchange).ShortString(key).Bits(false).Table(arguments).ToArray();

    /// <summary>queue.unbind.</summary>
    public static byte[] QueueUnbind(string queue, string exchange, string key = "", Arguments? arguments = null) =>
        WireWriter.Method(50, 50).Short(0).ShortString(queue).ShortString(exchange).ShortString(key).Table(arguments).ToArray();

    /// <summary>queue.purge.</summary>
    public static byte[] QueuePurge(string name) => WireWriter.Method(50, 30).Short(0).ShortString(name).Bits(false).ToArray();

    /// <summary>queue.delete.</summary>
    public static byte[] QueueDelete(string name, bool ifUnused = false, bool ifEmpty = false) =>
        WireWriter.Method(50, 40).Short(0).ShortString(name).Bits(ifUnused, ifEmpty, false).ToArray();

    /// <summary>basic.qos.</summary>
    public static byte[] BasicQos(uint prefetchSize, ushort prefetchCount, bool global = false) =>
        WireWriter.Method(60, 10).Long(prefetchSize).Short(prefetchCount).Bits(global).ToArray();

    /// <summary>basic.consume.</summary>
    public static byte[] BasicConsume(
        string queue, string tag = "", bool noAck = false, bool exclusive = false, bool noLocal = false, Arguments? arguments = null) =>
        WireWriter.Method(60, 20).Short(0).ShortString(queue).ShortString(tag).Bits(noLocal, noAck, exclusive, false).Table(arguments).ToArray();

    /// <summary>basic.cancel.</summary>
    public static byte[] BasicCancel(string tag) => WireWriter.Method(60, 30).ShortString(tag).Bits(false).ToArray();

    /// <summary>basic.publish; the content header and the body are frames of their own.</summary>
    public static byte[] BasicPublish(string exchange, string key, bool mandatory = false, bool immediate = false) =>
        WireWriter.Method(60, 40).Short(0).ShortString(exchange).ShortString(key).Bits(mandatory, immediate).ToArray();

    /// <summary>basic.get.</summary>
    public static byte[] BasicGet(string queue, bool noAck = false) => WireWriter.Method(60, 70).Short(0).ShortString(queue).Bits(noAck).ToArray();

    /// <summary>basic.ack.</summary>
    public static byte[] BasicAck(ulong tag, bool multiple = false) => WireWriter.Method(60, 80).LongLong(tag).Bits(multiple).ToArray();

    /// <summary>basic.reject.</summary>
    public static byte[] BasicReject(ulong tag, bool requeue) => WireWriter.Method(60, 90).LongLong(tag).Bits(requeue).ToArray();

    /// <summary>basic.nack.</summary>
    public static byte[] BasicNack(ulong tag, bool multiple, bool requeue) =>
        WireWriter.Method(60, 120).LongLong(tag).Bits(multiple, requeue).ToArray();

    /// <summary>basic.recover.</summary>
    public static byte[] BasicRecover(bool requeue) => WireWriter.Method(60, 110).Bits(requeue).ToArray();

    /// <summary>confirm.select.</summary>
    public static byte[] ConfirmSelect() => WireWriter.Method(85, 10).Bits(false).ToArray();

    /// <summary>tx.select.</summary>
    public static byte[] TxSelect() => WireWriter.Method(90, 10).ToArray();

    /// <summary>tx.commit.</summary>
    public static byte[] TxCommit() => WireWriter.Method(90, 20).ToArray();

    /// <summary>tx.rollback.</summary>
    public static byte[] TxRollback() => WireWriter.Method(90, 30).ToArray();

    /// <summary>A content header of class basic; <paramref name="flags"/> says which of the 14 properties <paramref name="properties"/> holds.</summary>
    public static byte[] Header(ulong bodySize, ushort flags = 0, byte[]? properties = null, ushort classId = 60) =>
        new WireWriter().Short(classId).Short(0).LongLong(bodySize).Short(flags).Raw(properties ?? []).ToArray();
}
