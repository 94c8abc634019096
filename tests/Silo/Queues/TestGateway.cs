using Granary.Amqp;
using Granary.Core;
using Granary.Core.Links;
using Granary.Core.Policies;
using Granary.Core.Topology;
using Granary.Silo.Exchanges;
using Granary.Silo.Queues;
using Granary.Silo.Queues.Definition;
using Granary.Silo.Storage;

namespace Granary.Silo.Tests.Queues;

/// <summary>A slot for one queue with a clock that stands, and links to it on which nothing is lost.</summary>
internal sealed class TestGateway
{
    public const long Epoch = 7;

    private readonly Dictionary<LinkId, TestLink> _links = [];

    /// <param name="stores">Where the queue is stored; nowhere unless given. What it waits for from there has happened when <see cref="TestLink.Send"/> returns.</param>
    /// <param name="register">Sessions that are given nothing before the store knows them; see <see cref="QueueSlot.Registered"/>.</param>
    /// <param name="name">Of the queue.</param>
    public TestGateway(QueueStores? stores = null, SessionRegister? register = null, string name = "q")
    {
        Slot = new QueueSlot("/", name, Epoch, (definition, incarnation) => stores?.Create(definition, new QueueIdentity($"%2F/{name}", incarnation) { IsStream = definition.Type == QueueTypes.Stream, HasTimes = definition.Type == QueueTypes.Delayed }, Epoch), (queue, debt) =>
        {
            queue.DeleteStorage();
            if (debt is not null)
            {
                Debts.Add(debt);
            }
        }, register, definition => definition.SettingsWith(Policy));
    }

    public QueueSlot Slot { get; }

    /// <summary>What queues that were deleted leave to do.</summary>
    public List<BindingDebt> Debts { get; } = [];

    /// <summary>Sessions that an earlier activation had: a link of theirs is not their first.</summary>
    public HashSet<SessionId> Resumed { get; } = [];

    /// <summary>What sessions have had of an earlier activation, said by the next link that opens.</summary>
    public BatchProgress[]? Given { get; set; }

    /// <summary>Links that open have sent their first packet before.</summary>
    public bool IsRepeated { get; set; }

    /// <summary>What the queue goes by besides its arguments.</summary>
    public AppliedPolicy Policy { get; set; } = AppliedPolicy.None;

    /// <summary>The store is not waited for.</summary>
    public bool IsImpatient { get; set; }

    public long Now { get; set; } = 1_000;

    public Queue Queue => Slot.Queue!;

    public ConnectionId Connection { get; } = ConnectionId.New();

    public static QueueDeclaration Declaration(
        ConnectionId connection, bool durable = false, bool exclusive = false, bool autoDelete = false, EncodedTable arguments = default,
        bool reservedNameAllowed = false) =>
        new(connection, durable, exclusive, autoDelete, arguments, reservedNameAllowed);

    public TestGateway Declare(bool autoDelete = false, bool exclusive = false, EncodedTable arguments = default, bool durable = false)
    {
        var declaration = Declaration(Connection, durable, autoDelete: autoDelete, exclusive: exclusive, arguments: arguments);
        Assert.Null(Slot.Declare(declaration, Guid.NewGuid(), 0).Error);
        Pump();
        return this;
    }

    /// <summary>Has all happen that the queue waits for from the store.</summary>
    public void Pump()
    {
        while (!IsImpatient && Slot.Queue is { Storage.Journal: { } journal } queue)
        {
            journal.FlushAsync().Wait(TimeSpan.FromSeconds(20));
            var seen = (journal.DeliveredBound, journal.StoredEnd, journal.Watermark);
            Slot.Advance(Now);
            DeliverPushes();
            if (queue.NextLoad() is { } request)
            {
                Assert.Equal(0, queue.Load(request, journal.ReadAsync(request.First, request.End, request.Bytes, default).AsTask().Result, Now));
            }
            else if (journal.FlushAsync().IsCompleted && seen == (journal.DeliveredBound, journal.StoredEnd, journal.Watermark))
            {
                return;
            }
        }

        PumpStream();
    }

