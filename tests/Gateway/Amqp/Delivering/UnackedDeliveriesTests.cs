using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>The table of unacknowledged deliveries does what a sorted map from tag to delivery would do.</summary>
public sealed class UnackedDeliveriesTests : IAsyncLifetime
{
    private readonly ConnectionUnderTest _client = new();
    private readonly LinkSet _links = new(new FakeGrains(_ => new ScriptedQueue()).Factory, local: null, ConnectionId.New(), "/", new FakeClock(), NullLogger.Instance);

    [Fact]
    public void Settle_InOrder_TakesRunsWhole()
    {
        var unacked = new UnackedDeliveries();
        var link = _links.Open("q");
        unacked.Add(1, 100, link, 1000, null, since: 0);
        unacked.Add(101, 100, link, 1100, null, since: 0);
        var settled = new List<SettledDelivery>();

        Assert.True(unacked.TrySettle(150, multiple: true, settled.Add));

        Assert.Equal([new SettledDelivery(1, link, new OffsetRange(1000, 150), null)], settled);
        Assert.Equal(50, unacked.Count);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(9, false)]
    [InlineData(9, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void Settle_UnknownTag_IsRefusedAndChangesNothing(ulong tag, bool multiple)
    {
        var unacked = new UnackedDeliveries();
        unacked.Add(1, 3, _links.Open("q"), 0, null, since: 0);
        Assert.True(unacked.TrySettle(2, multiple: false, _ => { }));

        Assert.False(unacked.TrySettle(tag, multiple, _ => Assert.Fail("nothing is settled")));

        Assert.Equal(2, unacked.Count);
    }

    [Fact]
    public void Settle_AllWithNothingThere_IsNoError() => Assert.True(new UnackedDeliveries().TrySettle(0, multiple: true, _ => { }));

    [Fact]
    public void Walk_AnySettlements_IsAsANaiveModel() =>
        UnackedStep.Any.Array[1, 800].Walk(Check, count: 100, print: steps => string.Join('\n', steps.AsEnumerable()));

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _client.DisposeAsync();

    private void Check(UnackedStep[] steps)
    {
        var unacked = new UnackedDeliveries();
        var model = new SortedDictionary<ulong, (QueueSession Link, long Offset, AmqpConsumer? Consumer)>();
        var channel = new AmqpChannel(_client.Connection, 1);
        (QueueSession Link, AmqpConsumer? Consumer)[] sources =
        [
            (_links.Open("a"), Consumer(channel)), (_links.Open("a"), Consumer(channel)), (_links.Open("b"), Consumer(channel)), (_links.Open("b"), null),
        ];
        var offset = 0L;
        var lastTag = 0UL;
        var taken = new List<SettledDelivery>();
        foreach (var step in steps)
        {
            switch (step)
            {
                case UnackedStep.Deliver deliver:
                    var (link, consumer) = sources[deliver.Source];
                    offset += deliver.Gap;
                    unacked.Add(lastTag + 1, deliver.Count, link, offset, consumer, since: deliver.Count % 2);
                    for (var i = 0; i < deliver.Count; i++)
                    {
                        model.Add(++lastTag, (link, offset++, consumer));
                    }

                    // Deliveries without acknowledgement use tags up as well.
                    lastTag += (ulong)deliver.TagsOfOthers;
                    break;
                case UnackedStep.Settle { IsThere: true, Tag: var which, Multiple: var multiple } when model.Count > 0:
                    SettleOne(model.Keys.ElementAt(which % Math.Min(model.Count, 300)), multiple);
                    break;
                case UnackedStep.Settle { Tag: var which, Multiple: var multiple }:
                    SettleOne((ulong)which % (lastTag + 3), multiple);
                    break;
                case UnackedStep.RollBack:
                    unacked.Restore([.. taken], since: 2);
                    foreach (var delivery in taken)
                    {
                        for (var i = 0; i < delivery.Offsets.Count; i++)
                        {
                            model.Add(delivery.FirstTag + (ulong)i, (delivery.Session, delivery.Offsets.First + i, delivery.Consumer));
                        }
                    }

                    taken.Clear();
                    break;
                case UnackedStep.TakeAll:
                    Expect([.. model.Keys], unacked.TakeAll);
                    break;
            }

            // What was settled longer ago is committed.
            if (taken.Count > 20)
            {
                taken.RemoveRange(0, 10);
            }

            Assert.Equal((model.Count, model.Values.Count(value => value.Consumer is not null)), (unacked.Count, unacked.CountOfConsumers));
        }

        void SettleOne(ulong tag, bool multiple)
        {
            ulong[] expected = multiple ? [.. model.Keys.TakeWhile(key => tag == 0 || key <= tag)] : [tag];
            if (!model.ContainsKey(tag) && !(multiple && tag == 0))
            {
                Assert.False(unacked.TrySettle(tag, multiple, _ => Assert.Fail($"{tag} is not there")), $"{tag}");
                return;
            }

            Expect(expected, settled => Assert.True(unacked.TrySettle(tag, multiple, settled), $"{tag}"));
        }

        void Expect(ulong[] expected, Action<Action<SettledDelivery>> act)
        {
            var settled = new List<SettledDelivery>();
            act(settled.Add);
            var tags = new List<ulong>();
            foreach (var delivery in settled)
            {
                for (var i = 0; i < delivery.Offsets.Count; i++)
                {
                    var tag = delivery.FirstTag + (ulong)i;
                    tags.Add(tag);
                    Assert.Equal((delivery.Session, delivery.Offsets.First + i, delivery.Consumer), model[tag]);
                    model.Remove(tag);
                }
            }

            Assert.Equal(expected, tags);
            taken.AddRange(settled);
        }
    }

    private static AmqpConsumer Consumer(AmqpChannel channel) =>
        new(channel, "c", "q", noAck: false, exclusive: false, prefetch: 0, noWait: true, EncodedTable.Empty);
}
