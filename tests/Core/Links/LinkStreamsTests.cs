using Granary.Core.Links;

namespace Granary.Core.Tests.Links;

public sealed class LinkStreamsTests
{
    private readonly LinkStreams _streams = new(TimeProvider.System);

    [Fact]
    public void LastPacket_WhenAllWasAnswered_IsGivenOnce()
    {
        _streams.Add([], open: null);
        Assert.NotNull(_streams.Accept(Down(1, new ClosedItem())));
        Assert.Null(_streams.TakeLast());
        _streams.Answered(new LinkAnswer(1, null));
        Assert.Null(_streams.TakeLast());

        _streams.End(isRemembered: true);

        var last = _streams.TakeLast();
        Assert.Equal((_streams.Id, 7, 0, 1, true), (last!.Link, last.Epoch, last.Number, last.ReceivedThrough, last.IsLast));
        Assert.Null(_streams.TakeLast());
    }

    [Fact]
    public void LastPacket_WhileAnotherIsUnderWay_Waits()
    {
        _streams.Add([], open: null);
        _streams.Accept(Down(1, new ClosedItem()));
        _streams.Ask();
        _streams.End(isRemembered: true);
        Assert.Null(_streams.TakeLast());
        _streams.Answered(new LinkAnswer(1, null));
        Assert.Null(_streams.TakeLast());
        _streams.Answered(new LinkAnswer(1, null));
        Assert.NotNull(_streams.TakeLast());
    }

    [Fact]
    public void LastPacket_AfterACallThatFailed_IsNotGiven()
    {
        _streams.Add([], open: null);
        _streams.Failed();
        Assert.Single(_streams.TakeDue());
        _streams.Accept(Down(1, new ClosedItem()));
        _streams.Answered(new LinkAnswer(1, null));
        _streams.End(isRemembered: true);
        Assert.Null(_streams.TakeLast());
    }

    [Fact]
    public void LastPacket_OfALinkThatTheQueueNeverHad_IsNotGiven()
    {
        _streams.Add([], open: null);
        _streams.Accept(Down(1, new EndedItem(LinkEnd.NoQueue)));
        _streams.Answered(new LinkAnswer(0, null));
        _streams.End(isRemembered: false);
        Assert.Null(_streams.TakeLast());
    }

    [Fact]
    public void FirstPacket_SentAgain_SaysThatItWasSentBefore()
    {
        var open = new LinkOpen(default, null!, SessionId.New(), default, 1);
        var first = _streams.Add([new CloseItem()], open);
        Assert.False(first.Open!.IsRepeated);
        _streams.Failed();

        var again = Assert.Single(_streams.TakeDue());

        Assert.Equal(open with { IsRepeated = true }, again.Open);
        Assert.Equal((first.Link, 0L, 1L), (again.Link, again.Epoch, again.Number));
        Assert.Same(first.Items, again.Items);
        _streams.Failed();
        Assert.Same(again, Assert.Single(_streams.TakeDue()));
    }

    private LinkDown Down(long number, LinkDownItem item) =>
        new() { Link = _streams.Id, Epoch = 7, Number = number, ReceivedThrough = 1, Items = [item] };
}
