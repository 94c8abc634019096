using CsCheck;
using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Silo.DeadLetters;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;
using Granary.Silo.Tests.Storage;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Queues;

/// <summary>Policies that change while a queue has messages and consumers: what is there is trimmed at once, and when it expires stays what it was.</summary>
public sealed class QueuePolicyTests : IAsyncLifetime
{
    private readonly FakeStore _store = new();
    private readonly GroupCommit _commit;
    private readonly TestGateway _gateway = new();

    public QueuePolicyTests() => _commit = new GroupCommit(_store, NullLogger<GroupCommit>.Instance, _ => { });

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _store.Release();
        await _commit.DisposeAsync();
    }

    [Fact]
    public void MaxLength_IsGoneByAtOnceAndNoLongerWhenItIsCleared()
    {
        var link = _gateway.Declare().Open();
        link.Publish(0, 10);
        _gateway.Apply("""{"max-length":4}""");
        Assert.Equal(4, _gateway.Queue.ReadyCount);
        _gateway.Apply();
        link.Publish(10, 5);
        link.Attach(1);
        Assert.Equal([6, 7, 8, 9, 10, 11, 12, 13, 14], link.GivenIds(1));
    }

    [Fact]
    public void MaxLengthBytes_CountsBodiesThatCameBefore()
    {
        var link = _gateway.Declare().Open();
        link.Send(new PublishItem(Batches.Of(0, 10, bodyLength: _ => 25), false));
        link.Attach(1, prefetch: 2);
        _gateway.Apply("""{"max-length-bytes":100}""");
        Assert.Equal(4, _gateway.Queue.ReadyCount);
        link.Send(new DetachItem(1), new SettleItem(Settlement.Requeue, [new OffsetRange(0, 2)]));
        Assert.Equal(4, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void LesserOfArgumentAndPolicy_Limits()
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-max-length", 5))));
        _gateway.Open().Publish(0, 10);
        _gateway.Apply("""{"max-length":7}""");
        Assert.Equal(5, _gateway.Queue.ReadyCount);
        _gateway.Apply("""{"max-length":3}""");
        Assert.Equal(3, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void Overflow_OfAPolicy_RefusesFromThenOn()
    {
        var link = _gateway.Declare().Open();
        link.Publish(0, 3);
        _gateway.Apply("""{"max-length":2,"overflow":"reject-publish"}""");
        Assert.Equal(3, _gateway.Queue.ReadyCount);
        Assert.Equal([0], Assert.Single(link.Publish(3, 1).OfType<PublishedItem>()).Refused!);
        _gateway.Apply("""{"max-length":2}""");
        Assert.Equal(2, _gateway.Queue.ReadyCount);
        Assert.Null(Assert.Single(link.Publish(4, 1).OfType<PublishedItem>()).Refused);
    }

    [Fact]
    public void MessageTtl_OfAPolicy_IsOfNewMessagesOnly()
    {
        var link = _gateway.Declare().Open();
        link.Publish(0, 1);
        _gateway.Apply("""{"message-ttl":100}""");
        Assert.Equal(long.MaxValue, _gateway.Slot.NextDue);
        link.Publish(1, 1);
        link.Attach(1, prefetch: 1);
        Assert.Equal(_gateway.Now + 100, _gateway.Slot.NextDue);
        _gateway.Apply();
        Assert.Equal(_gateway.Now + 100, _gateway.Slot.NextDue);
    }

    [Fact]
    public void Expires_OfAPolicy_BeginsWhenItIsSet()
    {
        _gateway.Declare();
        _gateway.Now += 10_000;
        _gateway.Apply("""{"expires":500}""");
        Assert.Equal(_gateway.Now + 500, _gateway.Slot.NextDue);
        _gateway.Apply();
        Assert.Equal(long.MaxValue, _gateway.Slot.NextDue);
        _gateway.Apply("""{"expires":500}""");
        _gateway.Now += 500;
        _gateway.Slot.RunDue(_gateway.Now);
        Assert.Null(_gateway.Slot.Queue);
    }

    [Fact]
    public void DeadLetterExchange_OfAPolicy_TakesWhatDiesFromThenOn()
    {
        var link = _gateway.Declare().Open();
        link.Publish(0, 4);
        link.Attach(1, prefetch: 4);
        link.Settle(Settlement.Reject, (0, 1));
        Assert.Empty(_gateway.Slot.Dead);
        _gateway.Apply("""{"dead-letter-exchange":"x","dead-letter-routing-key":"k"}""");
        link.Settle(Settlement.Reject, (1, 1));
        var dead = Assert.Single(_gateway.Slot.Dead);
        Assert.Equal((DeathReason.Rejected, new DeadLetterRule("x", "k")), (dead.Reason, dead.Rule));
        _gateway.Apply();
        link.Settle(Settlement.Reject, (2, 1));
        Assert.Single(_gateway.Slot.Dead);
    }

    [Theory]
    [InlineData("quorum", "at-least-once", "reject-publish", true)]
    [InlineData("quorum", "at-least-once", "drop-head", false)]
    [InlineData("quorum", "at-most-once", "reject-publish", false)]
    [InlineData("classic", "at-least-once", "reject-publish", false)]
    public void DeadLetterStrategy_OfAPolicy_HoldsWhereNewMessagesAreRefusedInAQuorumQueue(string type, string strategy, string overflow, bool keeps)
    {
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", type), ("x-dead-letter-exchange", "x"))));
        _gateway.Apply($$"""{"dead-letter-strategy":"{{strategy}}","overflow":"{{overflow}}"}""");
        Assert.Equal(keeps, _gateway.Queue.DeadLetters!.Keeps);
        _gateway.Apply();
        Assert.False(_gateway.Queue.DeadLetters!.Keeps);
    }

    [Fact]
    public void DeadLetterExchange_OfAnArgument_ComesFirst()
    {
        _gateway.Declare(arguments: EncodedTable.From(FieldTable.Of(("x-dead-letter-exchange", "mine"))));
        _gateway.Apply("""{"dead-letter-exchange":"x","dead-letter-routing-key":"k"}""");
        Assert.Equal(new DeadLetterRule("mine", "k"), _gateway.Queue.DeadLetters);
    }

    [Fact]
    public void DeliveryLimit_OfAPolicy_CountsWhatCameBackBefore()
    {
        _gateway.Declare(durable: true, arguments: EncodedTable.From(FieldTable.Of(("x-queue-type", "quorum"))));
        var link = _gateway.Open();
        link.Attach(1, prefetch: 1);
        link.Publish(0, 1);
        link.Settle(Settlement.Requeue, (0, 1));
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([0, 0, 0], link.GivenIds(1));
        _gateway.Apply("""{"delivery-limit":2}""");
        link.Settle(Settlement.Requeue, (0, 1));
        Assert.Equal([0, 0, 0], link.GivenIds(1));
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void ConsumerTimeout_OfAPolicy_IsToldToWhoHasALink()
    {
        var link = _gateway.Declare().Open();
        _gateway.Apply("""{"consumer-timeout":5000}""");
        Assert.Equal([null, 5_000], link.Items.OfType<OpenedItem>().Select(opened => opened.ConsumerTimeout));
        _gateway.Apply();
        Assert.Null(link.Items.OfType<OpenedItem>().Last().ConsumerTimeout);
    }

    [Theory]
    [InlineData("classic", """{"delivery-limit":3,"max-length":1}""")]
    [InlineData("quorum", """{"queue-mode":"lazy","max-length":1}""")]
    [InlineData("stream", """{"max-length":1,"max-age":"1h"}""")]
    public void Policy_WithASettingThatTheTypeHasNot_IsNotForIt(string type, string definition)
    {
        var policies = PolicyTable.Empty.With([new Policy("/", "p", "", "all", 0, definition, IsOperator: false)]);
        Assert.Null(policies.Find("/", QueueArguments.TypeNamed(type).ToTarget(), "q").User);
    }

    /// <summary>A limit that is set on a long queue, of which nearly all is in the store only, has nothing read.</summary>
    [Theory]
    [InlineData("""{"max-length":5}""", 5)]
    [InlineData("""{"max-length":0}""", 0)]
    [InlineData("""{"max-length":700}""", 700)]
    [InlineData("""{"max-length-bytes":0}""", 0)]
    [InlineData("""{"max-length-bytes":300500}""", 300)]
    [InlineData("""{"max-length":300,"max-length-bytes":400000}""", 300)]
    public void MaxLength_OnAQueueThatIsPagedOut_DropsWithoutReading(string definition, int left)
    {
        var gateway = new TestGateway(Stores()).Declare(durable: true);
        var link = gateway.Open();
        for (var i = 0; i < 1_000; i++)
        {
            link.Send(new PublishItem(Batches.Of(i, 1, bodyLength: static _ => 1_000, persistent: true), false));
        }

        Assert.True(gateway.Queue.PagedCount > 800);
        var read = _store.Reads;
        gateway.Apply(definition);
        Assert.Equal(left, gateway.Queue.ReadyCount);

        // Of those that stay the first are read ahead of need.
        Assert.InRange(_store.Reads - read, 0, 2);
        link.Attach(1, noAck: true);
        Assert.Equal(Enumerable.Range(1_000 - left, left).Select(static id => (long)id), link.GivenIds(1));
        Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));
    }

    /// <summary>What is left is known to the byte, however unlike what went unread it is.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MaxLengthBytes_AfterMessagesWentUnread_IsHeldToTheByte(bool isTakenOver)
    {
        var stores = Stores();
        var gateway = new TestGateway(stores).Declare(durable: true);
        var link = gateway.Open();
        for (var i = 0; i < 1_000; i++)
        {
            link.Send(new PublishItem(Batches.Of(i, 1, bodyLength: static id => id < 600 ? 2_000 : 500, persistent: true), false));
        }

        if (isTakenOver)
        {
            await gateway.Queue.Storage!.Journal.FlushAsync();
            var identity = gateway.Queue.Storage!.Journal.Queue.Identity;
            var definition = QueueDefinition.Stored("/", "q", gateway.Queue.Definition.ToDeclaration());
            gateway = new TestGateway(stores);
            gateway.Slot.Restore(definition, identity.Incarnation, [], await stores.TakeOverAsync(identity, TestGateway.Epoch, default), gateway.Now, [], gateway.Now);
        }

        var read = _store.Reads;
        gateway.Apply("""{"max-length":500}""");
        Assert.Equal(500, gateway.Queue.ReadyCount);
        gateway.Apply("""{"max-length-bytes":299999}""");
        Assert.Equal(449, gateway.Queue.ReadyCount);
        Assert.InRange(_store.Reads - read, 0, 6);
        gateway.Apply("""{"max-length-bytes":199500,"max-length":399}""");
        Assert.Equal(399, gateway.Queue.ReadyCount);
    }

    [Fact]
    public void MaxLength_OnAQueueThatIsPagedOut_DeadLettersWhatItDrops()
    {
        var gateway = new TestGateway(Stores()).Declare(durable: true);
        var link = gateway.Open();
        for (var i = 0; i < 300; i++)
        {
            link.Send(new PublishItem(Batches.Of(i, 1, bodyLength: static _ => 1_000, persistent: true), false));
        }

        gateway.Apply("""{"max-length":10,"dead-letter-exchange":"x"}""");
        Assert.Equal(10, gateway.Queue.ReadyCount);
        Assert.Equal(290, gateway.Slot.Dead.Sum(dead => dead.Run.Count));
    }

    /// <summary>Messages of all lengths come, go and are limited by count and by bytes, in memory and out of it; a list says what is left.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RandomPolicies_LeaveTheQueueAsAListSays(bool isPaged) => Step.Array[1, 120].Walk(steps => Run(steps, isPaged), count: 25, print: steps => string.Join('\n', steps.AsEnumerable()));

    private static readonly Gen<PolicyStep> Step = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 40], Gen.Int[8, 2_000], static (kind, number, size) => new PolicyStep(kind, number, size));

    private void Run(PolicyStep[] steps, bool isPaged)
    {
        var gateway = (isPaged ? new TestGateway(Stores()) : new TestGateway()).Declare(durable: true);
        var link = gateway.Open();
        List<(long Id, int Length)> model = [];
        var (next, most, bytes, refuses) = (0L, long.MaxValue, long.MaxValue, false);
        foreach (var step in steps)
        {
            switch (step.Kind)
            {
                case <= 5:
                    link.Send(new PublishItem(Batches.Of(next, step.Number + 1, bodyLength: id => Length(id, step.Size), persistent: true), false));
                    for (var i = 0; i <= step.Number; i++, next++)
                    {
                        if (!refuses || (model.Count < most && model.Sum(static message => (long)message.Length) + Length(next, step.Size) <= bytes))
                        {
                            model.Add((next, Length(next, step.Size)));
                        }
                    }

                    break;
                case 6:
                    var got = link.Send([.. Enumerable.Range(0, step.Number).Select(static _ => new GetItem(1, NoAck: true))]).OfType<GotItem>().Where(static item => item.Message is not null)
                        .SelectMany(static item => Batches.Ids(item.Message!.Value)).ToArray();
                    Assert.Equal(model.Take(step.Number).Select(static message => message.Id), got);
                    model.RemoveRange(0, Math.Min(step.Number, model.Count));
                    break;
                case 7:
                    (most, bytes, refuses) = (step.Number * 3, long.MaxValue, step.Size > 1_500);
                    gateway.Apply($$"""{"max-length":{{most}},"overflow":"{{(refuses ? "reject-publish" : "drop-head")}}"}""");
                    break;
                case 8:
                    (most, bytes, refuses) = (long.MaxValue, step.Number * step.Size, step.Size > 1_500);
                    gateway.Apply($$"""{"max-length-bytes":{{bytes}},"overflow":"{{(refuses ? "reject-publish" : "drop-head")}}"}""");
                    break;
                default:
                    (most, bytes, refuses) = (long.MaxValue, long.MaxValue, false);
                    gateway.Apply();
                    break;
            }

            while (!refuses && (model.Count > most || model.Sum(static message => (long)message.Length) > bytes))
            {
                model.RemoveAt(0);
            }

            Assert.Equal(model.Count, gateway.Queue.ReadyCount);
        }

        gateway.Apply();
        link.Attach(1, noAck: true);
        Assert.Equal(model.Select(static message => message.Id), link.GivenIds(1));
        Assert.Equal((0, 0), (gateway.Queue.ReadyCount, gateway.Queue.ReadyBytes));

        static int Length(long id, int size) => size + (int)(id % 7);
    }

    private QueueStores Stores() => new(_commit, _commit, new MemoryBudget(2_000, long.MaxValue));

    private readonly record struct PolicyStep(int Kind, int Number, int Size);
}