    /// <summary>How often a stream has asked the store for messages.</summary>
    public int StreamReads { get; private set; }

    /// <summary>The store lacks messages that the stream does not know to be gone.</summary>
    public bool StoreLoses { get; set; }

    private void PumpStream()
    {
        while (!IsImpatient && Slot.Stream is { Storage.Journal: { } journal } stream)
        {
            journal.FlushAsync().Wait(TimeSpan.FromSeconds(20));
            var watermark = journal.Watermark;
            Slot.Advance(Now);
            DeliverPushes();
            var reads = stream.TakeReads();
            foreach (var read in reads)
            {
                StreamReads++;
                Assert.True(stream.Load(read, read.RunAsync(journal, default).Result) == 0 || StoreLoses);
            }

            if (reads.Length == 0 && journal.FlushAsync().IsCompleted && watermark == journal.Watermark)
            {
                return;
            }
        }
    }

    /// <summary>Opens a link; its <see cref="OpenedItem"/>, or what came instead, is the first that it received.</summary>
    public TestLink Open(ConnectionId? connection = null, params LinkUpItem[] items)
    {
        var link = new TestLink(this, connection ?? Connection);
        _links.Add(link.Id, link);
        link.Send(items);
        return link;
    }

    /// <summary>Opens a link of a session, with more in its first packet.</summary>
    public TestLink Open(SessionId session, params LinkUpItem[] items) => Open(session, Resumed.Contains(session) ? 2 : 1, items);

    /// <summary>With the first packet of a link that is not their first consumers come again, as the first activation has ranked them.</summary>
    public TestLink Open(SessionId session, int ordinal, params LinkUpItem[] items)
    {
        var link = new TestLink(this, Connection, session, ordinal: ordinal);
        _links.Add(link.Id, link);
        link.Send(ordinal == 1 ? items : [.. items.Select(static item => item is AttachItem { Rank: 0 } attach ? attach with { Rank = attach.Consumer } : item)]);
        return link;
    }

    /// <summary>Has the queue go by a policy with these settings; without any, by none.</summary>
    public void Apply(string definition = "{}")
    {
        Policy = PolicyTable.Empty.With([new Policy("/", "p", "", "all", 0, definition, IsOperator: false)]).Find("/", Queue.Definition.Type.ToTarget(), "q");
        Slot.ApplySettings(Now);
        DeliverPushes();
        Pump();
    }

    public QueueAnswer Delete(bool ifUnused = false, bool ifEmpty = false, ConnectionId? by = null)
    {
        var answer = Slot.Delete(by ?? Connection, ifUnused, ifEmpty, Now);
        DeliverPushes();
        return answer;
    }

    public void Tick(long milliseconds)
    {
        Now += milliseconds;
        Slot.Tick(Now);
        DeliverPushes();
    }

    public void DeliverPushes()
    {
        var pushes = Slot.Pushes.ToArray();
        Slot.Pushes.Clear();
        foreach (var (_, packet, _) in pushes)
        {
            _links[packet.Link].Receive(packet);
        }
    }
}

/// <summary>The gateway's end of one link.</summary>
internal sealed class TestLink(TestGateway gateway, ConnectionId connection, SessionId? session = null, Guid incarnation = default, int ordinal = 1) : ILinkObserver
{
    private long _sent;
    private long _received;

    public LinkId Id { get; } = LinkId.New();

    public SessionId Session { get; } = session ?? SessionId.New();

    /// <summary>All items so far.</summary>
    public List<LinkDownItem> Items { get; } = [];

    public long Watermark { get; private set; }

    /// <summary>Through which batches nothing is left that was not given to this link.</summary>
    public List<BatchProgress> GivenThrough { get; } = [];

    /// <summary>How many packets it sent.</summary>
    public long Sent => _sent;

    /// <summary>Which packets the queue has said to be stored.</summary>
    public (long Up, long Down) Stored { get; private set; }

