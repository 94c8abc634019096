using Granary.Core.Links;
using Granary.Silo.Queues.Links;

namespace Granary.Silo.Tests.Queues;

public sealed class LinkPacketTests
{
    private readonly TestGateway _gateway = new TestGateway().Declare();

    [Fact]
    public void PacketsOutOfOrder_AreAppliedInOrder_AndAnsweredWithTheLast()
    {
        var link = new TestLink(_gateway, _gateway.Connection);
        Assert.Equal(new LinkAnswer(0, null), Send(link.Packet(3, new PublishItem(Batches.Of(1, 1), false))));
        Assert.Equal(new LinkAnswer(0, null), Send(link.Packet(2, new PublishItem(Batches.Of(0, 1), false))));
        var answer = Send(link.Packet(1));
        Assert.Equal(3, answer.ReceivedThrough);
        var down = Assert.Single(answer.Downs!);
        Assert.Equal([new OpenedItem(_gateway.Queue.Incarnation), new PublishedItem(0, null), new PublishedItem(1, null)], down.Items);
        Assert.Equal((1, 3, 2, TestGateway.Epoch), (down.Number, down.ReceivedThrough, down.Watermark, down.Epoch));
    }

    [Fact]
    public void PacketThatCameBefore_IsAnsweredAgainButNotApplied()
    {
        var link = new TestLink(_gateway, _gateway.Connection);
        Send(link.Packet(1));
        var publish = link.Packet(2, new PublishItem(Batches.Of(0, 1), false));
        Send(publish);
        var answer = Send(publish);
        Assert.Equal(2, answer.ReceivedThrough);
        Assert.Equal([1L, 2L], answer.Downs!.Select(down => down.Number));
        Assert.Equal(1, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void PacketTooFarAhead_IsNotKept()
    {
        var link = _gateway.Open();
        Send(link.Packet(UpwardPackets.MostEarly + 2, new PublishItem(Batches.Of(0, 1), false)));
        for (var number = 2; number <= UpwardPackets.MostEarly + 1; number++)
        {
            Assert.Equal(number, Send(link.Packet(number)).ReceivedThrough);
        }
    }

    [Fact]
    public void Question_IsAnsweredWithWhatIsNotAcknowledged()
    {
        var link = new TestLink(_gateway, _gateway.Connection);
        Send(link.Packet(1));
        Send(link.Packet(2, new PublishItem(Batches.Of(0, 1), false)));
        var answer = Send(new LinkUp { Link = link.Id, Epoch = TestGateway.Epoch, Number = 0, ReceivedThrough = 1 });
        Assert.Equal(2, answer.ReceivedThrough);
        Assert.Equal(2, Assert.Single(answer.Downs!).Number);
        Assert.Null(Send(new LinkUp { Link = link.Id, Number = 0, ReceivedThrough = 2 }).Downs);
    }

    [Fact]
    public void UnacknowledgedPacket_IsPushedAgainAfterAWhile()
    {
        var link = new TestLink(_gateway, _gateway.Connection);
        Send(link.Packet(1));
        Assert.True(_gateway.Slot.NeedsTick);
        _gateway.Slot.Tick(_gateway.Now + DownwardPackets.Patience - 1);
        Assert.Empty(_gateway.Slot.Pushes);
        _gateway.Slot.Tick(_gateway.Now + DownwardPackets.Patience);
        Assert.Equal(1, Assert.Single(_gateway.Slot.Pushes).Packet.Number);
        _gateway.Slot.Tick(_gateway.Now + DownwardPackets.Patience + 1);
        Assert.Single(_gateway.Slot.Pushes);
        Send(new LinkUp { Link = link.Id, Number = 0, ReceivedThrough = 1 });
        Assert.False(_gateway.Slot.NeedsTick);
    }

    [Fact]
    public void PacketOfALaterEpoch_IsDropped()
    {
        var link = _gateway.Open();
        var answer = Send(new LinkUp { Link = link.Id, Epoch = TestGateway.Epoch + 1, Number = 2, Items = [new PublishItem(Batches.Of(0, 1), false)] });
        Assert.Equal(default, answer);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void PacketOfAnEarlierEpoch_IsToldThatItsLinkIsLost()
    {
        var link = new TestLink(_gateway, _gateway.Connection);
        var answer = Send(new LinkUp { Link = link.Id, Epoch = TestGateway.Epoch - 1, Number = 7, Items = [new PublishItem(Batches.Of(0, 1), false)] });
        var down = Assert.Single(answer.Downs!);
        Assert.Equal((TestGateway.Epoch, 1L), (down.Epoch, down.Number));
        Assert.Equal([new EndedItem(LinkEnd.Lost)], down.Items);
        Assert.Equal(0, _gateway.Queue.ReadyCount);
    }

    [Fact]
    public void LoseLinks_TellsEachOpenLinkWhateverElseItHasNotHeard()
    {
        var link = _gateway.Open();
        _gateway.Slot.LoseLinks(_gateway.Now);
        var down = Assert.Single(_gateway.Slot.Pushes).Packet;
        Assert.Equal((link.Id, TestGateway.Epoch + 1, 1L), (down.Link, down.Epoch, down.Number));
        Assert.Equal([new EndedItem(LinkEnd.Lost)], down.Items);
    }

    [Fact]
    public void LinkThatEndedBeforeItOpened_StaysEndedWhenTheQueueIsDeclared()
    {
        var gateway = new TestGateway();
        var link = new TestLink(gateway, gateway.Connection);
        Assert.Equal([new EndedItem(LinkEnd.NoQueue)], Assert.Single(gateway.Slot.Send(link.Packet(2), gateway.Now).Downs!).Items);
        gateway.Declare();
        Assert.Equal([new EndedItem(LinkEnd.NoQueue)], Assert.Single(gateway.Slot.Send(link.Packet(1), gateway.Now).Downs!).Items);
    }

    // A call that took long was made again meanwhile.
    [Fact]
    public void LinkThatFoundNoQueue_StaysEndedWhenTheQueueIsDeclared()
    {
        var gateway = new TestGateway();
        var link = new TestLink(gateway, gateway.Connection);
        var first = link.Packet(1, TestLink.Attachment(1), new PublishItem(Batches.Of(0, 1), Resent: false) { Number = 1 });
        Assert.Equal([new EndedItem(LinkEnd.NoQueue)], Assert.Single(gateway.Slot.Send(first, gateway.Now).Downs!).Items);
        Assert.True(gateway.Slot.IsEmpty);
        gateway.Declare();

        Assert.Equal([new EndedItem(LinkEnd.NoQueue)], Assert.Single(gateway.Slot.Send(first, gateway.Now).Downs!).Items);

        Assert.Equal((0, 0L), (gateway.Queue.ConsumerCount, gateway.Queue.ReadyCount));
        Assert.Single(gateway.Open().Items.OfType<OpenedItem>());
    }

    [Fact]
    public void LinkThatFoundNoQueue_AndAsksOnceMoreMuchLater_IsToldTheSame()
    {
        var gateway = new TestGateway();
        var link = new TestLink(gateway, gateway.Connection);
        gateway.Slot.Send(link.Packet(1), gateway.Now);
        gateway.Declare();

        Assert.Equal([new EndedItem(LinkEnd.NoQueue)], Assert.Single(gateway.Slot.Send(link.Packet(1), gateway.Now + LinkTable.Memory).Downs!).Items);
        Assert.Single(gateway.Open().Items.OfType<OpenedItem>());
    }

    [Fact]
    public void LinksThatFoundNoQueue_AreForgottenAfterAWhile()
    {
        var gateway = new TestGateway();
        var link = new TestLink(gateway, gateway.Connection);
        gateway.Slot.Send(link.Packet(1), gateway.Now);
        gateway.Slot.Send(new TestLink(gateway, gateway.Connection).Packet(1), gateway.Now + LinkTable.Memory);
        gateway.Declare();

        Assert.IsType<OpenedItem>(Assert.Single(Assert.Single(gateway.Slot.Send(link.Packet(1), gateway.Now).Downs!).Items));
    }

    [Fact]
    public void EndedLinks_AreForgottenAfterAWhile()
    {
        var link = _gateway.Open();
        link.Send(new CloseItem());
        _gateway.Delete();
        Assert.False(_gateway.Slot.IsEmpty);
        _gateway.Slot.Tick(_gateway.Now + LinkTable.Memory);
        Assert.True(_gateway.Slot.IsEmpty);
        Assert.False(_gateway.Slot.NeedsTick);
    }

    [Fact]
    public void EndedLink_AfterItsLastPacket_IsForgottenAtOnce()
    {
        var link = _gateway.Open();
        link.Send(new CloseItem());
        _gateway.Delete();
        Assert.Equal(default, Send(Last(link)));
        Assert.True(_gateway.Slot.IsEmpty);
        Assert.False(_gateway.Slot.NeedsTick);
        Assert.Equal(default, Send(Last(link)));
        Assert.True(_gateway.Slot.IsEmpty);
    }

    [Fact]
    public void LastPacket_OfALinkThatHasNotEnded_IsNotHeeded()
    {
        var link = _gateway.Open();
        Assert.Equal(default, Send(Last(link)));
        Assert.False(_gateway.Slot.IsEmpty);
        Send(link.Packet(2, new PublishItem(Batches.Of(0, 1), false)));
        Assert.Equal(1, _gateway.Queue.ReadyCount);
    }

    private static LinkUp Last(TestLink link) => new() { Link = link.Id, Epoch = TestGateway.Epoch, Number = 0, ReceivedThrough = 2, IsLast = true };

    private LinkAnswer Send(LinkUp packet) => _gateway.Slot.Send(packet, _gateway.Now);
}
