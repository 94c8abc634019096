using Granary.Testing.Brokers;
using Granary.Testing.Logs;
using Granary.Testing.Wire;
using static Granary.Testing.Wire.WireMethods;

namespace Granary.Compat.Tests.Protocol;

/// <summary>What basic, confirm, tx and channel methods are refused with, and whether the channel or the connection dies of it.</summary>
[WatchedBroker]
[MayLog(1205)]
public sealed class BasicRefusalTests(SharedBroker shared) : RefusalCase(shared)
{
    private const ushort HeadersFlag = 1 << 13, ReplyToFlag = 1 << 9, ExpirationFlag = 1 << 8, UserIdFlag = 1 << 4;

    private static readonly (ushort, ushort) Consume = (60, 20), Get = (60, 70);

    [Fact]
    public Task BasicConsume_MissingQueue_Is404() => RefusedOnChannelAsync(
        404, $"NOT_FOUND - no queue '{Name}' in vhost '/'", Consume, BasicConsume(Name));

    [Fact]
    public Task BasicConsume_EmptyNameAndNoneDeclared_Is404() => RefusedOnChannelAsync(
        404, "NOT_FOUND - no previously declared queue", Consume, BasicConsume(""));

    [Fact]
    public Task BasicGet_MissingQueue_Is404() => RefusedOnChannelAsync(404, $"NOT_FOUND - no queue '{Name}' in vhost '/'", Get, BasicGet(Name));

    [Fact]
    public Task BasicConsume_TagInUse_Is530OnTheConnection() => RefusedOnConnectionAsync(
        530, "NOT_ALLOWED - attempt to reuse consumer tag 'mine'",
        Consume, QueueDeclare(Name, exclusive: true), BasicConsume(Name, "mine"), BasicConsume(Name, "mine"));

    [Fact]
    public Task BasicConsume_WhileExclusiveConsumerLives_Is403() => RefusedOnChannelAsync(
        403, $"ACCESS_REFUSED - queue '{Name}' in vhost '/' in exclusive use",
        Consume, QueueDeclare(Name, exclusive: true), BasicConsume(Name, exclusive: true), BasicConsume(Name));

    [Fact]
    public Task BasicConsume_ExclusiveWhileOtherConsumes_Is403() => RefusedOnChannelAsync(
        403, $"ACCESS_REFUSED - queue '{Name}' in vhost '/' in exclusive use",
        Consume, QueueDeclare(Name, exclusive: true), BasicConsume(Name), BasicConsume(Name, exclusive: true));

    [Fact]
    public Task BasicAck_UnknownTag_Is406() => RefusedOnChannelAsync(406, "PRECONDITION_FAILED - unknown delivery tag 42", (60, 80), BasicAck(42));

    [Fact]
    public Task BasicNack_UnknownTag_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - unknown delivery tag 42", (60, 120), BasicNack(42, multiple: false, requeue: true));

    [Fact]
    public Task BasicReject_UnknownTag_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - unknown delivery tag 42", (60, 90), BasicReject(42, requeue: true));