    public long AnsweredThrough { get; private set; }

    /// <summary>Sends one packet and answers with the items that this link received by that.</summary>
    public LinkDownItem[] Send(params LinkUpItem[] items)
    {
        var before = Items.Count;
        var answer = gateway.Slot.Send(Packet(++_sent, items), gateway.Now);
        AnsweredThrough = answer.ReceivedThrough;
        foreach (var down in answer.Downs ?? [])
        {
            Receive(down);
        }

        gateway.DeliverPushes();
        gateway.Pump();
        return [.. Items.Skip(before)];
    }

    /// <summary>Sends one packet before it has received what the queue has sent, or sends now: that is under way until the answer is received.</summary>
    public LinkDown[] SendAhead(params LinkUpItem[] items) => gateway.Slot.Send(Packet(++_sent, items), gateway.Now).Downs ?? [];

    /// <summary>Lets the queue forget the link, which has ended.</summary>
    public void SendLast()
    {
        gateway.Slot.Send(new LinkUp { Link = Id, Epoch = TestGateway.Epoch, Number = 0, ReceivedThrough = _received, IsLast = true }, gateway.Now);
        gateway.Pump();
    }

    public LinkUp Packet(long number, params LinkUpItem[] items) => new()
    {
        Link = Id,
        Epoch = number == 1 ? 0 : TestGateway.Epoch,
        Number = number,
        ReceivedThrough = _received,
        Open = number == 1 ? new LinkOpen(connection, this, Session, incarnation, ordinal) { GivenThrough = gateway.Given, IsRepeated = gateway.IsRepeated } : null,
        Items = items,
    };

    public void Receive(LinkDown packet)
    {
        if (packet.Number <= _received)
        {
            // Sent again, because this link said nothing for a while.
            return;
        }

        Assert.Equal(_received + 1, packet.Number);
        Assert.True(packet.Watermark >= Watermark);
        _received = packet.Number;
        Watermark = packet.Watermark;
        Stored = (packet.StoredUp, packet.StoredDown);
        Items.AddRange(packet.Items);
        GivenThrough.AddRange(packet.GivenThrough ?? []);
    }

    public Task ReceiveAsync(LinkDown down) => throw new InvalidOperationException("Only grains push to observers.");

    public LinkDownItem[] Publish(long first, int count) => Send(new PublishItem(Batches.Of(first, count), false));

    public LinkDownItem[] Attach(
        int consumer, bool noAck = false, int prefetch = 0, bool shared = false, bool exclusive = false, long messages = 1_000_000, long bytes = 1L << 40,
        long priority = 0) =>
        Send(Attachment(consumer, noAck, prefetch, shared, exclusive, messages, bytes, priority));

    public static AttachItem Attachment(
        int consumer, bool noAck = false, int prefetch = 0, bool shared = false, bool exclusive = false, long messages = 1_000_000, long bytes = 1L << 40,
        long priority = 0) =>
        new(consumer, $"tag-{consumer}", noAck, exclusive, prefetch, shared, PriorityArgument(priority), new Window(messages, bytes));

    public static EncodedTable PriorityArgument(long priority) => priority == 0 ? default : EncodedTable.From(FieldTable.Of(("x-priority", priority)));

    public LinkDownItem[] Settle(Settlement settlement, params (long First, int Count)[] ranges) =>
        Send(new SettleItem(settlement, [.. ranges.Select(range => new OffsetRange(range.First, range.Count))]));

    /// <summary>What a consumer was given among these items, as (id, redelivered).</summary>
    public static (long Id, bool Redelivered)[] Given(IEnumerable<LinkDownItem> items, int consumer) =>
    [
        .. items.OfType<DeliveryItem>().Where(item => item.Consumer == consumer)
            .SelectMany(item => item.Slices).SelectMany(slice => Batches.Ids(slice).Select(id => (id, slice.Redelivered))),
    ];

    public long[] GivenIds(int consumer) => [.. Given(Items, consumer).Select(given => given.Id)];
}
