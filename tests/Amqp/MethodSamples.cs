using Granary.Amqp.Methods;

namespace Granary.Amqp.Tests;

/// <summary>One of every method, each field with a value of its own.</summary>
public static class MethodSamples
{
    private static readonly FieldTable Arguments = FieldTable.Of(
        ("x-max-length", 5),
        ("x-queue-type", "quorum"),
        ("nested", FieldTable.Of(("list", new FieldArray(true, "zwölf", FieldValue.Void)), ("at", FieldValue.Timestamp(1577836800)))));

    public static IReadOnlyList<MethodSample> All { get; } =
    [
        MethodSample.Of(new ConnectionStart(0, 9, Arguments, "PLAIN AMQPLAIN", "en_US")),
        MethodSample.Of(new ConnectionStartOk(Arguments, "PLAIN", "\0guest\0guest", "en_US")),
        MethodSample.Of(new ConnectionSecure(LongString.Copy([0, 255, 128]))),
        MethodSample.Of(new ConnectionSecureOk("response")),
        MethodSample.Of(new ConnectionTune(2047, 131072, 60)),
        MethodSample.Of(new ConnectionTuneOk(1, 4096, 0)),
        MethodSample.Of(new ConnectionOpen("/")),
        MethodSample.Of(default(ConnectionOpenOk)),
        MethodSample.Of(new ConnectionClose(ReplyCode.ConnectionForced, "CONNECTION_FORCED - bye", 60, 40)),
        MethodSample.Of(default(ConnectionCloseOk)),
        MethodSample.Of(new ConnectionBlocked("low on memory")),
        MethodSample.Of(default(ConnectionUnblocked)),
        MethodSample.Of(new ConnectionUpdateSecret("token", "expires")),
        MethodSample.Of(default(ConnectionUpdateSecretOk)),
        MethodSample.Of(default(ChannelOpen)),
        MethodSample.Of(default(ChannelOpenOk)),
        MethodSample.Of(new ChannelFlow(true)),
        MethodSample.Of(new ChannelFlowOk(true)),
        MethodSample.Of(new ChannelClose(ReplyCode.NotFound, "NOT_FOUND - no queue 'q' in vhost '/'", 50, 10)),
        MethodSample.Of(default(ChannelCloseOk)),
        MethodSample.Of(new AccessRequest("/data", true, false, true, false, true)),
        MethodSample.Of(new AccessRequestOk(1)),
        MethodSample.Of(new ExchangeDeclare("logs", "topic", false, true, false, true, false, Arguments)),
        MethodSample.Of(default(ExchangeDeclareOk)),
        MethodSample.Of(new ExchangeDelete("logs", true, false)),
        MethodSample.Of(default(ExchangeDeleteOk)),
        MethodSample.Of(new ExchangeBind("destination", "source", "key", true, Arguments)),
        MethodSample.Of(default(ExchangeBindOk)),
        MethodSample.Of(new ExchangeUnbind("destination", "source", "key", true, Arguments)),
        MethodSample.Of(default(ExchangeUnbindOk)),
        MethodSample.Of(new QueueDeclare("orders", true, false, true, false, true, Arguments)),
        MethodSample.Of(new QueueDeclareOk("orders", 3, 2)),
        MethodSample.Of(new QueueBind("orders", "logs", "a.b", true, Arguments)),
        MethodSample.Of(default(QueueBindOk)),
        MethodSample.Of(new QueuePurge("orders", true)),
        MethodSample.Of(new QueuePurgeOk(uint.MaxValue)),
        MethodSample.Of(new QueueDelete("orders", true, false, true)),
        MethodSample.Of(new QueueDeleteOk(7)),
        MethodSample.Of(new QueueUnbind("orders", "logs", "a.b", Arguments)),
        MethodSample.Of(default(QueueUnbindOk)),
        MethodSample.Of(new BasicQos(1, 500, true)),
        MethodSample.Of(default(BasicQosOk)),
        MethodSample.Of(new BasicConsume("orders", "tag", true, false, true, false, Arguments)),
        MethodSample.Of(new BasicConsumeOk("tag")),
        MethodSample.Of(new BasicCancel("tag", true)),
        MethodSample.Of(new BasicCancelOk("tag")),
        MethodSample.Of(new BasicPublish("logs", "a.b", true, true)),
        MethodSample.Of(new BasicReturn(ReplyCode.NoRoute, "NO_ROUTE", "logs", "a.b")),
        MethodSample.Of(new BasicDeliver("tag", ulong.MaxValue, true, "logs", "a.b")),
        MethodSample.Of(new BasicGet("orders", true)),
        MethodSample.Of(new BasicGetOk(9, true, "logs", "a.b", 4)),
        MethodSample.Of(default(BasicGetEmpty)),
        MethodSample.Of(new BasicAck(513, true)),
        MethodSample.Of(new BasicReject(514, true)),
        MethodSample.Of(new BasicRecoverAsync(true)),
        MethodSample.Of(new BasicRecover(true)),
        MethodSample.Of(default(BasicRecoverOk)),
        MethodSample.Of(new BasicNack(515, false, true)),
        MethodSample.Of(new ConfirmSelect(true)),
        MethodSample.Of(default(ConfirmSelectOk)),
        MethodSample.Of(default(TxSelect)),
        MethodSample.Of(default(TxSelectOk)),
        MethodSample.Of(default(TxCommit)),
        MethodSample.Of(default(TxCommitOk)),
        MethodSample.Of(default(TxRollback)),
        MethodSample.Of(default(TxRollbackOk)),
    ];

    public static TheoryData<string> Names => [.. All.Select(sample => sample.Method.GetType().Name)];

    public static MethodSample ByName(string name) => All.Single(sample => sample.Method.GetType().Name == name);
}
