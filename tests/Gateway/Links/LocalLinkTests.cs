using Granary.Core.Grains;
using Granary.Core.Links;
using Granary.Core.Threads;

namespace Granary.Gateway.Tests.Links;

/// <summary>Links to a queue in the same process.</summary>
public sealed class LocalLinkTests : LinkTests
{
    private readonly LocalQueue _local;

    public LocalLinkTests()
        : this(new LocalQueue())
    {
    }

    private LocalLinkTests(LocalQueue local)
        : base(local) => _local = local;

    [Fact]
    public void Packet_QueueIsActiveHere_GoesWithoutACall_AndItsAnswerIsTakenInALaterTurn()
    {
        var link = Set.Open("q");
        SameThreadContext.Run(
            _ =>
            {
                Publish(link, "a");
                var (up, back) = Assert.Single(_local.Sent);
                Assert.Equal(1, up.Number);
                back.Answer(new LinkAnswer(1, [Down(up, 1, Opened(), Accepted(0))]));
                Assert.Empty(Publisher.Outcomes);
            },
            this);
        Assert.Equal(["a: passed"], Publisher.Outcomes);
        Assert.Empty(Queue.Sent);
    }

    [Fact]
    public void Packet_QueueIsNotActiveHere_GoesByCall()
    {
        _local.Key = GrainKeys.For("/", "another");
        Publish(Set.Open("q"), "a");
        Assert.Empty(_local.Sent);
        Assert.Equal(["a"], Queue.Last.Published);
    }

    [Fact]
    public void Packet_ActivationHasEnded_GoesByCall_AndWithoutOneAgainOnceThereIsAnother()
    {
        var link = Set.Open("q");
        _local.IsClosed = true;
        Publish(link, "a");
        Queue.Last.Answer(1, Queue.Last.Down(1, 1, 1, Opened(), Accepted(0)));
        _local.IsClosed = false;
        Publish(link, "b");
        Assert.Equal([1], Queue.Numbers);
        Assert.Equal(2, Assert.Single(_local.Sent).Up.Number);
    }

    [Fact]
    public void Packet_ActivationEndsBeforeItIsApplied_IsSentAgain()
    {
        var link = Set.Open("q");
        SameThreadContext.Run(
            _ =>
            {
                Publish(link, "a");
                _local.IsClosed = true;
                Assert.Single(_local.Sent).Back.Fail();
            },
            this);
        Tick();
        Assert.Equal(1, Queue.Last.Up.Number);
        Assert.Equal(["a"], Queue.Last.Published);
    }

    [Fact]
    public void Pushes_OfSeveralTurns_AreTakenInOne_ByNumber()
    {
        var link = Set.Open("q");
        SameThreadContext.Run(
            _ =>
            {
                Publish(link, "a");
                Publish(link, "b");
                var (up, back) = Assert.Single(_local.Sent);
                back.Receive(Down(up, 2, Accepted(1)));
                back.Receive(Down(up, 1, Opened(), Accepted(0)));
                back.Answer(new LinkAnswer(1, null));
            },
            this);
        Assert.Equal(2, _local.Sent.Count);
        Assert.Equal(["a: passed", "b: passed"], Publisher.Outcomes);
    }

    private static LinkDown Down(LinkUp up, long number, params LinkDownItem[] items) =>
        new() { Link = up.Link, Epoch = 7, Number = number, ReceivedThrough = number, Watermark = number, Items = items };

    private sealed class LocalQueue : ILocalQueues, ILocalQueue
    {
        public string Key { get; set; } = GrainKeys.For("/", "q");

        public bool IsClosed { get; set; }

        public List<(LinkUp Up, ILocalLink Back)> Sent { get; } = [];

        public ILocalQueue? Find(string key) => key == Key ? this : null;

        public bool TrySend(LinkUp up, ILocalLink link)
        {
            if (!IsClosed)
            {
                Sent.Add((up, link));
            }

            return !IsClosed;
        }
    }
}
