using Granary.Amqp;
using Granary.Core;
using Granary.Core.Topology;
using Granary.Silo.Queues;

namespace Granary.Silo.Tests.Queues;

public sealed class QueueDefinitionTests
{
    private readonly ConnectionId _me = ConnectionId.New();
    private readonly ConnectionId _other = ConnectionId.New();

    [Fact]
    public void Declare_Twice_AnswersWithTheSameQueueAndItsCounts()
    {
        var slot = Slot();
        var first = slot.Declare(Declaration(), Guid.NewGuid(), 0);
        var second = slot.Declare(Declaration(), Guid.NewGuid(), 0);
        Assert.Equal(first, second);
        Assert.NotEqual(Guid.Empty, first.Incarnation);
    }

    [Theory]
    [InlineData(true, false, "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'")]
    [InlineData(false, true, "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'")]
    [InlineData(true, true, "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'")]
    public void Declare_WithOtherFlags_IsInequivalent(bool durable, bool autoDelete, string expected)
    {
        var slot = Slot();
        slot.Declare(Declaration(), Guid.NewGuid(), 0);
        AssertError(ReplyCode.PreconditionFailed, expected, slot.Declare(Declaration() with { Durable = durable, AutoDelete = autoDelete }, Guid.NewGuid(), 0));
    }

    public static TheoryData<FieldTable, FieldTable, string?> Redeclarations => new()
    {
        { Table(("x-message-ttl", 60_000)), Table(("x-message-ttl", 60_000L)), null },
        { Table(("x-message-ttl", FieldValue.Integer(FieldKind.Short, 100))), Table(("x-message-ttl", FieldValue.Integer(FieldKind.UnsignedByte, 100))), null },
        { Table(("x-message-ttl", 60_000)), Table(("x-message-ttl", 30_000)), "'x-message-ttl' for queue 'q' in vhost '/': received '30000' but current is '60000'" },
        {
            Table(("x-message-ttl", 1_800_000L)), FieldTable.Empty,
            "'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '1800000' of type 'long'"
        },
        { FieldTable.Empty, Table(("x-overflow", "drop-head")), "'x-overflow' for queue 'q' in vhost '/': received the value 'drop-head' of type 'longstr' but current is none" },
        { FieldTable.Empty, Table(("x-queue-type", "classic")), null },
        { Table(("x-queue-type", "classic")), FieldTable.Empty, null },
        { FieldTable.Empty, Table(("x-unknown", 1)), null },
        { Table(("x-unknown", 1)), Table(("x-unknown", 2)), null },
        { Table(("x-single-active-consumer", true)), Table(("x-single-active-consumer", false)), "'x-single-active-consumer' for queue 'q' in vhost '/': received 'false' but current is 'true'" },
    };

    [Theory]
    [MemberData(nameof(Redeclarations))]
    public void Declare_WithOtherArguments_ComparesThoseItsTypeKnows(FieldTable first, FieldTable second, string? expected)
    {
        var slot = Slot();
        Assert.Null(slot.Declare(Declaration(first), Guid.NewGuid(), 0).Error);
        var answer = slot.Declare(Declaration(second), Guid.NewGuid(), 0);
        Assert.Equal(expected is null ? null : $"inequivalent arg {expected}", answer.Error?.Explanation);
    }

