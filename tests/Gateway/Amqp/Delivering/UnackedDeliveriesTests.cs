using CsCheck;
using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Tests.Fakes;
using Granary.Testing.Unkind;
using Granary.Testing.Walks;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>The table of unacknowledged deliveries does what a sorted map from tag to delivery would do.</summary>
[Trait(TestSeed.Trait, TestSeed.NotConcerned)]
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
    public void Leases_ThatAreOver_TakeDeliveriesOutAndLeaveTheirTagsKnown()
    {
        var (unacked, patience) = (new UnackedDeliveries(), Patience(out var clock));
        unacked.Add(1, 3, _links.Open("q"), 10, null, patience.Now);
        unacked.Add(4, 3, _links.Open("q"), 20, null, patience.Now + clock.TimestampFrequency);
        Assert.True(unacked.TrySettle(2, multiple: false, _ => { }));
        var ended = End(unacked, patience, clock, TimeSpan.FromSeconds(1.5));

        Assert.Equal([10, 12], ended.Select(delivery => delivery.Offsets.First));
        Assert.Equal(3, unacked.Count);
        Assert.True(unacked.TrySettle(3, multiple: false, _ => Assert.Fail("it is too late")));
        Assert.False(unacked.TrySettle(2, multiple: false, _ => { }));
        Assert.False(unacked.TrySettle(7, multiple: false, _ => { }));
        Assert.Equal((1, 0), (unacked.TakeLate(), unacked.TakeLate()));
        var settled = new List<SettledDelivery>();
        Assert.True(unacked.TrySettle(5, multiple: true, settled.Add));
        Assert.Equal([(4UL, 2)], settled.Select(one => (one.FirstTag, one.Offsets.Count)));
        Assert.Equal(2, unacked.TakeLate());
    }

    [Fact]
    public void Lease_Extended_EndsAtAnotherTime()
    {
        var (unacked, patience) = (new UnackedDeliveries(), Patience(out var clock));
        unacked.Add(1, 4, _links.Open("q"), 0, null, patience.Now);
        Assert.True(unacked.TryExtend(2, patience, OneSecond, patience.In(TimeSpan.FromSeconds(3))));
        Assert.True(unacked.TryExtend(4, patience, OneSecond, patience.In(TimeSpan.FromSeconds(0.5))));
        Assert.False(unacked.TryExtend(5, patience, OneSecond, until: null));

        Assert.Equal([3L], End(unacked, patience, clock, TimeSpan.FromSeconds(0.6)).Select(delivery => delivery.Offsets.First));
        Assert.Equal([0, 2], End(unacked, patience, clock, TimeSpan.FromSeconds(0.6)).Select(delivery => delivery.Offsets.First));
        Assert.True(unacked.TryExtend(2, patience, OneSecond, until: null));
        Assert.Empty(End(unacked, patience, clock, TimeSpan.FromSeconds(0.9)));
        Assert.Equal([1L], End(unacked, patience, clock, TimeSpan.FromSeconds(0.2)).Select(delivery => delivery.Offsets.First));
        Assert.True(unacked.TryExtend(2, patience, OneSecond, until: null));
        Assert.Equal((0, 1), (unacked.Count, unacked.TakeLate()));
    }

    [Fact]
    public void Leases_OfWhatATransactionGivesBack_BeginAnew_AndThoseOfOthersGoOn()
    {
        var (unacked, patience) = (new UnackedDeliveries(), Patience(out var clock));
        unacked.Add(1, 3, _links.Open("q"), 0, null, patience.Now);
        var taken = new List<SettledDelivery>();
        Assert.True(unacked.TrySettle(2, multiple: false, taken.Add));
        Assert.Empty(End(unacked, patience, clock, TimeSpan.FromSeconds(0.7)));
        unacked.Restore(taken, patience.Now);

        Assert.Equal([0L, 2L], End(unacked, patience, clock, TimeSpan.FromSeconds(0.5)).Select(delivery => delivery.Offsets.First));
        Assert.Equal([1L], End(unacked, patience, clock, TimeSpan.FromSeconds(0.7)).Select(delivery => delivery.Offsets.First));
    }

    [Fact]
    public void LateTags_InAnyOrder_AreKnownOneByOne()
    {
        var (unacked, random, known) = (new UnackedDeliveries(), new Random(1), new SortedSet<ulong>());
        for (var i = 0; i < 2_000; i++)
        {
            var tag = (ulong)random.Next(1, 1_000);
            if (random.Next(20) == 0)
            {
                Assert.Equal(known.Contains(tag), unacked.TrySettle(tag, multiple: true, _ => { }));
                Assert.Equal(known.RemoveWhere(one => one <= tag), unacked.TakeLate());
            }
            else if (known.Add(tag))
            {
                unacked.NoteEnded(new SettledDelivery(tag, _links.Open("q"), new OffsetRange(0, 1), null));
            }

            var asked = (ulong)random.Next(1, 1_000);
            Assert.Equal(known.Contains(asked), unacked.IsLate(asked));
        }
    }

    [Fact]
    public void LateTags_OfWhichThereAreTooMany_AreKnownAllTheSame()
    {
        var unacked = new UnackedDeliveries();
        for (var tag = 1UL; tag < 60_000; tag += 2)
        {
            unacked.NoteEnded(new SettledDelivery(tag, _links.Open("q"), new OffsetRange(0, 1), null));
        }

        Assert.Equal((true, true, true, false), (unacked.IsLate(1), unacked.IsLate(30_001), unacked.IsLate(59_999), unacked.IsLate(59_998)));
    }

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

    private static readonly TimeSpan OneSecond = TimeSpan.FromSeconds(1);

    private static AckPatience Patience(out FakeClock clock)
    {
        clock = new FakeClock();
        return new AckPatience(TimeSpan.Zero, new LinkSet(new FakeGrains(_ => new ScriptedQueue()).Factory, local: null, ConnectionId.New(), "/", clock, NullLogger.Instance));
    }

    /// <summary>Leases of one second.</summary>
    private static List<SettledDelivery> End(UnackedDeliveries unacked, AckPatience patience, FakeClock clock, TimeSpan after)
    {
        clock.Advance(after);
        patience.Tick();
        var ended = new List<SettledDelivery>();
        unacked.EndLeases(patience, OneSecond, ended.Add);
        return ended;
    }

    private static AmqpConsumer Consumer(AmqpChannel channel) =>
        new(channel, "c", "q", noAck: false, exclusive: false, prefetch: 0, noWait: true, EncodedTable.Empty);
}