    [Fact]
    public async Task BasicAck_SameTagTwice_Is406()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.PublishAsync(1, BasicPublish("", Name), []);
        await connection.CallAsync(1, BasicGet(Name), 60, 71);
        await connection.ReadAsync();
        await RefusedOnChannelAsync(connection, 406, "PRECONDITION_FAILED - unknown delivery tag 1", (60, 80), BasicAck(1), BasicAck(1));
    }

    [Fact]
    public async Task BasicAck_AllWithNothingUnacked_IsNoError()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.SendMethodAsync(1, BasicAck(0, multiple: true));
        await connection.CallAsync(1, BasicQos(0, 1), 60, 11);
    }

    [Fact]
    public async Task BasicPublish_Immediate_Is540OnTheConnection()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.PublishAsync(1, BasicPublish("", Name, immediate: true), [1]);
        Assert.Equal(new WireClose("connection", 540, "NOT_IMPLEMENTED - immediate=true", 60, 40), await connection.ExpectCloseAsync());
    }

    [Fact]
    public Task BasicQos_PrefetchSize_Is540OnTheConnection() => RefusedOnConnectionAsync(
        540, "NOT_IMPLEMENTED - prefetch_size!=0 (1000)", (60, 10), BasicQos(1000, 1));

    [Fact]
    public Task BasicRecover_WithoutRequeue_Is540OnTheConnection() => RefusedOnConnectionAsync(
        540, "NOT_IMPLEMENTED - requeue=false", (60, 110), BasicRecover(requeue: false));

    [Fact]
    public async Task BasicRecover_WithRequeue_DeliversAgainMarked()
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.PublishAsync(1, BasicPublish("", Name), []);
        var first = await connection.CallAsync(1, BasicGet(Name), 60, 71);
        await connection.ReadAsync();
        await connection.CallAsync(1, BasicRecover(requeue: true), 60, 111);
        var again = await connection.CallAsync(1, BasicGet(Name), 60, 71);
        Assert.Equal([0, 1], new[] { first, again }.Select(got => got.Payload[4 + 8]));
    }

    [Fact]
    public Task ChannelFlow_Inactive_Is540OnTheConnection() => RefusedOnConnectionAsync(
        540, "NOT_IMPLEMENTED - active=false", (20, 20), ChannelFlow(active: false));

    [Fact]
    public Task TxSelect_InConfirmMode_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode", (90, 10), ConfirmSelect(), TxSelect());

    [Fact]
    public Task ConfirmSelect_InTxMode_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode", (85, 10), TxSelect(), ConfirmSelect());

    [Fact]
    public Task TxCommit_WithoutSelect_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - channel is not transactional", (90, 20), TxCommit());

    [Fact]
    public Task TxRollback_WithoutSelect_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - channel is not transactional", (90, 30), TxRollback());

    [Fact]
    public async Task BasicPublish_ForeignUserId_Is406()
    {
        var close = await PublishRefusedAsync(UserIdFlag, new WireWriter().ShortString("mallory"));
        Assert.Equal("PRECONDITION_FAILED - user_id property set to 'mallory' but authenticated user was 'guest'", close.Text);
    }

    [Theory]
    [InlineData("abc")]
    [InlineData("-1")]
    [InlineData("10x")]
    [InlineData("1.5")]
    public async Task BasicPublish_BadExpiration_Is406(string expiration)
    {
        var close = await PublishRefusedAsync(ExpirationFlag, new WireWriter().ShortString(expiration));
        Assert.StartsWith($"PRECONDITION_FAILED - invalid expiration '{expiration}': ", close.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("99999999999999999999999", "value_too_large")]
    [InlineData("0315360000001", "value_too_large")]
    [InlineData("-99999999999999999999999", "value_negative")]
    public async Task BasicPublish_ExpirationOutOfRange_Is406WithTheNumber(string expiration, string reason)
    {
        var close = await PublishRefusedAsync(ExpirationFlag, new WireWriter().ShortString(expiration));
        Assert.Equal($"PRECONDITION_FAILED - invalid expiration '{expiration}': {{{reason},{expiration.TrimStart('0')}}}", close.Text);
    }

    [Theory]
    [InlineData("CC")]
    [InlineData("BCC")]
    public async Task BasicPublish_CarbonCopyNotAnArray_Is406(string header)
    {
        var close = await PublishRefusedAsync(HeadersFlag, new WireWriter().Table(Arguments(header, "key")));
        Assert.Equal($"PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,\"{header}\",longstr}}", close.Text);
    }

    [Theory]
    [InlineData("CC")]
    [InlineData("BCC")]
    public async Task BasicPublish_CarbonCopyThatIsNoText_IsPassedOver(string header)
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        var keys = new WireWriter().Table(Arguments(header, new List<object?> { 7, null, Name, true }));
        await connection.PublishAsync(1, BasicPublish("", Name + ".none"), [1], HeadersFlag, keys.ToArray());
        await connection.CallAsync(1, BasicGet(Name, noAck: true), 60, 71);
    }

    [Fact]
    public async Task BasicPublish_ReplyToWithoutFastReplyConsumer_Is406()
    {
        var close = await PublishRefusedAsync(ReplyToFlag, new WireWriter().ShortString("amq.rabbitmq.reply-to"));
        Assert.Equal("PRECONDITION_FAILED - fast reply consumer does not exist", close.Text);
    }

    [Fact]
    public Task BasicConsume_FastReplyWithAcks_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - reply consumer cannot acknowledge", Consume, BasicConsume("amq.rabbitmq.reply-to"));

    [Fact]
    public Task BasicConsume_SecondFastReply_Is406() => RefusedOnChannelAsync(
        406, "PRECONDITION_FAILED - reply consumer already set",
        Consume, BasicConsume("amq.rabbitmq.reply-to", "a", noAck: true), BasicConsume("amq.rabbitmq.reply-to", "b", noAck: true));

    [Fact]
    public Task QueueDeclare_PassiveFastReplyOfNobody_Is404() => RefusedOnChannelAsync(
        404, "NOT_FOUND - no queue 'amq.rabbitmq.reply-to.nobody' in vhost '/'",
        (50, 10), QueueDeclare("amq.rabbitmq.reply-to.nobody", passive: true));

    private async Task<WireClose> PublishRefusedAsync(ushort flag, WireWriter property)
    {
        await using var connection = await WireConnection.OpenAsync(Port);
        await connection.CallAsync(1, QueueDeclare(Name, exclusive: true), 50, 11);
        await connection.PublishAsync(1, BasicPublish("", Name), [1], flag, property.ToArray());
        var close = await connection.ExpectCloseAsync();
        Assert.Equal(new WireClose("channel", 406, close.Text, 60, 40), close);
        await connection.CallAsync(77, ChannelOpen(), 20, 11);
        return close;
    }
}
