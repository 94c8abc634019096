using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>What exchange methods, and publishing to an exchange, are refused with.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class ExchangeRefusalTests(SharedBroker shared) : RefusalCase(shared)
{
    private const string OnDefault = "ACCESS_REFUSED - operation not permitted on the default exchange";

    private static readonly (ushort, ushort) Declare = (40, 10), Delete = (40, 20), Bind = (40, 30), Publish = (60, 40);

    [Fact]
    public Task ExchangeDeclare_OtherType_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'fanout' but current is 'direct'",
        Declare, ExchangeDeclare("amq.direct", "fanout", durable: true));

    [Fact]
    public Task ExchangeDeclare_OtherDurable_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - inequivalent arg 'durable' for exchange 'amq.topic' in vhost '/': received 'false' but current is 'true'",
        Declare, ExchangeDeclare("amq.topic", "topic"));

    [Fact]
    public Task ExchangeDeclare_OtherAutoDelete_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - inequivalent arg 'auto_delete' for exchange 'amq.fanout' in vhost '/': received 'true' but current is 'false'",
        Declare, ExchangeDeclare("amq.fanout", "fanout", durable: true, autoDelete: true));

    [Fact]
    public Task ExchangeDeclare_OtherInternal_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - inequivalent arg 'internal' for exchange 'amq.headers' in vhost '/': received 'true' but current is 'false'",
        Declare, ExchangeDeclare("amq.headers", "headers", durable: true, isInternal: true));

    [Fact]
    public async Task ExchangeDeclare_OtherAlternate_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, ExchangeDeclare(Name, arguments: Arguments("alternate-exchange", "a")), 40, 11);
        await RefusedOnChannelAsync(
            connection, 406,
            $"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{Name}' in vhost '/': "
            + "received 'b' but current is 'a'",
            Declare, ExchangeDeclare(Name, arguments: Arguments("alternate-exchange", "b")));
        await connection.CallAsync(77, ExchangeDelete(Name), 40, 21);
    }

    [Fact]
    public Task ExchangeDeclare_UnknownType_IsRefused() => IsRabbitMq3
        ? RefusedOnConnectionAsync(503, "COMMAND_INVALID - unknown exchange type 'magic'", Declare, ExchangeDeclare(Name, "magic"))
        : RefusedOnChannelAsync(406, "PRECONDITION_FAILED - unknown exchange type 'magic'", Declare, ExchangeDeclare(Name, "magic"));

    [Fact]
    public Task ExchangeDeclare_DelayedWithoutType_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type", Declare, ExchangeDeclare(Name, "x-delayed-message"));

    [Fact]
    public Task ExchangeDeclare_DelayedOfItsOwnType_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'",
        Declare, ExchangeDeclare(Name, "x-delayed-message", arguments: Arguments("x-delayed-type", "x-delayed-message")));

    [Fact]
    public Task ExchangeDeclare_DelayedOfAnUnknownType_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - unknown exchange type 'magic'",
        Declare, ExchangeDeclare(Name, "x-delayed-message", arguments: Arguments("x-delayed-type", "magic")));

    [Fact]
    public Task ExchangeDeclare_ReservedPrefix_Is403() => RefusedOnChannelAsync(
        403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'", Declare, ExchangeDeclare("amq.mine"));

    [Fact]
    public Task ExchangeDeclare_PassiveMissing_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no exchange '{Name}' in vhost '/'", Declare, ExchangeDeclare(Name, passive: true));

    [Fact]
    public Task ExchangeDeclare_Default_Is403() => RefusedOnChannelAsync(403, OnDefault, Declare, ExchangeDeclare("", durable: true));

    [Fact]
    public Task ExchangeDeclare_DefaultPassively_Is403() => RefusedOnChannelAsync(403, OnDefault, Declare, ExchangeDeclare("", passive: true));

    [Fact]
    public Task ExchangeDelete_Default_Is403() => RefusedOnChannelAsync(403, OnDefault, Delete, ExchangeDelete(""));

    [Fact]
    public Task ExchangeBind_ToDefault_Is403() => RefusedOnChannelAsync(403, OnDefault, Bind, ExchangeBind("", "amq.direct"));

    [Fact]
    public Task ExchangeBind_FromDefault_Is403() => RefusedOnChannelAsync(403, OnDefault, Bind, ExchangeBind("amq.direct", ""));

    [Fact]
    public Task ExchangeBind_MissingSource_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no exchange '{Name}' in vhost '/'", Bind, ExchangeBind("amq.direct", Name));

    [Fact]
    public Task ExchangeDelete_System_Is403() => RefusedOnChannelAsync(
        403, "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed", Delete, ExchangeDelete("amq.direct"));

    [Fact]
    public async Task ExchangeDelete_IfUnusedWithBinding_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, ExchangeDeclare(Name, autoDelete: true), 40, 11);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.CallAsync(1, QueueBind(Name, Name, "k"), 50, 21);
        await RefusedOnChannelAsync(
            connection, 406, $"PRECONDITION_FAILED - exchange '{Name}' in vhost '/' in use", Delete, ExchangeDelete(Name, ifUnused: true));
    }

    [Fact]
    public async Task ExchangeDelete_MissingExchange_IsOk()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, ExchangeDelete(Name), 40, 21);
    }

    [Fact]
    public async Task Publish_MissingExchange_Is404()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.PublishAsync(1, BasicPublish(Name, "k"), [1]);
        await RefusedOnChannelAsync(connection, 404, $"NOT_FOUND - no exchange '{Name}' in vhost '/'", Publish);
    }

    [Fact]
    public async Task Publish_InternalExchange_Is403()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, ExchangeDeclare(Name, isInternal: true), 40, 11);
        await connection.PublishAsync(1, BasicPublish(Name, "k"), [1]);
        await RefusedOnChannelAsync(connection, 403, $"ACCESS_REFUSED - cannot publish to internal exchange '{Name}' in vhost '/'", Publish);
        await connection.CallAsync(77, ExchangeDelete(Name), 40, 21);
    }
}
