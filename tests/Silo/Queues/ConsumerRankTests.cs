using Granary.Core.Links;

namespace Granary.Silo.Tests.Queues;

/// <summary>Consumers are served in the order in which they attached, also when an activation was lost in between and they come again in another order.</summary>
public sealed class ConsumerRankTests
{
    [Theory]
    [InlineData("0 1 2")]
    [InlineData("2 1 0")]
    [InlineData("1 2 0")]
    public void Activation_AfterALoss_ServesConsumersInTheOrderInWhichTheyAttached(string order)
    {
        var before = new TestGateway().Declare();
        var ranks = Enumerable.Range(0, 3).Select(_ => RankOf(before.Open().Attach(1))).ToArray();
        Assert.Equal(ranks.Order(), ranks);

        var after = new TestGateway { Now = before.Now + 5 }.Declare();
        var links = new TestLink[3];
        foreach (var number in order.Split(' ').Select(int.Parse))
        {
            links[number] = after.Open();
            Assert.Equal(ranks[number], RankOf(links[number].Send(Attachment(ranks[number]))));
        }

        Assert.Equal(["0", "1", "2"], FirstOfEach(after, links));
    }

    [Fact]
    public void Consumer_NewAtTheNextActivation_IsBehindThoseThatComeAgainAfterIt()
    {
        var before = new TestGateway().Declare();
        var rank = RankOf(before.Open().Attach(1));

        var after = new TestGateway { Now = before.Now + 1 }.Declare();
        TestLink[] links = [after.Open(), after.Open()];
        links[1].Attach(1);
        links[0].Send(Attachment(rank));

        Assert.Equal(["0", "1"], FirstOfEach(after, links));
    }

    [Fact]
    public void Consumers_UnderASharedLimit_AreOfferedMessagesInTheOrderInWhichTheyAttached()
    {
        var before = new TestGateway().Declare();
        var link = before.Open();
        var ranks = new[] { RankOf(link.Attach(1, shared: true)), RankOf(link.Attach(2, shared: true)) };

        var after = new TestGateway { Now = before.Now + 5 }.Declare();
        var again = after.Open();
        again.Send(Attachment(ranks[1], number: 2, shared: true), Attachment(ranks[0], number: 1, shared: true));

        Assert.Equal([1, 2], again.Publish(0, 1).OfType<ReadyItem>().Select(ready => ready.Consumer));
    }

    private static AttachItem Attachment(long rank, int number = 1, bool shared = false) =>
        new(number, "t", NoAck: false, Exclusive: false, Prefetch: 0, shared, default, new Window(1_000, 1L << 40), rank);

    private static long RankOf(IEnumerable<LinkDownItem> items) => Assert.Single(items.OfType<AttachedItem>()).Rank;

    /// <summary>Publishes a message for each and says, for each consumer in turn, which it was given.</summary>
    private static string[] FirstOfEach(TestGateway gateway, TestLink[] links)
    {
        gateway.Open().Publish(0, links.Length);
        return [.. links.Select(link => string.Join(' ', TestLink.Given(link.Items, 1).Select(given => given.Id)))];
    }
}