    [Fact]
    public void Declare_OfAnotherConnectionsQueue_IsLockedBeforeAnythingElseIsCompared()
    {
        var slot = Slot();
        slot.Declare(Declaration() with { Exclusive = true, Durable = true }, Guid.NewGuid(), 0);
        const string Locked = "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection "
            + "or the exclusive property value does not match that of the original declaration.";
        AssertError(ReplyCode.ResourceLocked, Locked, slot.Declare(Declaration() with { Connection = _other, Exclusive = true }, Guid.NewGuid(), 0));
        AssertError(ReplyCode.ResourceLocked, Locked, slot.Declare(Declaration(), Guid.NewGuid(), 0));
        AssertError(ReplyCode.ResourceLocked, Locked, slot.Describe(_other, 0));
        AssertError(ReplyCode.ResourceLocked, Locked, slot.Purge(_other, 0));
        AssertError(ReplyCode.ResourceLocked, Locked, slot.Delete(_other, false, false, 0));
        AssertError(ReplyCode.ResourceLocked, Locked, slot.AddBindingSource(_other, "x"));

        // An exclusive queue is stored as not durable, and so compares with either.
        Assert.Null(slot.Declare(Declaration() with { Exclusive = true, Durable = true }, Guid.NewGuid(), 0).Error);
        Assert.Null(slot.Declare(Declaration() with { Exclusive = true }, Guid.NewGuid(), 0).Error);
    }

    public static TheoryData<FieldTable, string> InvalidArguments => new()
    {
        { Table(("x-message-ttl", -1)), "'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}" },
        { Table(("x-message-ttl", "10")), "'x-message-ttl' for queue 'q' in vhost '/': \"expected integer, got longstr\"" },
        { Table(("x-message-ttl", 315_360_000_001L)), "'x-message-ttl' for queue 'q' in vhost '/': {value_too_large,315360000001}" },
        { Table(("x-expires", 0)), "'x-expires' for queue 'q' in vhost '/': {value_zero,0}" },
        { Table(("x-expires", -5)), "'x-expires' for queue 'q' in vhost '/': {value_negative,-5}" },
        { Table(("x-max-length", -1)), "'x-max-length' for queue 'q' in vhost '/': {value_negative,-1}" },
        { Table(("x-max-priority", 256)), "'x-max-priority' for queue 'q' in vhost '/': {max_value_exceeded,256}" },
        { Table(("x-overflow", "drop-tail")), "'x-overflow' for queue 'q' in vhost '/': invalid_overflow" },
        { Table(("x-dead-letter-routing-key", "k")), "'x-dead-letter-routing-key' for queue 'q' in vhost '/': routing_key_but_no_dlx_defined" },
        { Table(("x-single-active-consumer", "true")), "'x-single-active-consumer' for queue 'q' in vhost '/': {unacceptable_type,longstr}" },
        { Table(("x-queue-leader-locator", "here")), "'x-queue-leader-locator' for queue 'q' in vhost '/': invalid_queue_locator_arg" },
        { Table(("x-queue-mode", "eager")), "'x-queue-mode' for queue 'q' in vhost '/': \"unsupported queue mode 'eager'\"" },
        { Table(("x-queue-type", "fast")), "'x-queue-type' for queue 'q' in vhost '/': \"unsupported queue type 'fast'\"" },
        { Table(("x-queue-type", "stream"), ("x-max-age", "7W")), "'x-max-age' for queue 'q' in vhost '/': invalid_max_age" },
        { Table(("x-max-age", "7D")), "'x-max-age' for queue 'q' in vhost '/' of queue type rabbit_classic_queue" },
        { Table(("x-queue-type", "quorum"), ("x-max-priority", 5)), "'x-max-priority' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue" },
    };

    [Theory]
    [MemberData(nameof(InvalidArguments))]
    public void Declare_WithAnInvalidArgument_SaysWhichAndWhy(FieldTable arguments, string expected) =>
        AssertError(ReplyCode.PreconditionFailed, $"invalid arg {expected}", Slot().Declare(Declaration(arguments) with { Durable = true }, Guid.NewGuid(), 0));

