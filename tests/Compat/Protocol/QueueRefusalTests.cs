using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>What queue methods are refused with.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class QueueRefusalTests(SharedBroker shared) : RefusalCase(shared)
{
    private const string Locked =
        ". It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.";

    private static readonly (ushort, ushort) Declare = (50, 10), Bind = (50, 20), Purge = (50, 30), Delete = (50, 40), Unbind = (50, 50);

    [Fact]
    public Task QueueDeclare_OtherDurable_Is406() => RefusedOnChannelAsync(
        406, $"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{Name}' in vhost '/': received 'true' but current is 'false'",
        Declare, QueueDeclare(Name, autoDelete: true), QueueDeclare(Name, durable: true, autoDelete: true));

    [Fact]
    public Task QueueDeclare_OtherAutoDelete_Is406() => RefusedOnChannelAsync(
        406, $"PRECONDITION_FAILED - inequivalent arg 'auto_delete' for queue '{Name}' in vhost '/': received 'false' but current is 'true'",
        Declare, QueueDeclare(Name, autoDelete: true), QueueDeclare(Name));

    [Fact]
    public Task QueueDeclare_OtherExclusive_Is405() => RefusedOnChannelAsync(
        405, $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{Name}' in vhost '/'" + Locked,
        Declare, QueueDeclare(Name, exclusive: true), QueueDeclare(Name));

    [Fact]
    public Task QueueDeclare_ArgumentLeftOut_Is406NamingBothValues() => RefusedOnChannelAsync(
        406,
        $"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{Name}' in vhost '/': "
        + "received none but current is the value '60000' of type 'signedint'",
        Declare, QueueDeclare(Name, exclusive: true, arguments: Arguments("x-message-ttl", 60000)), QueueDeclare(Name, exclusive: true));

    [Fact]
    public Task QueueDeclare_OtherArgument_Is406NamingBothValues() => RefusedOnChannelAsync(
        406,
        $"PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '{Name}' in vhost '/': "
        + "received '20' but current is '10'",
        Declare,
        QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 10L)),
        QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 20L)));

    [Fact]
    public Task QueueDeclare_OtherArgumentOfAnotherWidth_Is406() => RefusedOnChannelAsync(
        406,
        $"PRECONDITION_FAILED - inequivalent arg 'x-max-length' for queue '{Name}' in vhost '/': "
        + "received '20' but current is '10'",
        Declare,
        QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 10L)),
        QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 20)));

    [Fact]
    public async Task QueueDeclare_SameArgumentOfAnotherWidth_IsOk()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 10L)), 50, 11);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true, arguments: Arguments("x-max-length", 10)), 50, 11);
    }

    [Theory]
    [InlineData("x-message-ttl", -1, "{value_negative,-1}")]
    [InlineData("x-expires", 0, "{value_zero,0}")]
    [InlineData("x-max-length", -5, "{value_negative,-5}")]
    [InlineData("x-max-length-bytes", -5, "{value_negative,-5}")]
    [InlineData("x-max-priority", 256, "{max_value_exceeded,256}")]
    [InlineData("x-message-ttl", "soon", "\"expected integer, got longstr\"")]
    [InlineData("x-overflow", "explode", "invalid_overflow")]
    [InlineData("x-dead-letter-routing-key", "k", "routing_key_but_no_dlx_defined")]
    [InlineData("x-single-active-consumer", "yes", "{unacceptable_type,longstr}")]
    public async Task QueueDeclare_ArgumentOutOfRange_Is406WithTheReason(string argument, object value, string reason)
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.SendMethodAsync(1, QueueDeclare(Name, exclusive: true, arguments: Arguments(argument, value)));
        var close = await connection.ExpectCloseAsync();
        Assert.Equal(("channel", (ushort)406), (close.Level, close.Code));
        Assert.Equal($"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{Name}' in vhost '/': {reason}", close.Text);
    }

    [Fact]
    public async Task QueueDeclare_UnknownQueueType_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.SendMethodAsync(1, QueueDeclare(Name, durable: true, arguments: Arguments("x-queue-type", "heap")));
        var close = await connection.ExpectCloseAsync();
        Assert.Equal(("channel", (ushort)406), (close.Level, close.Code));
        Assert.StartsWith("PRECONDITION_FAILED - ", close.Text, StringComparison.Ordinal);
        Assert.Contains("x-queue-type", close.Text, StringComparison.Ordinal);
    }

    [Fact]
    public Task QueueDeclare_ReservedPrefix_Is403() => RefusedOnChannelAsync(
        403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'", Declare, QueueDeclare("amq.mine"));

    [Fact]
    public Task QueueDeclare_PassiveMissing_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no queue '{Name}' in vhost '/'", Declare, QueueDeclare(Name, passive: true));

    [Fact]
    public Task QueueDeclare_EmptyNamePassive_Is404() => RefusedOnChannelAsync(
        404, "NOT_FOUND - no queue '' in vhost '/'", Declare, QueueDeclare("", passive: true));

    [Fact]
    public Task QueueBind_EmptyNameAndNoneDeclared_Is404() => RefusedOnChannelAsync(
        404, "NOT_FOUND - no previously declared queue", Bind, QueueBind("", "amq.direct", "k"));

    [Fact]
    public Task QueueBind_MissingQueue_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no queue '{Name}' in vhost '/'", Bind, QueueBind(Name, "amq.direct", "k"));

    [Fact]
    public Task QueueBind_MissingExchange_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no exchange '{Name}x' in vhost '/'", Bind, QueueDeclare(Name, exclusive: true), QueueBind(Name, Name + "x", "k"));

    [Fact]
    public Task QueueBind_DefaultExchange_Is403() => RefusedOnChannelAsync(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", Bind, QueueDeclare(Name, exclusive: true), QueueBind(Name, "", "k"));

    [Fact]
    public Task QueueUnbind_DefaultExchange_Is403() => RefusedOnChannelAsync(
        403, "ACCESS_REFUSED - operation not permitted on the default exchange", Unbind, QueueDeclare(Name, exclusive: true), QueueUnbind(Name, "", Name));

    [Fact]
    public async Task QueueBind_UnknownHeadersMatch_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.SendMethodAsync(1, QueueBind(Name, "amq.headers", arguments: Arguments("x-match", "some")));
        var close = await connection.ExpectCloseAsync();
        Assert.Equal(("channel", (ushort)406), (close.Level, close.Code));
        Assert.StartsWith("PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; expected all", close.Text, StringComparison.Ordinal);
    }

    [Fact]
    public Task QueuePurge_Missing_Is404() => RefusedOnChannelAsync(404, $"NOT_FOUND - no queue '{Name}' in vhost '/'", Purge, QueuePurge(Name));

    [Fact]
    public async Task QueueDelete_IfUnusedWithConsumer_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.CallAsync(1, BasicConsume(Name), 60, 21);
        await RefusedOnChannelAsync(
            connection, 406, $"PRECONDITION_FAILED - queue '{Name}' in vhost '/' in use", Delete, QueueDelete(Name, ifUnused: true));
    }

    [Fact]
    public async Task QueueDelete_IfEmptyWithMessage_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.PublishAsync(1, BasicPublish("", Name), [1]);
        await RefusedOnChannelAsync(
            connection, 406, $"PRECONDITION_FAILED - queue '{Name}' in vhost '/' not empty", Delete, QueueDelete(Name, ifEmpty: true));
    }

    [Fact]
    public async Task QueueDelete_MissingQueue_IsOkWithZero()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        var answer = await connection.CallAsync(1, QueueDelete(Name), 50, 41);
        Assert.Equal(0u, answer.Arguments().Long());
    }

    [Fact]
    public async Task QueueUnbind_OfAnothersExclusiveQueue_Is405OnlyWhereThereIsSuchABinding()
    {
        await using var owner = await WireConnection.OpenAsync(Port);
        await owner.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await owner.CallAsync(1, QueueBind(Name, "amq.direct", "bound", Arguments("a", 1)), 50, 21);
        await using var other = await WireConnection.OpenAsync(Port);

        await other.CallAsync(1, QueueUnbind(Name, "amq.direct", "not bound"), 50, 51);
        await other.CallAsync(1, QueueUnbind(Name, "amq.direct", "bound"), 50, 51);
        await other.CallAsync(1, QueueUnbind(Name, Name + ".none", "bound"), 50, 51);

        await RefusedOnChannelAsync(
            other, 405, $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{Name}' in vhost '/'" + Locked,
            Unbind, QueueUnbind(Name, "amq.direct", "bound", Arguments("a", 1)));
    }

    [Fact]
    public async Task LockedQueue_EveryMethodOfAnotherConnection_Is405()
    {
        await using var owner = await WireConnection.OpenAsync(Port);
        await owner.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        foreach (var (method, ids) in new (byte[], (ushort, ushort))[]
        {
            (QueueDeclare(Name, exclusive: true), Declare),
            (QueueDeclare(Name, passive: true), Declare),
            (QueueBind(Name, "amq.direct", "k"), Bind),
            (QueuePurge(Name), Purge),
            (QueueDelete(Name), Delete),
            (BasicConsume(Name), (60, 20)),
            (BasicGet(Name), (60, 70)),
        })
        {
            await RefusedOnChannelAsync(
                405, $"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{Name}' in vhost '/'" + Locked, ids, method);
        }
    }
}
