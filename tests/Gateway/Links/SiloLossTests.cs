using Granary.Core.Links;

namespace Granary.Gateway.Tests.Links;

/// <summary>Sessions that wait for nothing but deliveries, when the silo of their queue goes.</summary>
public sealed class SiloLossTests : LinkTests
{
    private const int SecondLater = 1_100;

    /// <summary>Packets that were sent since the consumer was attached, and all was said.</summary>
    private int Asked => Queue.Sent.Count - 3;

    [Fact]
    public void Tick_AfterASiloWasLost_AsksUntilSomethingIsHeard()
    {
        AttachAndSettle();
        Tick();
        Assert.Equal(0, Asked);

        Losses.Note();
        Tick();
        Assert.Equal(1, Asked);
        Queue.Last.Fail();
        Tick(SecondLater);
        Assert.Equal(2, Asked);

        Queue.Last.Answer(2);
        Tick(SecondLater);
        Assert.Equal(2, Asked);
    }

    [Fact]
    public void Tick_AnotherActivationAnswers_AttachesTheConsumerThere()
    {
        AttachAndSettle();
        Losses.Note();
        Tick();

        var asked = Queue.Last.Up;
        Queue.Last.Answer(0, new LinkDown { Link = asked.Link, Epoch = asked.Epoch + 1, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Tick();

        Assert.NotNull(Queue.Last.Up.Open);
        Assert.Single(Queue.Last.Up.Items.OfType<AttachItem>());
    }

    [Fact]
    public void Tick_ConsumerThatHeardNothingForLong_Asks()
    {
        AttachAndSettle();
        Tick(9_000);
        Assert.Equal(0, Asked);
        Tick(SecondLater);
        Assert.Equal(1, Asked);
    }

    // That the activation ended was told once, and may have got lost.
    [Theory]
    [InlineData("a publisher that waits for the watermark")]
    [InlineData("a get that waits for its answer")]
    [InlineData("a session that is closed")]
    public void Tick_WhoHeardNothingForLongAndWaitsForSomething_Asks(string who)
    {
        var link = Opened("q");
        if (who.Contains("publisher", StringComparison.Ordinal))
        {
            Publish(link, "a");
            Queue.Last.Answer(2, Queue.Last.Down(2, 2, 0, Accepted(0)));
        }
        else if (who.Contains("get", StringComparison.Ordinal))
        {
            link.Get(noAck: false, (_, _) => { });
            Set.Flush();
            Queue.Last.Answer(2);
        }
        else
        {
            link.Close();
            Set.Flush();
            Queue.Last.Answer(2);
        }

        var before = Queue.Sent.Count;
        Tick();
        if (Queue.Sent.Count > before)
        {
            // It has said what it received.
            Queue.Last.Answer(2);
        }

        var sent = Queue.Sent.Count;
        Tick(9_000);
        Assert.Equal(sent, Queue.Sent.Count);
        Tick(SecondLater);

        var asked = Queue.Last.Up;
        Assert.Equal((sent + 1, 0L, 7L), (Queue.Sent.Count, asked.Number, asked.Epoch));
        Queue.Last.Answer(0, new LinkDown { Link = asked.Link, Epoch = asked.Epoch + 1, Number = 1, Items = [new EndedItem(LinkEnd.Lost)] });
        Assert.NotNull(Queue.Last.Up.Open);
    }

    private void AttachAndSettle()
    {
        Attached(Opened("q"));

        // It says what it has received.
        Tick();
        Queue.Last.Answer(2);
    }
}