    [Theory]
    [InlineData("quorum", true, false, true, "invalid property 'auto-delete' for queue 'q' in vhost '/'")]
    [InlineData("quorum", true, true, false, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'")]
    [InlineData("stream", false, false, false, "invalid property 'non-durable' for queue 'q' in vhost '/'")]
    [InlineData("quorum", true, false, false, null)]
    [InlineData("stream", true, false, false, null)]
    [InlineData("classic", false, true, true, null)]
    public void Declare_OfAType_RequiresItsProperties(string type, bool durable, bool exclusive, bool autoDelete, string? expected)
    {
        var declaration = Declaration(Table(("x-queue-type", type))) with { Durable = durable, Exclusive = exclusive, AutoDelete = autoDelete };
        Assert.Equal(expected, Slot().Declare(declaration, Guid.NewGuid(), 0).Error?.Explanation);
    }

    [Theory]
    [InlineData("x-stream-max-segment-size-bytes", 3_000_000_000, null)]
    [InlineData("x-stream-max-segment-size-bytes", 3_000_000_001, "Exceeded max value for x-stream-max-segment-size-bytes")]
    [InlineData("x-stream-filter-size-bytes", 16, null)]
    [InlineData("x-stream-filter-size-bytes", 15, "Invalid value for  x-stream-filter-size-bytes")]
    [InlineData("x-stream-filter-size-bytes", 256, "Invalid value for  x-stream-filter-size-bytes")]
    public void Declare_OfAStream_ChecksItsSizes(string argument, long value, string? expected)
    {
        var declaration = Declaration(Table(("x-queue-type", "stream"), (argument, value))) with { Durable = true };
        Assert.Equal(expected, Slot().Declare(declaration, Guid.NewGuid(), 0).Error?.Explanation);
    }

    [Fact]
    public void Declare_OfAReservedName_IsRefusedOnlyToWhoWouldCreateIt()
    {
        var slot = new QueueSlot("/", "amq.mine", 1);
        AssertError(ReplyCode.AccessRefused, "queue name 'amq.mine' contains reserved prefix 'amq.*'", slot.Declare(Declaration(), Guid.NewGuid(), 0));
        Assert.Null(slot.Declare(Declaration() with { ReservedNameAllowed = true }, Guid.NewGuid(), 0).Error);
        Assert.Null(slot.Declare(Declaration(), Guid.NewGuid(), 0).Error);
    }

    [Fact]
    public void MissingQueue_IsNotFound_ButDeletesWithoutComplaint()
    {
        var slot = Slot();
        AssertError(ReplyCode.NotFound, "no queue 'q' in vhost '/'", slot.Describe(_me, 0));
        AssertError(ReplyCode.NotFound, "no queue 'q' in vhost '/'", slot.Purge(_me, 0));
        AssertError(ReplyCode.NotFound, "no queue 'q' in vhost '/'", slot.AddBindingSource(_me, "x"));
        Assert.Equal(default, slot.Delete(_me, true, true, 0));
    }

    [Theory]
    [InlineData(true, false, "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-unused flag set are not supported by quorum queues")]
    [InlineData(false, true, "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-empty flag set are not supported by quorum queues")]
    public void Delete_OfAQuorumQueue_KnowsNoConditions(bool ifUnused, bool ifEmpty, string expected)
    {
        var slot = Slot();
        slot.Declare(Declaration(Table(("x-queue-type", "quorum"))) with { Durable = true }, Guid.NewGuid(), 0);
        AssertError(ReplyCode.NotImplemented, expected, slot.Delete(_me, ifUnused, ifEmpty, 0));
    }

    [Fact]
    public void ArgumentNames_AreUnique() =>
        Assert.Equal(Silo.Queues.Definition.QueueArguments.All.Length, Silo.Queues.Definition.QueueArguments.All.DistinctBy(argument => argument.Name).Count());

    private static QueueSlot Slot() => new("/", "q", 1);

    private static FieldTable Table(params (string, FieldValue)[] entries) => FieldTable.Of(entries);

    private QueueDeclaration Declaration(FieldTable? arguments = null) =>
        new(_me, false, false, false, arguments is null ? default : EncodedTable.From(arguments), false);

    private static void AssertError(ReplyCode code, string explanation, QueueAnswer answer) =>
        Assert.Equal(new BrokerError(code, explanation), answer.Error);
}
