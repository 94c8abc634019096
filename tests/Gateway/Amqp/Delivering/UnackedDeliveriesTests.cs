using Granary.Core;
using Granary.Core.Links;
using Granary.Gateway.Amqp;
using Granary.Gateway.Amqp.Delivering;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Amqp.Delivering;

/// <summary>The table of unacknowledged deliveries does what a sorted map from tag to delivery would do.</summary>
public sealed class UnackedDeliveriesTests : IAsyncDisposable
{
    private readonly ConnectionUnderTest _client = new();
    private readonly LinkSet _links = new(new FakeGrains(_ => new ScriptedQueue()).Factory, local: null, ConnectionId.New(), "/", new FakeClock(), NullLogger.Instance);

    [Fact]
    public void Settle_InOrder_TakesRunsWhole()
    {
        var unacked = new UnackedDeliveries();
        var link = _links.Open("q");
        unacked.Add(1, 100, link, 1000, null);
        unacked.Add(101, 100, link, 1100, null);
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
        unacked.Add(1, 3, _links.Open("q"), 0, null);
        Assert.True(unacked.TrySettle(2, multiple: false, _ => { }));

        Assert.False(unacked.TrySettle(tag, multiple, _ => Assert.Fail("nothing is settled")));

        Assert.Equal(2, unacked.Count);
    }

    [Fact]
    public void Settle_AllWithNothingThere_IsNoError() => Assert.True(new UnackedDeliveries().TrySettle(0, multiple: true, _ => { }));

    [Fact]
    public void Walk_AnySettlements_IsAsANaiveModel()
    {
        var first = Seeds.First;
        for (var i = 0; i < 100; i++)
        {
            Walk(unchecked(first + i));
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private void Walk(int seed)
    {
        var random = new Random(seed);
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
        for (var step = 0; step < 400; step++)
        {
            switch (random.Next(12))
            {
                case < 4:
                    var (link, consumer) = sources[random.Next(sources.Length)];
                    var count = random.Next(1, random.Next(2) == 0 ? 4 : 200);
                    offset += random.Next(3) == 0 ? random.Next(5) : 0;
                    unacked.Add(lastTag + 1, count, link, offset, consumer);
                    for (var i = 0; i < count; i++)
                    {
                        model.Add(++lastTag, (link, offset++, consumer));
                    }

                    // Deliveries without acknowledgement use tags up as well.
                    lastTag += random.Next(3) == 0 ? 2UL : 0;
                    break;
                case < 10:
                    SettleOne();
                    break;
                case 10 when taken.Count > 0:
                    // A rollback.
                    unacked.Restore([.. taken]);
                    foreach (var delivery in taken)
                    {
                        for (var i = 0; i < delivery.Offsets.Count; i++)
                        {
                            model.Add(delivery.FirstTag + (ulong)i, (delivery.Session, delivery.Offsets.First + i, delivery.Consumer));
                        }
                    }

                    taken.Clear();
                    break;
                case 11 when random.Next(8) == 0:
                    Expect([.. model.Keys], unacked.TakeAll);
                    break;
            }

            // What was settled longer ago is committed.
            if (taken.Count > 20)
            {
                taken.RemoveRange(0, 10);
            }

            Assert.True(model.Count == unacked.Count, $"seed {seed}: {unacked.Count} instead of {model.Count}");
            Assert.Equal(model.Values.Count(value => value.Consumer is not null), unacked.CountOfConsumers);
        }

        void SettleOne()
        {
            var tag = random.Next(4) == 0 || model.Count == 0 ? (ulong)random.NextInt64((long)lastTag + 3) : model.Keys.ElementAt(random.Next(Math.Min(model.Count, 300)));
            var multiple = random.Next(3) == 0;
            ulong[] expected = multiple ? [.. model.Keys.TakeWhile(key => tag == 0 || key <= tag)] : [tag];
            if (!model.ContainsKey(tag) && !(multiple && tag == 0))
            {
                Assert.False(unacked.TrySettle(tag, multiple, _ => Assert.Fail($"seed {seed}: {tag} is not there")), $"seed {seed}: {tag}");
                return;
            }

            Expect(expected, settled => Assert.True(unacked.TrySettle(tag, multiple, settled), $"seed {seed}: {tag}"));
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

            Assert.True(expected.SequenceEqual(tags), $"seed {seed}: {string.Join(' ', tags)} instead of {string.Join(' ', expected)}");
            taken.AddRange(settled);
        }
    }

    private static AmqpConsumer Consumer(AmqpChannel channel) =>
        new(channel, "c", "q", noAck: false, exclusive: false, prefetch: 0, noWait: true, EncodedTable.Empty);
}
